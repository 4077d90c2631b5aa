// Text to ids by word pieces, as BERT has them: the longest token that a word begins with, then the longest
// that goes on with it, and so on; a word that cannot be put together so is unknown.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/bert_text.h"
#include "tokenizers/byte_trie.h"
#include "tokenizers/special_tokens.h"
#include "tokenizers/text_encoder.h"
#include "tokenizers/word_cache.h"

namespace fastnlp {

struct WordPieceSettings {
  BertTextSettings text;
  std::int32_t unknown = 0;
  std::string prefix = "##";       // of tokens that go on with a word
  std::size_t longest_word = 100;  // in characters; longer ones are unknown
};

class WordPieceEncoder : public TextEncoder {
 public:
  // tokens: data[offsets[i]:offsets[i + 1]].
  WordPieceEncoder(std::string_view data, std::span<const std::int64_t> offsets,
                   std::vector<SpecialToken> special_tokens, WordPieceSettings settings);

  void encode(TextEncoder::Worker& worker, const EncodingRequest& request, const Stretch& stretch,
              const char* document, EncodedIds& output) const override;
  const char* cut(const char* from, const char* end) const override;

 protected:
  std::unique_ptr<TextEncoder::Worker> make_worker() const override;

 private:
  struct Worker : TextEncoder::Worker {
    WordCache cache;
    BertWord word;
  };

  // Encodes a stretch without ASCII white space; gives how many ids there are.
  std::size_t encode_run(Worker& worker, const char* run, std::size_t length, std::int32_t* ids) const;
  std::size_t encode_word(BertWord& word, std::int32_t* ids) const;

  WordPieceSettings settings_;
  ByteTrie first_;
  ByteTrie further_;
};

}  // namespace fastnlp
