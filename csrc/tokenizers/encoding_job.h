// Encoding many documents, or a long one, on several threads and in steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "support/growing_memory.h"
#include "support/parallel.h"
#include "tokenizers/ordered_ids.h"
#include "tokenizers/text_cutter.h"
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
  // What one thread has for itself, apart from the others': it writes there with every few words.
  struct alignas(kApart) Seat {
    std::unique_ptr<TextEncoder::Worker> worker;
    TextUnit unit;
    EncodedIds output;
    OrderedIds::Outbox outbox;
  };
  static_assert(sizeof(Seat) % kApart == 0);

  bool run(Seat& seat);

  TextEncoder& encoder_;
  EncodingRequest request_;
  std::vector<std::string_view> documents_;
  TextCutter cutter_;
  OrderedIds ids_;
  std::size_t threads_;
  std::vector<Seat> seats_;
};

}  // namespace fastnlp
