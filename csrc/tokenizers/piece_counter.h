// The distinct pieces of a text and how often each occurs, by a pre-tokenizer, from blocks of bytes cut
// anywhere. The result depends neither on the blocks nor on the threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/always_inline.h"
#include "text/packed_words.h"
#include "text/word_table.h"
#include "tokenizers/utf8_checker.h"

namespace fastnlp {

// The share of one thread.
class PieceTable {
 public:
  explicit PieceTable(std::uint64_t salt) : table_(salt) {}

  // Counts the pieces of [begin, end), which is at `position` of the text; until the next `flush` all calls
  // are about one text in one memory. With `last` it is the end of a document; else what follows is not known
  // yet, and the end of the last piece that does not depend on it is returned.
  template <class Pattern>
  const char* run(const char* begin, const char* end, const char* readable, std::int64_t position, bool last);
  void add(std::string_view piece, std::int64_t position, std::int64_t times);
  void flush();

  WordTable& table() { return table_; }
  const WordTable& table() const { return table_; }

 private:
  static constexpr std::size_t kBatch = 32;
  // [.., readable) may be read.
  FASTNLP_INLINE void push(const char* begin, const char* end, const char* readable);
  WordKey long_key(const char* begin, std::size_t length) const;

  WordTable table_;
  std::array<WordKey, kBatch> batch_;
  std::size_t waiting_ = 0;
  const char* origin_ = nullptr;  // the pieces that wait are one text, of which this is at origin_position_
  std::int64_t origin_position_ = 0;
};

class PieceCounter {
 public:
  // `pretokenizer` is one of pretokenizer.h, or "words": pieces without white space. With `by_line` each line
  // of a source, with its end, is a document; else a source is one.
  PieceCounter(std::string pretokenizer, bool by_line, bool strict, int threads, std::uint64_t salt);

  void feed(std::string_view block);
  void end_source();
  // Each of them is a document.
  void add_documents(const PackedWords& documents);
  // Pieces that were cut elsewhere, and how often each occurs.
  void add_pieces(const PackedWords& pieces, std::span<const std::int64_t> counts);

  // Brings the tables of the threads together, up to `limit` pieces a call. True when done; no text after
  // that.
  bool merge(std::int64_t limit);
  struct Pieces {
    std::string bytes;
    std::vector<std::int64_t> offsets;
    std::vector<std::int64_t> counts;
  };
  // By first appearance; after `merge`.
  Pieces pieces() const;
  // The same as a table, once.
  WordTable take_table();

 private:
  template <class Pattern>
  void feed_with(std::string_view block);
  template <class Pattern>
  const char* next_cut(const char* p, const char* end) const;
  template <class Pattern>
  const char* last_cut(const char* begin, const char* end) const;
  template <class Pattern>
  void run_parts(const char* begin, const char* end);
  template <class Pattern>
  void run_part(PieceTable& pieces, const char* begin, const char* end, std::int64_t position) const;
  template <class Pattern>
  void end_with();
  void check_open() const;
  const WordTable& merged() const;
  [[noreturn]] void refuse_byte(std::int64_t offset, bool cut) const;

  std::string pretokenizer_;
  bool by_line_;
  bool strict_;
  std::uint64_t salt_;
  std::vector<PieceTable> parts_;
  std::string carry_;             // of a document whose end is not known yet
  std::size_t try_carry_at_ = 0;  // bytes
  std::int64_t position_ = 0;     // of the end of carry_
  Utf8Checker checker_;

  std::unique_ptr<WordTable> merged_;
  std::vector<std::vector<std::uint64_t>> orders_;
  std::vector<std::size_t> next_;
  bool done_ = false;
};

}  // namespace fastnlp
