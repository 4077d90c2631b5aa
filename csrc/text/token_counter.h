// One pass over a text: splits it into words, counts them and turns it into a stream of provisional ids.
//
// The stream is a row of int32: an id >= 0 for each word, kEndOfLine after each line, kEndOfSource after each
// file. Each thread counts in a table of its own and numbers its words as it meets them; thread t of T writes
// id * T + t. When the text has ended, `merge` brings the tables together: words are numbered by their first
// appearance in the text, whatever the number of threads and the size of the blocks were.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/word_table.h"

namespace fastnlp {

inline constexpr std::int32_t kEndOfLine = -1;
inline constexpr std::int32_t kEndOfSource = -2;

// A byte that is not UTF-8: where it lies in the chunk, and how many lines of the chunk ended before it.
struct BadByte {
  std::int64_t offset;
  std::int64_t lines;
  unsigned char byte;
  const char* reason;
};

// Counts stretches of text that no word crosses, on one thread. Aligned, so that threads share no cache line.
class alignas(128) ChunkCounter {
 public:
  ChunkCounter(std::uint64_t salt, int threads, int thread, bool replace);

  // `position`: that of the text in all the text so far. Throws BadByte, unless told to replace such bytes.
  void run(std::string_view text, std::int64_t position);
  void count_word(std::string_view word, std::int64_t position);
  void put_marker(std::int32_t marker);

  std::span<const std::int32_t> stream() const { return {stream_.get(), used_}; }
  std::int64_t lines() const { return lines_; }
  void clear() { used_ = 0; }
  const WordTable& table() const { return table_; }
  WordTable release_table() && { return std::move(table_); }

 private:
  static constexpr std::size_t kBatch = 64;

  void reserve(std::size_t entries);
  const char* scan_word(const char* start, const char* end);
  const char* replace_word(const char* start, const char* bad, const char* end);
  void end_word(const char* start, const char* end);
  void end_line();
  void push(const WordKey& key);
  void flush();
  [[noreturn]] void refuse_byte(const char* bad, const char* end) const;

  WordTable table_;
  std::unique_ptr<std::int32_t[]> stream_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  WordKey batch_[kBatch];
  std::size_t waiting_ = 0;
  const char* begin_ = nullptr;
  std::int64_t position_ = 0;
  std::int64_t lines_ = 0;
  std::int32_t threads_;
  std::int32_t thread_;
  bool replace_;
};

class TokenCounter {
 public:
  // replace: bytes that are not UTF-8 become U+FFFD, as `bytes.decode("utf-8", "replace")` does it.
  TokenCounter(int threads, std::uint64_t salt, bool replace);

  // A new file: its offsets and lines count from the start, and a byte order mark there is skipped if asked.
  void begin_source(bool skip_mark);
  // The next bytes of it, cut anywhere. Gives the stream as far as it is known.
  std::vector<std::int32_t> feed(std::string_view block);
  std::vector<std::int32_t> end_source();

  // Words that are split already. A word may hold anything, white space too; an empty one is refused.
  void add_word(std::string_view word);
  void end_sentence();
  std::vector<std::int32_t> take_sentences();

  // Brings the tables together, at most `limit` words a call; true when all are done.
  bool merge(std::int64_t limit);

  // After `merge`: the distinct words by first appearance, and the number of each provisional id.
  struct Words {
    std::string bytes;
    std::vector<std::int64_t> offsets;
    std::vector<std::int64_t> counts;
    std::vector<std::int32_t> number_of;
  };
  Words words() const;

 private:
  void check_open() const;
  void run(std::string_view text, std::size_t segments);
  void merge_next();
  std::vector<std::int32_t> take();

  std::vector<ChunkCounter> chunks_;
  std::string carry_;  // bytes after the last white space: their word may go on in the next block
  std::uint64_t salt_;
  std::int64_t position_ = 0;
  std::int64_t source_start_ = 0;
  std::int64_t line_ = 1;
  bool skip_mark_ = false;

  struct Merge {
    explicit Merge(std::uint64_t salt) : table(salt) {}
    WordTable table;
    std::vector<std::vector<std::uint64_t>> orders;
    std::vector<std::size_t> next;
    std::vector<std::int32_t> number_of;
    bool done = false;
  };
  std::unique_ptr<Merge> merge_;
};

}  // namespace fastnlp
