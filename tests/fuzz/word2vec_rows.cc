// Fuzzes the parsers of word2vec's two formats: any bytes are rows or a refusal, the same ones however the
// file is cut into blocks, and text that was parsed is written and parsed again without a change.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/word2vec_rows.h"

using namespace fastnlp;

namespace {

struct Outcome {
  std::vector<std::string> tokens;
  std::vector<float> vectors;
  std::string refusal;

  bool operator==(const Outcome& other) const {
    return tokens == other.tokens && refusal == other.refusal && vectors.size() == other.vectors.size() &&
           (vectors.empty() ||
            std::memcmp(vectors.data(), other.vectors.data(), vectors.size() * sizeof(float)) == 0);
  }
};

// Reads a file as fastnlp/io/word2vec.py does, in steps of `step` bytes.
Outcome read(std::string_view file, bool text, std::int64_t dim, std::size_t step) {
  Outcome outcome;
  std::vector<float> out((file.size() + 1) * static_cast<std::size_t>(dim));
  std::string pending;
  std::int64_t place = 1;
  try {
    for (std::size_t at = 0;; at += step) {
      const bool last = at >= file.size();
      if (!last) pending += file.substr(at, step);
      const ParsedRows rows = (text ? parse_text_rows : parse_binary_rows)(pending, last, dim, out, place);
      if (rows.consumed < 0 || rows.consumed > static_cast<std::int64_t>(pending.size())) std::abort();
      outcome.tokens.insert(outcome.tokens.end(), rows.tokens.begin(), rows.tokens.end());
      outcome.vectors.insert(outcome.vectors.end(), out.begin(),
                             out.begin() + static_cast<std::ptrdiff_t>(rows.tokens.size()) * dim);
      place += text ? static_cast<std::int64_t>(rows.tokens.size()) : rows.consumed;
      pending.erase(0, static_cast<std::size_t>(rows.consumed));
      if (last) break;
    }
  } catch (const std::invalid_argument& error) {
    outcome.refusal = error.what();
    outcome.tokens.clear();  // how many rows were out before the refusal depends on the blocks
    outcome.vectors.clear();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool text = (data[0] & 1) != 0;
  const std::int64_t dim = 1 + (data[0] >> 1) % 5;
  const std::size_t step = 1 + data[1] % 32;
  const std::string_view file(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = read(file, text, dim, file.size() + 1);
  if (!(whole == read(file, text, dim, step))) std::abort();
  if (whole.tokens.empty()) return 0;
  const std::vector<std::string_view> tokens(whole.tokens.begin(), whole.tokens.end());
  std::string written;
  try {
    written = (text ? format_text_rows : format_binary_rows)(tokens, whole.vectors.data(), dim, dim, 0);
  } catch (const std::invalid_argument&) {
    return 0;  // a word that ends in a control character, say, is read and not written
  }
  if (!(whole == read(written, text, dim, written.size() + 1))) std::abort();
  return 0;
}
