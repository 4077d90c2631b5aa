// One pass over a text: splits it into words, counts them and turns it into a stream of provisional ids.
//
// The stream is a row of int32: an id >= 0 for each word, kEndOfLine after each line, kEndOfSource after each
// file. Each thread counts in a table of its own and numbers its words as it meets them; thread t of T writes
// id * T + t. When the text has ended, `merge` brings the tables together: words are numbered by their first
// appearance in the text, whatever the number of threads and the size of the blocks were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/buffer.h"
#include "text/chunk_counter.h"
#include "text/word_merge.h"

namespace fastnlp {

class TokenCounter {
 public:
  // replace: bytes that are not UTF-8 become U+FFFD, as `bytes.decode("utf-8", "replace")` does it.
  TokenCounter(int threads, std::uint64_t salt, bool replace);

  // A new file: its offsets and lines count from the start, and a byte order mark there is skipped if asked.
  void begin_source(bool skip_mark);
  // The next bytes of it, cut anywhere. Gives the stream as far as it is known.
  Buffer<std::int32_t> feed(std::string_view block);
  Buffer<std::int32_t> end_source();

  // Words that are split already. A word may hold anything, white space too; an empty one is refused.
  void add_word(std::string_view word);
  void end_sentence();
  Buffer<std::int32_t> take_sentences();

  // Brings the tables together, at most `limit` words a call; true when all are done.
  bool merge(std::int64_t limit);

  // After `merge`.
  NumberedWords words() const;

 private:
  void check_open() const;
  void run(std::string_view text, std::size_t segments);
  Buffer<std::int32_t> take();

  std::vector<ChunkCounter> chunks_;
  std::string carry_;  // bytes after the last white space: their word may go on in the next block
  std::int64_t position_ = 0;
  std::int64_t source_start_ = 0;
  std::int64_t line_ = 1;
  bool skip_mark_ = false;

  // A part of a chunk's stream.
  struct Stretch {
    const ChunkCounter* chunk = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<Stretch> stretches_;  // not yet taken, in the order of the text
  std::unique_ptr<WordMerge> merge_;
  bool merged_ = false;
};

}  // namespace fastnlp
