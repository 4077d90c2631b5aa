#include "tokenizers/text_cutter.h"

#include <algorithm>
#include <string>

#include "support/checks.h"
#include "tokenizers/shown.h"

namespace fastnlp {

TextCutter::TextCutter(const TextEncoder& encoder, const std::vector<SpecialUse>& uses,
                       const std::vector<std::string_view>& documents)
    : encoder_(encoder),
      uses_(uses),
      documents_(documents),
      any_special_(
          std::any_of(uses.begin(), uses.end(), [](SpecialUse use) { return use != SpecialUse::kText; })) {}

bool TextCutter::next(TextUnit& unit) {
  const std::lock_guard lock(mutex_);
  unit.stretches.clear();
  std::size_t bytes = 0;
  while (bytes < kBytes && unit.stretches.size() < kBytes / 16 && add(unit.stretches)) {
    bytes += static_cast<std::size_t>(unit.stretches.back().end - unit.stretches.back().begin);
  }
  if (unit.stretches.empty()) return false;
  unit.number = units_++;
  return true;
}

// Adds the next stretch; false where there is none.
bool TextCutter::add(std::vector<Stretch>& stretches) {
  const auto& tokens = encoder_.special_tokens().tokens();
  for (; document_ < documents_.size(); ++document_, opened_ = false) {
    const auto index = static_cast<std::uint32_t>(document_);
    const char* const end = documents_[document_].data() + documents_[document_].size();
    if (!opened_) {
      place_ = documents_[document_].data();
      opened_ = true;
      find_special();
    }
    if (place_ < special_.begin) {
      const char* stop = special_.begin;
      if (static_cast<std::size_t>(stop - place_) > kBytes + kBytes / 2) {
        stop = encoder_.cut(place_ + kBytes, stop);
      }
      stretches.push_back({place_, stop, special_.begin, kText, index});
      place_ = stop;
      return true;
    }
    if (special_.token < tokens.size()) {
      stretches.push_back({special_.begin, special_.end, special_.end, tokens[special_.token].id, index});
      place_ = special_.end;
      find_special();
      return true;
    }
    place_ = end;
  }
  return false;
}

void TextCutter::find_special() {
  const std::string_view document = documents_[document_];
  const char* const end = document.data() + document.size();
  const SpecialTokens& specials = encoder_.special_tokens();
  special_ = {end, end, specials.tokens().size()};
  if (!any_special_) return;
  special_ = specials.find(place_, end, uses_);
  if (special_.token == specials.tokens().size()) {
    special_.begin = end;
    return;
  }
  if (uses_[special_.token] != SpecialUse::kRefused) return;
  const std::size_t number = document_;
  document_ = documents_.size();
  refuse("text", "no special token",
         shown(specials.tokens()[special_.token].text) + " at byte " +
             std::to_string(special_.begin - document.data()) +
             (documents_.size() > 1 ? " of text " + std::to_string(number) : ""));
}

}  // namespace fastnlp
