#include "text/token_counter.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>

#include "support/checks.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

static_assert(std::endian::native == std::endian::little, "the scanner takes byte 0 from the low end");

constexpr std::size_t kLongestWord = std::size_t{1} << 30;
constexpr std::size_t kWorthAThread = std::size_t{1} << 16;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
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

constexpr std::uint64_t first_bytes(unsigned n) {
  return n == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1;
}

std::string hex(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

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
  reserve(text.size() + 1);  // each byte ends at most one word or line, and a last word needs no end
  const char* p = begin_;
  const char* const end = begin_ + text.size();
  while (p < end) {
    if (end - p >= static_cast<std::ptrdiff_t>(kInlineBytes)) {
      // Both halves are taken without a branch: where a word ends cannot be predicted.
      const std::uint64_t low = load(p);
      const std::uint64_t high = load(p + 8);
      const auto in_low = static_cast<unsigned>(std::countr_zero(ends(low))) >> 3;
      const auto in_high = in_low == 8 ? static_cast<unsigned>(std::countr_zero(ends(high))) >> 3 : 0;
      const unsigned length = in_low + in_high;
      const auto stop = static_cast<unsigned char>(p[length < kInlineBytes ? length : 0]);
      if (is_ascii_space(stop)) [[likely]] {
        if (length > 0) {
          const std::uint64_t low_bytes = low & first_bytes(in_low);
          const std::uint64_t high_bytes = high & first_bytes(in_high);
          push({low_bytes, high_bytes, table_.hash_inline(low_bytes, high_bytes, length), p, length});
        }
        if (stop == '\n') end_line();
        p += length + 1;
        continue;
      }
    }
    p = scan_word(p, end);
  }
  flush();
  if (table_.size() > static_cast<std::size_t>(0x7FFFFFFF / threads_)) {
    refuse("text", "fewer than 2^31 distinct words, shared by the threads", "more; use fewer threads");
  }
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
  const bool blank = used_ >= 2 && stream_[used_ - 1] == kEndOfLine && stream_[used_ - 2] == kEndOfLine;
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

TokenCounter::TokenCounter(int threads, std::uint64_t salt, bool replace) : salt_(salt) {
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  chunks_.reserve(static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) chunks_.emplace_back(salt, threads, t, replace);
}

void TokenCounter::begin_source(bool skip_mark) {
  carry_.clear();
  source_start_ = position_;
  line_ = 1;
  skip_mark_ = skip_mark;
}

std::vector<std::int32_t> TokenCounter::feed(std::string_view block) {
  const char* head = block.data();
  const char* const end = head + block.size();
  if (!carry_.empty()) {
    const char* const after = after_first_space(head, end);
    carry_.append(head, after);
    head = after;
    const char* const carried = carry_.data() + carry_.size();
    // The block may hold no white space at all. It is enough to look at one character: the last.
    if (head == end &&
        after_last_space(carried - std::min<std::size_t>(3, carry_.size()), carried) != carried) {
      return {};
    }
    run(carry_, 1);
    carry_.clear();
  }
  const char* const tail = after_last_space(head, end);
  const auto body = static_cast<std::size_t>(tail - head);
  run({head, body}, std::clamp<std::size_t>(body / kWorthAThread, 1, chunks_.size()));
  carry_.assign(tail, end);
  return take();
}

std::vector<std::int32_t> TokenCounter::end_source() {
  run(carry_, 1);
  carry_.clear();
  chunks_[0].put_marker(kEndOfSource);
  return take();
}

void TokenCounter::run(std::string_view text, std::size_t segments) {
  check_open();
  if (text.empty()) return;
  if (position_ == source_start_ && skip_mark_ && text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
    position_ += static_cast<std::int64_t>(kByteOrderMark.size());
  }

  // Segment s goes to thread s; their streams follow one another in the order of the text.
  struct Segment {
    std::string_view text;
    std::int64_t position = 0;
    std::optional<BadByte> bad;
    std::exception_ptr error;
  };
  std::vector<Segment> parts(segments);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  for (std::size_t s = 0; s < segments; ++s) {
    const char* const aim = begin + text.size() / segments * (s + 1);
    const char* const stop = s + 1 == segments ? end : after_first_space(std::max(at, aim), end);
    parts[s].text = {at, static_cast<std::size_t>(stop - at)};
    parts[s].position = position_ + (at - begin);
    at = stop;
  }
  const auto work = [&](std::size_t s) noexcept {
    try {
      chunks_[s].run(parts[s].text, parts[s].position);
    } catch (const BadByte& bad) {
      parts[s].bad = bad;
    } catch (...) {
      parts[s].error = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(segments);
  std::vector<std::size_t> left = {0};
  for (std::size_t s = 1; s < segments; ++s) {
    try {
      threads.emplace_back(work, s);
    } catch (const std::system_error&) {
      left.push_back(s);  // no more threads to be had: the caller's does the work
    }
  }
  for (const std::size_t s : left) work(s);
  for (std::thread& thread : threads) thread.join();

  std::int64_t lines = 0;
  for (std::size_t s = 0; s < segments; ++s) {
    if (parts[s].error) std::rethrow_exception(parts[s].error);
    if (parts[s].bad) {
      const BadByte& bad = *parts[s].bad;
      throw std::invalid_argument("byte " + hex(bad.byte) + " at offset " +
                                  std::to_string(parts[s].position + bad.offset - source_start_) + ", line " +
                                  std::to_string(line_ + lines + bad.lines) + ": expected UTF-8, but " +
                                  bad.reason);
    }
    lines += chunks_[s].lines();
  }
  line_ += lines;
  position_ += end - begin;
}

std::vector<std::int32_t> TokenCounter::take() {
  std::size_t total = 0;
  for (const ChunkCounter& chunk : chunks_) total += chunk.stream().size();
  std::vector<std::int32_t> stream;
  stream.reserve(total);
  for (ChunkCounter& chunk : chunks_) {
    stream.insert(stream.end(), chunk.stream().begin(), chunk.stream().end());
    chunk.clear();
  }
  return stream;
}

void TokenCounter::add_word(std::string_view word) {
  check_open();
  if (word.empty()) refuse("tokens", "words of at least one character", "an empty one");
  chunks_[0].count_word(word, position_++);
}

void TokenCounter::end_sentence() {
  check_open();
  chunks_[0].put_marker(kEndOfLine);
}

void TokenCounter::check_open() const {
  if (merge_) throw std::logic_error("TokenCounter: expected no more text after merge");
}

std::vector<std::int32_t> TokenCounter::take_sentences() { return take(); }

bool TokenCounter::merge(std::int64_t limit) {
  if (!merge_) {
    merge_ = std::make_unique<Merge>(salt_);
    std::size_t longest = 0;
    for (const ChunkCounter& chunk : chunks_) longest = std::max(longest, chunk.table().size());
    merge_->number_of.assign(longest * chunks_.size(), -1);
    if (chunks_.size() == 1) {
      std::iota(merge_->number_of.begin(), merge_->number_of.end(), 0);
      merge_->table = std::move(chunks_[0]).release_table();
      merge_->done = true;
    } else {
      for (const ChunkCounter& chunk : chunks_) merge_->orders.push_back(chunk.table().order());
      merge_->next.resize(chunks_.size());
    }
  }
  for (std::int64_t step = 0; step < limit && !merge_->done; ++step) merge_next();
  if (merge_->done) chunks_.clear();
  return merge_->done;
}

// Each thread's words stand by first appearance already: the earliest of those not yet taken is the next of
// all.
void TokenCounter::merge_next() {
  Merge& merging = *merge_;
  std::size_t earliest = chunks_.size();
  std::int64_t position = 0;
  for (std::size_t t = 0; t < chunks_.size(); ++t) {
    if (merging.next[t] == merging.orders[t].size()) continue;
    const std::int64_t first = chunks_[t].table().first_position(merging.next[t]);
    if (earliest == chunks_.size() || first < position) {
      earliest = t;
      position = first;
    }
  }
  if (earliest == chunks_.size()) {
    merging.done = true;
    return;
  }
  const std::size_t id = merging.next[earliest]++;
  const WordTable::Entry entry = chunks_[earliest].table().entry(merging.orders[earliest][id]);
  merging.number_of[id * chunks_.size() + earliest] =
      static_cast<std::int32_t>(merging.table.count(entry.key, position, entry.count));
}

TokenCounter::Words TokenCounter::words() const {
  if (!merge_ || !merge_->done) throw std::logic_error("words: expected merge to have ended");
  Words words;
  const WordTable& table = merge_->table;
  words.offsets.reserve(table.size() + 1);
  words.counts.reserve(table.size());
  words.offsets.push_back(0);
  for (const std::uint64_t slot : table.order()) {
    const WordTable::Entry entry = table.entry(slot);
    words.bytes.append(entry.key.data, entry.key.length);
    words.offsets.push_back(static_cast<std::int64_t>(words.bytes.size()));
    words.counts.push_back(entry.count);
  }
  words.number_of = merge_->number_of;
  return words;
}

}  // namespace fastnlp
