// Encoding many documents, or a long one, on several threads and in steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "support/growing_memory.h"
#include "tokenizers/text_encoder.h"

namespace fastnlp {

class EncodingJob {
 public:
  // The documents are read until the job is done.
  EncodingJob(TextEncoder& encoder, EncodingRequest request, std::vector<std::string_view> documents,
              int threads);
  ~EncodingJob();

  // Works for about so long; true when all is done. A long word is finished, unless `stopped`, which this
  // thread asks from time to time, says yes: then Interruption::Stopped is thrown and the job is of no more
  // use.
  bool step(double seconds, const std::function<bool()>& stopped = {});

  struct Result {
    GrowingMemory<std::int32_t> ids;
    std::vector<std::int64_t> offsets;  // of the documents, in ids
    std::vector<std::int64_t> spans;    // begin and end of each id in its document, in bytes, if asked for
  };
  Result take();

 private:
  // Stretches that one thread takes at once, and where it has put their ids.
  struct Unit {
    std::size_t begin, end;
    std::size_t thread = 0;
    std::size_t first = 0;
  };

  void cut(std::size_t document);
  void add_text(std::uint32_t document, const char* begin, const char* end);
  void add(const Stretch& stretch);
  void run(std::size_t thread, std::size_t unit);

  TextEncoder& encoder_;
  EncodingRequest request_;
  std::vector<std::string_view> documents_;
  std::size_t bytes_ = 0;
  std::size_t prepared_ = 0;  // documents that are cut already
  std::vector<Stretch> stretches_;
  std::vector<std::size_t> counts_;  // of ids, for each stretch
  std::vector<Unit> units_;
  std::size_t unit_bytes_ = 0;
  std::size_t next_ = 0;
  std::size_t threads_;
  std::vector<std::unique_ptr<TextEncoder::Worker>> workers_;
  std::vector<EncodedIds> outputs_;  // of each thread
};

}  // namespace fastnlp
