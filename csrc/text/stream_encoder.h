// From the provisional ids of a TokenCounter to a corpus: final ids, ends of sentences and of documents.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/buffer.h"

namespace fastnlp {

enum class Documents : std::int32_t { kBlankLine = 0, kLine = 1, kFile = 2 };

class StreamEncoder {
 public:
  // final_ids[p]: the id of provisional id p, -1 to drop it, or -2 - w where it becomes several: the ids
  // parts[part_offsets[w]] to parts[part_offsets[w + 1]]. Final ids lie in [0, size).
  StreamEncoder(std::vector<std::int32_t> final_ids, std::vector<std::int64_t> part_offsets,
                std::vector<std::int32_t> parts, std::int64_t size, Documents documents);

  struct Encoded {
    Buffer<std::int32_t> ids;
    std::vector<std::int64_t> sentence_ends;  // in tokens since the start
    std::vector<std::int64_t> document_ends;  // in sentences since the start
  };
  // The next entries of the stream, on up to so many threads, each of which takes `piece` entries or more. A
  // sentence or document of which nothing is left is none.
  Encoded encode(std::span<const std::int32_t> stream, int threads = 1, std::int64_t piece = 1 << 16);

 private:
  class Piece;

  bool closes_document(std::int32_t marker, bool blank) const;

  std::vector<std::int32_t> final_ids_;
  std::vector<std::int64_t> part_offsets_;
  std::vector<std::int32_t> parts_;
  Documents documents_;
  // Ids of each piece until all are known; kept, as memory that a thread gives back is cleared before it is
  // had again.
  std::vector<Buffer<std::int32_t>> pieces_;
  bool blank_ = true;  // no word on this line so far, kept or not
  std::int64_t tokens_ = 0;
  std::int64_t sentence_start_ = 0;
  std::int64_t sentences_ = 0;
  std::int64_t document_start_ = 0;
};

}  // namespace fastnlp
