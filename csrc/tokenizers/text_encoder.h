// What encodes text: one of byte-pair merges or of word pieces. What a thread needs for itself, its cache
// above all, is lent for the length of a call and kept for the next one, so an encoder may be used by several
// callers at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "support/growing_memory.h"
#include "tokenizers/interruption.h"
#include "tokenizers/special_tokens.h"

namespace fastnlp {

enum class EncodingMode : std::uint8_t { kMerges, kLongest, kDropout };

struct EncodingRequest {
  EncodingMode mode = EncodingMode::kMerges;
  std::uint32_t dropped = 0;  // the probability of dropout, as a threshold
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  bool spans = false;
  std::vector<SpecialUse> specials;
};

// A part of a document: a stretch between two places where words surely end, or a special token.
struct Stretch {
  const char* begin;
  const char* end;
  const char* limit;     // the end of the text that it is cut from: the pre-tokenizer looks ahead up to there
  std::int32_t special;  // its id, or -1
  std::uint32_t document;
};

// Ids as a thread writes them, and the bytes that each stands for, from the start of its document.
struct EncodedIds {
  GrowingMemory<std::int32_t> ids;
  std::vector<std::int64_t> spans;
  std::size_t used = 0;

  std::int32_t* reserve(std::size_t more) {
    if (ids.size() - used < more) ids.resize(std::max(used + more, 2 * ids.size()));
    return ids.data() + used;
  }
};

class TextEncoder {
 public:
  // What one thread has for itself.
  struct Worker {
    virtual ~Worker() = default;
    Interruption* interruption = nullptr;  // of the step at work
  };

  explicit TextEncoder(std::vector<SpecialToken> special_tokens)
      : special_tokens_(std::move(special_tokens)) {}
  virtual ~TextEncoder() = default;

  const SpecialTokens& special_tokens() const { return special_tokens_; }

  std::unique_ptr<Worker> lend() {
    {
      const std::lock_guard lock(lending_);
      if (!idle_.empty()) {
        auto worker = std::move(idle_.back());
        idle_.pop_back();
        return worker;
      }
    }
    return make_worker();
  }
  void give_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(lending_);
    idle_.push_back(std::move(worker));
  }

  // Encodes a stretch, which is no special token, of the document that begins at `document`.
  virtual void encode(Worker& worker, const EncodingRequest& request, const Stretch& stretch,
                      const char* document, EncodedIds& output) const = 0;

  // The first place behind `from` where words end whatever stands around it; `end` for none.
  virtual const char* cut(const char* from, const char* end) const = 0;

 protected:
  virtual std::unique_ptr<Worker> make_worker() const = 0;

 private:
  SpecialTokens special_tokens_;
  std::mutex lending_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

}  // namespace fastnlp
