// Fuzzes the word counter: any bytes are words or a refusal that names the byte, the same ones however the
// text is cut into blocks and shared among threads.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_counter.h"

using namespace fastnlp;

namespace {

struct Outcome {
  std::string text;  // with one space after each word, one "\n" for each line and "\f" at the end
  std::string refusal;

  bool operator==(const Outcome&) const = default;
};

Outcome count(std::string_view text, int threads, std::size_t step, bool replace) {
  Outcome outcome;
  TokenCounter counter(threads, 1, replace);
  counter.begin_source(true);
  std::vector<std::int32_t> stream;
  try {
    for (std::size_t at = 0; at < text.size(); at += step) {
      const auto more = counter.feed(text.substr(at, step));
      stream.insert(stream.end(), more.begin(), more.end());
    }
    const auto more = counter.end_source();
    stream.insert(stream.end(), more.begin(), more.end());
  } catch (const std::invalid_argument& error) {
    outcome.refusal = error.what();
    return outcome;
  }
  while (!counter.merge(7)) {
  }
  const NumberedWords words = counter.words();
  for (const std::int32_t entry : stream) {
    if (entry < 0) {
      // How far a run of blank lines is shortened depends on the blocks; what it means does not.
      if (entry == kEndOfLine && outcome.text.ends_with("\n\n")) continue;
      outcome.text += entry == kEndOfLine ? '\n' : '\f';
      continue;
    }
    const auto number = static_cast<std::size_t>(words.number_of.at(static_cast<std::size_t>(entry)));
    const auto begin = static_cast<std::size_t>(words.offsets.at(number));
    const auto end = static_cast<std::size_t>(words.offsets.at(number + 1));
    if (begin >= end) std::abort();
    outcome.text.append(words.bytes, begin, end - begin).append(" ");
  }
  const std::int64_t counted = std::accumulate(words.counts.begin(), words.counts.end(), std::int64_t{0});
  if (counted != std::count_if(stream.begin(), stream.end(), [](std::int32_t id) { return id >= 0; }))
    std::abort();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const bool replace = (data[0] & 1) != 0;
  const int threads = 1 + (data[0] >> 1) % 4;
  const bool long_text = data[0] == 0xFF && data[1] == 0xFF;  // a second thread starts from 128 KiB on
  std::size_t step = 1 + data[1] % 32;
  std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (long_text) {
    step *= 8192;
    const std::string once = text;
    while (text.size() < 140'000) text += once;
  }
  if (!(count(text, 1, text.size() + 1, replace) == count(text, threads, step, replace))) std::abort();
  return 0;
}
