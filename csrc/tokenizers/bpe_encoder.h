// Text to ids by merges. A text is cut into words by the pre-tokenizer; words met before come from a cache,
// others are merged.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "support/parallel.h"
#include "tokenizers/block_cuts.h"
#include "tokenizers/bpe_merge.h"
#include "tokenizers/bpe_model.h"
#include "tokenizers/byte_trie.h"
#include "tokenizers/new_words.h"
#include "tokenizers/special_tokens.h"
#include "tokenizers/text_encoder.h"
#include "tokenizers/wide_characters.h"
#include "tokenizers/word_cache.h"
#include "tokenizers/word_keys.h"

namespace fastnlp {

class BpeEncoder : public TextEncoder {
 public:
  BpeEncoder(std::shared_ptr<const BpeModel> model, std::string pretokenizer,
             std::vector<SpecialToken> special_tokens);

  const BpeModel& model() const { return *model_; }

  void encode(TextEncoder::Worker& worker, const EncodingRequest& request, const Stretch& stretch,
              const char* document, EncodedIds& output) const override;
  const char* cut(const char* from, const char* end) const override;

 protected:
  std::unique_ptr<TextEncoder::Worker> make_worker() const override;

 private:
  struct Worker;
  using Scan = void (BpeEncoder::*)(Worker&, const EncodingRequest&, const Stretch&, const char*,
                                    EncodedIds&) const;
  template <class Pattern>
  void scan(Worker& worker, const EncodingRequest& request, const Stretch& stretch, const char* document,
            EncodedIds& output) const;
  struct Batch;
  static BeyondAscii tell_beyond(const void* encoder, const char* p, const char* end, BlockBits beyond);
  template <class Pattern>
  void cut_words(const char* p, const Stretch& stretch, Batch& batch) const;
  void make_keys(const char* limit, Batch& batch) const;
  template <class Pattern>
  void scan_cached(Worker& worker, const Stretch& stretch, EncodedIds& output) const;
  bool is_word(const char* begin, const char* end) const;
  std::size_t merge_word(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::int32_t* wait_for_others(Worker& worker, const NewWords::Text& word, std::int32_t* ids,
                                std::size_t room, EncodedIds& output) const;
  void merge_new_words(Worker& worker, EncodedIds& output) const;
  std::size_t merge_bytes(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::size_t merge_part(Worker& worker, const unsigned char* bytes, std::size_t n, std::int32_t* ids) const;
  std::size_t merge_three(Worker& worker, const unsigned char* bytes, std::int32_t* ids) const;
  std::size_t find_or_merge(Worker& worker, const char* part, std::size_t length, const char* limit,
                            std::int32_t* ids) const;
  std::size_t merge_wide(Worker& worker, const char* word, const char* end, const char* limit, bool runs,
                         std::int32_t* ids) const;
  std::size_t split_characters(Worker& worker, const char* word, std::size_t length) const;
  std::size_t match_longest(Worker& worker, const char* word, std::size_t length, std::int32_t* ids) const;
  std::size_t drop_merges(Worker& worker, const EncodingRequest& request, const Stretch& stretch,
                          std::int64_t position, const char* word, std::size_t length,
                          std::int32_t* ids) const;
  void add_spans(Worker& worker, const EncodingRequest& request, std::int64_t position, const char* word,
                 std::size_t length, const std::int32_t* ids, std::size_t count,
                 std::vector<std::int64_t>& spans) const;

  std::shared_ptr<const BpeModel> model_;
  std::string pretokenizer_;
  Scan scan_;
  BlockCuts block_cuts_;
  MakeKeys make_keys_;
  bool wide_apart_;  // words with wide characters are not looked up as a whole
  const ByteTrie& tokens() const;

  mutable std::once_flag tokens_made_;
  mutable std::unique_ptr<ByteTrie> tokens_;  // made when it is first asked for
};

struct alignas(kApart) BpeEncoder::Worker : TextEncoder::Worker {
  // What three bytes become that merge with nothing around them.
  struct Three {
    std::uint32_t key;
    std::int32_t ids[3];  // behind the last, kNoToken
  };
  static constexpr int kThreeBits = 12;

  // The beginning of `values`, which are at least n.
  template <class T>
  static T* at_least(std::vector<T>& values, std::size_t n) {
    if (values.size() < n) values.resize(n);
    return values.data();
  }

  explicit Worker(const BpeModel& model)
      : merger(model), threes(std::size_t{1} << kThreeBits), wide(model, merger) {}

  WordCache cache;
  NewWords new_words;
  BpeMerger merger;
  std::vector<Three> threes;
  WideCharacters wide;
  std::vector<std::int32_t> symbols;
  std::vector<std::uint32_t> ranks;
  std::vector<std::uint32_t> lengths;  // of symbols, in bytes of the text
};

}  // namespace fastnlp
