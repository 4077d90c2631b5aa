#include "sampling/masking.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "support/philox.h"

namespace fastnlp {

std::int64_t predictions(const MaskRules& rules, std::int64_t n) {
  const auto rounded = static_cast<std::int64_t>(std::nearbyint(rules.fraction * static_cast<double>(n)));
  return std::min(std::max<std::int64_t>(rounded, 1), rules.most);
}

void Masker::choose_tokens(std::span<const std::int32_t> tokens, std::uint64_t position,
                           std::int64_t wanted) {
  candidates_.resize(tokens.size());
  std::size_t count = 0;
  for (std::size_t q = 0; q < tokens.size(); ++q) {
    candidates_[count] = static_cast<std::int32_t>(q);
    count += !(rules_.flags[tokens[q]] & kNeverPredicted);
  }
  PhiloxStream words(seed_, Stream::kMasking, epoch_, position);
  const auto chosen = std::min(static_cast<std::size_t>(wanted), count);
  for (std::size_t i = 0; i < chosen; ++i) {
    std::swap(candidates_[i], candidates_[i + below(words.next(), static_cast<std::uint32_t>(count - i))]);
  }
  chosen_.assign(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(chosen));
}

void Masker::choose_words(std::span<const std::int32_t> tokens, std::uint64_t position, std::int64_t wanted,
                          const std::uint8_t* begins) {
  // Candidates are the first tokens of words; ends_[q] is where the word that begins at q ends.
  candidates_.clear();
  ends_.resize(tokens.size());
  bool inside = false;  // a word that the next token may go on with
  for (std::size_t q = 0; q < tokens.size(); ++q) {
    const std::uint8_t flags = rules_.flags[tokens[q]];
    if (flags & kNeverPredicted) {
      inside = false;
      continue;
    }
    if (!inside || begins[q] || flags & kBeginsWord) candidates_.push_back(static_cast<std::int32_t>(q));
    ends_[static_cast<std::size_t>(candidates_.back())] = static_cast<std::int32_t>(q) + 1;
    inside = !(flags & kEndsWord);
  }
  chosen_.clear();
  PhiloxStream words(seed_, Stream::kMasking, epoch_, position);
  std::int64_t left = wanted;
  for (std::size_t i = 0; i < candidates_.size() && left > 0; ++i) {
    const auto others = static_cast<std::uint32_t>(candidates_.size() - i);
    std::swap(candidates_[i], candidates_[i + below(words.next(), others)]);
    const std::int32_t begin = candidates_[i], end = ends_[static_cast<std::size_t>(begin)];
    if (end - begin > left) continue;
    left -= end - begin;
    for (std::int32_t q = begin; q < end; ++q) chosen_.push_back(q);
  }
}

std::int64_t Masker::hide(std::span<std::int32_t> tokens, std::uint64_t position, const std::uint8_t* begins,
                          std::int32_t* positions, std::int32_t* labels) {
  const std::int64_t wanted = predictions(rules_, static_cast<std::int64_t>(tokens.size()));
  if (rules_.whole_words) {
    choose_words(tokens, position, wanted, begins);
  } else {
    choose_tokens(tokens, position, wanted);
  }
  std::sort(chosen_.begin(), chosen_.end());
  PhiloxStream words(seed_, Stream::kReplacement, epoch_, position);
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    std::int32_t& token = tokens[static_cast<std::size_t>(chosen_[i])];
    positions[i] = chosen_[i];
    labels[i] = token;
    const std::uint32_t what = words.next(), which = words.next();
    if (accepts(rules_.mask_limit, what)) {
      token = rules_.mask;
    } else if (accepts(rules_.random_limit, what)) {
      token = rules_.drawable[below(which, static_cast<std::uint32_t>(rules_.drawable.size()))];
    }
  }
  return static_cast<std::int64_t>(chosen_.size());
}

}  // namespace fastnlp
