#include "text/chunk_counter.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "support/checks.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

static_assert(std::endian::native == std::endian::little, "the scanner takes byte 0 from the low end");

constexpr unsigned kWindow = 64;  // bytes looked at together
constexpr std::size_t kLongestWord = std::size_t{1} << 30;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::uint64_t load(const char* data) {
  std::uint64_t word;
  std::memcpy(&word, data, 8);
  return word;
}

// The high bit of each byte that may end a plain ASCII word: below '!' or above 0x7F. The subtraction borrows
// across no byte, because each has its high bit set first.
std::uint64_t ends(std::uint64_t word) {
  constexpr std::uint64_t kHigh = 0x8080808080808080u;
  constexpr std::uint64_t kBang = 0x2121212121212121u;
  return (~((word | kHigh) - kBang) | word) & kHigh;
}

// The same as a bit for each byte, the first one lowest.
std::uint64_t end_bits(std::uint64_t word) { return (ends(word) >> 7) * 0x0102040810204080u >> 56; }

// A bit for each of kWindow bytes that may end a plain ASCII word.
std::uint64_t window_ends(const char* window) {
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < kWindow; i += 8) bits |= end_bits(load(window + i)) << i;
  return bits;
}

// n in 0..8, without a branch for 8.
constexpr std::uint64_t first_bytes(unsigned n) { return ((std::uint64_t{1} << (4 * n)) << (4 * n)) - 1; }

}  // namespace

ChunkCounter::ChunkCounter(std::uint64_t salt, int threads, int thread, bool replace)
    : table_(salt), threads_(threads), thread_(thread), replace_(replace) {}

void ChunkCounter::reserve(std::size_t entries) {
  if (used_ + entries <= capacity_) return;
  const std::size_t capacity = std::max(used_ + entries, capacity_ * 2);
  auto larger = std::make_unique_for_overwrite<std::int32_t[]>(capacity);
  std::copy_n(stream_.get(), used_, larger.get());
  stream_ = std::move(larger);
  capacity_ = capacity;
}

void ChunkCounter::run(std::string_view text, std::int64_t position) {
  begin_ = text.data();
  position_ = position;
  lines_ = 0;
  waiting_ = 0;
  begun_ = used_;
  reserve(text.size() + 1);  // each byte ends at most one word or line, and a last word needs no end
  const char* p = begin_;
  const char* const end = begin_ + text.size();
  // Words may be read to their sixteenth byte, so what is behind a window has as many.
  while (end - p >= static_cast<std::ptrdiff_t>(kWindow + kInlineBytes)) p = scan_window(p, end);
  while (p < end) p = scan_word(p, end);
  flush();
  if (table_.size() > static_cast<std::size_t>(0x7FFFFFFF / threads_)) {
    refuse("text", "fewer than 2^31 distinct words, shared by the threads", "more; use fewer threads");
  }
}

// Where the words of a window end is known before the first is taken, so none waits for the one before it.
// Gives the place from which on nothing has been taken: a word that does not end in the window is not.
const char* ChunkCounter::scan_window(const char* window, const char* end) {
  const char* word = window;
  for (std::uint64_t bits = window_ends(window); bits != 0;) {
    const char* const at = window + std::countr_zero(bits);
    const auto length = static_cast<unsigned>(at - word);
    if (length <= kInlineBytes && is_ascii_space(static_cast<unsigned char>(*at))) [[likely]] {
      if (length > 0) {
        const std::uint64_t low = load(word) & first_bytes(std::min(length, 8u));
        const std::uint64_t high = load(word + 8) & first_bytes(std::max(length, 8u) - 8);
        push({low, high, table_.hash_inline(low, high, length), word, length});
      }
      if (*at == '\n') end_line();
      word = at + 1;
      bits &= bits - 1;
    } else {
      word = scan_word(word, end);
      if (word >= window + kWindow) return word;
      bits &= ~std::uint64_t{0} << (word - window);
    }
  }
  return word > window ? word : scan_word(word, end);
}

