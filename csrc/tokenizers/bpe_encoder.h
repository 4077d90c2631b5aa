// Text to ids. A text is cut into words by the pre-tokenizer; words met before come from a cache, others are
// merged. What a thread needs for itself, its cache above all, is lent for the length of a call and kept for
// the next one, so an encoder may be used by several callers at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "support/buffer.h"
#include "tokenizers/bpe_merge.h"
#include "tokenizers/bpe_model.h"
#include "tokenizers/longest_match.h"
#include "tokenizers/special_tokens.h"
#include "tokenizers/word_cache.h"

namespace fastnlp {

enum class BpeMode : std::uint8_t { kMerges, kLongest, kDropout };

struct BpeRequest {
  BpeMode mode = BpeMode::kMerges;
  std::uint32_t dropped = 0;  // the probability of dropout, as a threshold
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  bool spans = false;
  std::vector<SpecialUse> specials;
};

// A document cut short for the work: a stretch between two places where the pre-tokenizer surely cuts, or a
// special token.
struct BpeStretch {
  const char* begin;
  const char* end;
  const char* limit;     // the end of the text that it is cut from: the pre-tokenizer looks ahead up to there
  std::int32_t special;  // its id, or kNoToken
  std::uint32_t document;
};

// Ids as a thread writes them, and the bytes that each stands for, from the start of its document.
struct BpeOutput {
  Buffer<std::int32_t> ids;
  std::vector<std::int64_t> spans;
  std::size_t used = 0;

  std::int32_t* reserve(std::size_t more) {
    if (ids.size() - used < more) ids.resize(std::max(used + more, 2 * ids.size()));
    return ids.data() + used;
  }
};

class BpeEncoder {
 public:
  BpeEncoder(std::shared_ptr<const BpeModel> model, std::string pretokenizer,
             std::vector<SpecialToken> special_tokens);
  ~BpeEncoder();

  const BpeModel& model() const { return *model_; }
  const SpecialTokens& special_tokens() const { return special_tokens_; }

  class Worker;
  std::unique_ptr<Worker> lend();
  void give_back(std::unique_ptr<Worker> worker);

  // Encodes a stretch of the document that begins at `document`.
  void encode(Worker& worker, const BpeRequest& request, const BpeStretch& stretch, const char* document, BpeOutput& output) const;

  // The first place behind `from` where the pre-tokenizer cuts whatever stands around it; `end` for none.
  const char* cut(const char* from, const char* end) const;

 private:
  using Scan = void (BpeEncoder::*)(Worker&, const BpeRequest&, const BpeStretch&, const char*, BpeOutput&) const;
  template <class Pattern>
  void scan(Worker& worker, const BpeRequest& request, const BpeStretch& stretch, const char* document, BpeOutput& output) const;
  template <class Pattern>
  void scan_cached(Worker& worker, const BpeStretch& stretch, BpeOutput& output) const;
  bool is_word(const char* begin, const char* end) const;
  std::size_t merge_word(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::size_t merge_bytes(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::size_t split_characters(Worker& worker, const char* word, std::size_t length) const;
  std::size_t match_longest(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::size_t drop_merges(Worker& worker, const BpeRequest& request, const BpeStretch& stretch,
                          std::int64_t position, const char* word, std::size_t length,
                          std::int32_t* ids) const;
  void add_spans(Worker& worker, const BpeRequest& request, std::int64_t position, const char* word,
                 std::size_t length, const std::int32_t* ids, std::size_t count,
                 std::vector<std::int64_t>& spans) const;

  std::shared_ptr<const BpeModel> model_;
  std::string pretokenizer_;
  SpecialTokens special_tokens_;
  Scan scan_;
  const LongestMatch& longest() const;

  mutable std::once_flag longest_made_;
  mutable std::unique_ptr<LongestMatch> longest_;  // made when it is first asked for
  std::mutex lending_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

// What one thread has for itself.
class BpeEncoder::Worker {
 public:
  explicit Worker(const BpeModel& model) : merger(model) {}

  WordCache cache;
  BpeMerger merger;
  std::vector<std::int32_t> symbols;
  std::vector<std::uint32_t> ranks;
  std::vector<std::uint32_t> lengths;  // of symbols, in bytes of the text
  BpeOutput output;
};

}  // namespace fastnlp
