// The words that several threads have counted, each in a table of its own, brought together: numbered by
// their first appearance in the text, whatever thread has met them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "text/word_table.h"

namespace fastnlp {

// The distinct words by first appearance, and the number of each provisional id (-1: none).
struct NumberedWords {
  std::string bytes;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> number_of;
};

class WordMerge {
 public:
  // Tables of one salt, each with a thread of its own from here on. The word with id i in table t of T has
  // the provisional id i * T + t.
  explicit WordMerge(std::vector<WordTable> tables);

  // Goes on for about `limit` words; true when all are done.
  bool advance(std::int64_t limit);
  NumberedWords words() const;

 private:
  struct Place {
    std::size_t table;
    std::size_t id;
  };
  Place place(std::int32_t provisional) const;
  std::int32_t provisional(Place place) const;
  std::int64_t first_position(std::int32_t provisional) const;

  void link_part(std::uint64_t part);
  void link(std::int32_t provisional, std::int32_t known);
  bool number_next();
  NumberedWords words_in_order() const;  // of one table
  NumberedWords words_of_all() const;

  std::vector<WordTable> tables_;
  // Of a provisional id that has no number yet, itself, or another of the same word that appears earlier.
  std::vector<std::int32_t> number_of_;
  std::uint64_t linked_parts_ = 0;
  std::vector<std::size_t> next_;  // of each table, the first id without a number
  std::int32_t numbers_ = 0;
};

}  // namespace fastnlp
