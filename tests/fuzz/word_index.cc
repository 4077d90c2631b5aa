// Fuzzes words that are looked up in a file: any bytes as offsets, words and slots give words of the data or
// a refusal; and the index of words that are cut out of the bytes finds each of them.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/word_index.h"

using namespace fastnlp;

namespace {

template <class T>
std::vector<T> numbers(std::string_view bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

void look_up(const IndexedWords& words, std::string_view wanted) {
  try {
    const std::int64_t row = words.find(wanted);
    if (row >= 0 && words.word(row) != wanted) std::abort();
  } catch (const std::invalid_argument&) {
    return;  // damage, told as such
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t first = bytes.size() * data[0] / 256, second = (bytes.size() - first) * data[1] / 256;
  const auto offsets = numbers<std::int64_t>(bytes.substr(0, first));
  auto slots = numbers<std::uint64_t>(bytes.substr(first, second));
  const std::string_view words = bytes.substr(first + second);
  try {
    const IndexedWords hostile({words, offsets}, slots, data[2]);
    look_up(hostile, words.substr(0, 5));
    look_up(hostile, "");
  } catch (const std::invalid_argument&) {
  }

  std::set<std::string_view> seen;
  std::string packed;
  std::vector<std::int64_t> ends{0};
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length =
        std::min<std::size_t>(bytes.size() - at, 1 + static_cast<unsigned char>(bytes[at]) % 20);
    if (seen.insert(bytes.substr(at, length)).second) {
      packed += bytes.substr(at, length);
      ends.push_back(static_cast<std::int64_t>(packed.size()));
    }
    at += length;
  }
  const WordIndex index = build_word_index({packed, ends});
  const IndexedWords indexed({packed, ends}, index.slots, index.salt);
  for (std::int64_t row = 0; row < indexed.size(); ++row) {
    if (indexed.find(indexed.word(row)) != row) std::abort();
    slots = index.slots;
    slots[static_cast<std::size_t>(row) % slots.size()] ^= data[2];
    look_up(IndexedWords({packed, ends}, slots, index.salt), indexed.word(row));
  }
  return 0;
}
