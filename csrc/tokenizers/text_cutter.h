// Documents cut into units of work, one after another, for whichever thread asks next.
#pragma once

#include <cstddef>
#include <mutex>
#include <string_view>
#include <vector>

#include "tokenizers/text_encoder.h"

namespace fastnlp {

// Stretches that one thread takes at once, some milliseconds of work at worst, and how many ids each became.
struct TextUnit {
  std::size_t number = 0;
  std::vector<Stretch> stretches;
  std::vector<std::size_t> counts;
};

class TextCutter {
 public:
  static constexpr std::int32_t kText = -1;                    // a stretch that is no special token
  static constexpr std::size_t kBytes = std::size_t{1} << 17;  // of text, in a unit

  // All are read until the last unit is cut.
  TextCutter(const TextEncoder& encoder, const std::vector<SpecialUse>& uses,
             const std::vector<std::string_view>& documents);

  // The next unit; false where there is none. Throws at a special token that is refused, and then gives none
  // any more.
  bool next(TextUnit& unit);

 private:
  bool add(std::vector<Stretch>& stretches);
  void find_special();

  const TextEncoder& encoder_;
  const std::vector<SpecialUse>& uses_;
  const std::vector<std::string_view>& documents_;
  bool any_special_;  // that does not count as text
  std::mutex mutex_;
  std::size_t units_ = 0;
  std::size_t document_ = 0;
  bool opened_ = false;           // the document
  const char* place_ = nullptr;   // in it
  SpecialTokens::Found special_;  // the next one in it; with the number of all of them, none
};

}  // namespace fastnlp