// Any word: byte by byte, with its UTF-8 checked. Gives the place after the white space that ends it.
const char* ChunkCounter::scan_word(const char* start, const char* end) {
  const char* p = start;
  std::uint32_t space = 0;
  while (p < end) {
    const auto c = static_cast<unsigned char>(*p);
    if (c < 0x80) {
      if (is_ascii_space(c)) {
        space = 1;
        break;
      }
      ++p;
    } else {
      const Utf8Character character = multibyte_character(p, end);
      if (!character.valid) return replace_word(start, p, end);
      if (character.space) {
        space = character.length;
        break;
      }
      p += character.length;
    }
  }
  end_word(start, p);
  if (space == 1 && *p == '\n') end_line();
  return p + space;
}

const char* ChunkCounter::replace_word(const char* start, const char* bad, const char* end) {
  if (!replace_) refuse_byte(bad, end);
  std::string word(start, bad);
  const char* p = bad;
  std::uint32_t space = 0;
  while (p < end) {
    const auto c = static_cast<unsigned char>(*p);
    const Utf8Character character =
        c < 0x80 ? Utf8Character{1, true, is_ascii_space(c)} : multibyte_character(p, end);
    if (character.space) {
      space = character.length;
      break;
    }
    if (character.valid) {
      word.append(p, character.length);
    } else {
      word += kReplacement;
    }
    p += character.length;
  }
  flush();  // keeps the order; the word does not outlive this call
  count_word(word, position_ + (start - begin_));
  if (space == 1 && *p == '\n') end_line();
  return p + space;
}

void ChunkCounter::end_word(const char* start, const char* end) {
  const auto length = static_cast<std::size_t>(end - start);
  if (length == 0) return;
  if (length > kLongestWord) {
    refuse("text", "words of at most 1 GiB", "one of " + std::to_string(length) + " bytes; is this a text?");
  }
  push(table_.key(start, static_cast<std::uint32_t>(length)));
}

void ChunkCounter::end_line() {
  ++lines_;
  push({0, 0, 0, nullptr, 0});
}

void ChunkCounter::push(const WordKey& key) {
  table_.prefetch(key.hash);
  batch_[waiting_++] = key;
  if (waiting_ == kBatch) flush();
}

void ChunkCounter::flush() {
  for (std::size_t i = 0; i < waiting_; ++i) {
    const WordKey& key = batch_[i];
    if (key.length == 0) {
      put_marker(kEndOfLine);
    } else {
      const std::uint32_t id = table_.count(key, position_ + (key.data - begin_));
      stream_[used_++] = static_cast<std::int32_t>(id * static_cast<std::uint32_t>(threads_)) + thread_;
    }
  }
  waiting_ = 0;
}

void ChunkCounter::count_word(std::string_view word, std::int64_t position) {
  if (word.size() > kLongestWord) {
    refuse("text", "words of at most 1 GiB", "one of " + std::to_string(word.size()) + " bytes");
  }
  const std::uint32_t id =
      table_.count(table_.key(word.data(), static_cast<std::uint32_t>(word.size())), position);
  reserve(1);
  stream_[used_++] = static_cast<std::int32_t>(id * static_cast<std::uint32_t>(threads_)) + thread_;
}

void ChunkCounter::put_marker(std::int32_t marker) {
  // One blank line says as much as a million of them.
  const bool blank =
      used_ >= begun_ + 2 && stream_[used_ - 1] == kEndOfLine && stream_[used_ - 2] == kEndOfLine;
  if (marker == kEndOfLine && blank) return;
  reserve(1);
  stream_[used_++] = marker;
}

void ChunkCounter::refuse_byte(const char* bad, const char* end) const {
  const auto byte = static_cast<unsigned char>(*bad);
  const Utf8Character character = multibyte_character(bad, end);
  const bool lead = byte >= 0xC2 && byte <= 0xF4;
  const char* reason = !lead                           ? "no character starts with it"
                       : bad + character.length == end ? "the character it starts is cut off"
                                                       : "the bytes after it do not continue the character";
  throw BadByte{bad - begin_, lines_, byte, reason};
}

}  // namespace fastnlp
