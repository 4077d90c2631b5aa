// One stretch of text, on one thread: words found, checked as UTF-8, counted, and written as provisional ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

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
  void clear() { begun_ = used_ = 0; }
  const WordTable& table() const { return table_; }
  WordTable release_table() && { return std::move(table_); }

 private:
  static constexpr std::size_t kBatch = 64;

  void reserve(std::size_t entries);
  const char* scan_window(const char* window, const char* end);
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
  std::size_t begun_ = 0;  // where the entries of the stretch begin
  WordKey batch_[kBatch];
  std::size_t waiting_ = 0;
  const char* begin_ = nullptr;
  std::int64_t position_ = 0;
  std::int64_t lines_ = 0;
  std::int32_t threads_;
  std::int32_t thread_;
  bool replace_;
};

}  // namespace fastnlp
