#include "sampling/masking.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace fastnlp {

std::int64_t predictions(const MaskRules& rules, std::int64_t n) {
  const auto rounded = static_cast<std::int64_t>(std::nearbyint(rules.fraction * static_cast<double>(n)));
  return std::min(std::max<std::int64_t>(rounded, 1), rules.most);
}

NeverPredicted::NeverPredicted(std::span<const std::uint8_t> flags) {
  const auto never = [](std::uint8_t of) { return (of & kNeverPredicted) != 0; };
  const auto begin = std::find_if(flags.begin(), flags.end(), never);
  auto end = flags.end();
  while (end != begin && !never(end[-1])) --end;
  first = static_cast<std::uint32_t>(begin - flags.begin());
  count = static_cast<std::uint32_t>(end - begin);
  all = std::all_of(begin, end, never);
}

// All at once, for a block does not wait for the one before it.
const std::uint32_t* Masker::draw(Stream stream, std::uint64_t position, std::size_t words) {
  const std::size_t blocks = (words + 3) / 4;
  if (drawn_.size() < 4 * blocks) drawn_.resize(4 * blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    const Block block = philox::block(seed_, stream, epoch_, position, static_cast<std::uint32_t>(b));
    std::copy(block.begin(), block.end(), &drawn_[4 * b]);
  }
  return drawn_.data();
}

void Masker::choose(std::int32_t place) {
  chosen_[static_cast<std::size_t>(place) / 64] |= std::uint64_t{1} << place % 64;
}

void Masker::choose_tokens(std::span<const std::int32_t> tokens, std::uint64_t position,
                           std::int64_t wanted) {
  candidates_.resize(tokens.size());
  std::int32_t* const candidates = candidates_.data();
  std::size_t count = 0;
  const auto gather = [&](const auto& never) {
    for (std::size_t q = 0; q < tokens.size(); ++q) {
      candidates[count] = static_cast<std::int32_t>(q);
      count += !never(static_cast<std::uint32_t>(tokens[q]));
    }
  };
  const std::uint32_t first = never_.first, ids = never_.count;
  if (never_.all) {
    gather([=](std::uint32_t id) { return id - first < ids; });
  } else {
    const std::uint8_t* const flags = rules_.flags.data();
    gather([=](std::uint32_t id) { return id - first < ids && (flags[id] & kNeverPredicted) != 0; });
  }
  const auto chosen = std::min(static_cast<std::size_t>(wanted), count);
  const std::uint32_t* const words = draw(Stream::kMasking, position, chosen);
  for (std::size_t i = 0; i < chosen; ++i) {
    std::swap(candidates[i], candidates[i + below(words[i], static_cast<std::uint32_t>(count - i))]);
    choose(candidates[i]);
  }
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
  PhiloxStream words(seed_, Stream::kMasking, epoch_, position);
  std::int64_t left = wanted;
  for (std::size_t i = 0; i < candidates_.size() && left > 0; ++i) {
    const auto others = static_cast<std::uint32_t>(candidates_.size() - i);
    std::swap(candidates_[i], candidates_[i + below(words.next(), others)]);
    const std::int32_t begin = candidates_[i], end = ends_[static_cast<std::size_t>(begin)];
    if (end - begin > left) continue;
    left -= end - begin;
    for (std::int32_t q = begin; q < end; ++q) choose(q);
  }
}

std::int64_t Masker::hide(std::span<std::int32_t> tokens, std::uint64_t position, const std::uint8_t* begins,
                          std::int32_t* positions, std::int32_t* labels) {
  const std::int64_t wanted = predictions(rules_, static_cast<std::int64_t>(tokens.size()));
  chosen_.assign((tokens.size() + 63) / 64, 0);
  if (rules_.whole_words) {
    choose_words(tokens, position, wanted, begins);
  } else {
    choose_tokens(tokens, position, wanted);
  }
  const std::uint32_t* words = draw(Stream::kReplacement, position, 2 * static_cast<std::size_t>(wanted));
  std::int64_t count = 0;
  for (std::size_t part = 0; part < chosen_.size(); ++part) {
    for (std::uint64_t bits = chosen_[part]; bits != 0; bits &= bits - 1, ++count) {
      const std::size_t place = 64 * part + static_cast<std::size_t>(std::countr_zero(bits));
      std::int32_t& token = tokens[place];
      positions[count] = static_cast<std::int32_t>(place);
      labels[count] = token;
      const std::uint32_t what = *words++, which = *words++;
      if (accepts(rules_.mask_limit, what)) {
        token = rules_.mask;
      } else if (accepts(rules_.random_limit, what)) {
        token = rules_.drawable[below(which, static_cast<std::uint32_t>(rules_.drawable.size()))];
      }
    }
  }
  return count;
}

}  // namespace fastnlp
