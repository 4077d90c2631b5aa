#include "tokenizers/bpe_trainer.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "support/checks.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

constexpr std::size_t kStep = 1 << 15;  // pieces between two looks at the clock
constexpr std::size_t kPrefetched = 8;
constexpr std::size_t kCodePoints = 0x110000;

std::uint32_t code_point(const char* at, std::uint32_t length) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  std::uint32_t code = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
  for (std::uint32_t i = 1; i < length; ++i) code = code << 6 | (p[i] & 0x3Fu);
  return code;
}

std::string utf8(std::uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// f(code point) for each character of a piece.
template <class F>
void for_each_character(const WordKey& piece, F&& f) {
  const char* const end = piece.data + piece.length;
  for (const char* p = piece.data; p < end;) {
    std::uint32_t length = 1;
    if (static_cast<unsigned char>(*p) >= 0x80) {
      const Utf8Character character = multibyte_character(p, end);
      if (!character.valid) {
        refuse("text", "UTF-8", "byte " + std::to_string(static_cast<unsigned char>(*p)) + " in a word");
      }
      length = character.length;
    }
    f(code_point(p, length));
    p += length;
  }
}

// Bytes in the order of the characters that GPT-2 writes them as: those that print stand for themselves, the
// others for U+0100 and on.
std::vector<unsigned char> bytes_in_order() {
  const auto prints = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  std::vector<unsigned char> order;
  for (int b = 0; b < 256; ++b) {
    if (prints(b)) order.push_back(static_cast<unsigned char>(b));
  }
  for (int b = 0; b < 256; ++b) {
    if (!prints(b)) order.push_back(static_cast<unsigned char>(b));
  }
  return order;
}

}  // namespace

BpeTrainer::BpeTrainer(WordTable pieces, BpeOptions options)
    : options_(std::move(options)), pieces_(std::make_unique<WordTable>(std::move(pieces))) {
  if (pieces_->size() == 0) refuse("source", "a text", "an empty one: nothing to count in it");
  order_ = pieces_->order();
  tokens_ = options_.special_tokens;
  if (options_.characters) {
    character_counts_.resize(kCodePoints);
  } else {
    byte_ids_.resize(256);
    for (const unsigned char byte : bytes_in_order()) {
      byte_ids_[byte] = static_cast<std::int32_t>(tokens_.size());
      tokens_.emplace_back(1, static_cast<char>(byte));
    }
  }
}

bool BpeTrainer::run(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (stage_ != Stage::kDone) {
    switch (stage_) {
      case Stage::kAlphabet:
        if (!count_alphabet(kStep)) break;
        if (options_.characters) choose_alphabet();
        words_.reserve(places_);
        next_ = 0;
        stage_ = Stage::kSegment;
        break;
      case Stage::kSegment:
        if (!segment(kStep)) break;
        pieces_.reset();
        order_ = {};
        start_training();
        stage_ = Stage::kTrain;
        break;
      case Stage::kTrain: {
        const double left = std::chrono::duration<double>(end - Clock::now()).count();
        if (merge_ ? merge_->run(left) : replace_->run(left)) stage_ = Stage::kDone;
        break;
      }
      case Stage::kDone:
        break;
    }
    if (Clock::now() >= end) break;
  }
  return stage_ == Stage::kDone;
}

bool BpeTrainer::count_alphabet(std::size_t pieces) {
  const std::size_t stop = std::min(order_.size(), next_ + pieces);
  for (; next_ < stop; ++next_) {
    if (next_ + kPrefetched < order_.size()) pieces_->prefetch_slot(order_[next_ + kPrefetched]);
    const WordTable::Entry piece = pieces_->entry(order_[next_]);
    places_ += piece.key.length + 2;
    if (options_.characters) {
      for_each_character(piece.key, [&](std::uint32_t code) { character_counts_[code] += piece.count; });
    }
  }
  return next_ == order_.size();
}

void BpeTrainer::choose_alphabet() {
  std::vector<std::uint32_t> codes;
  for (std::uint32_t code = 0; code < kCodePoints; ++code) {
    if (character_counts_[code] > 0) codes.push_back(code);
  }
  const auto limit = static_cast<std::size_t>(options_.limit_alphabet);
  if (limit > 0 && codes.size() > limit) {
    std::stable_sort(codes.begin(), codes.end(), [&](std::uint32_t a, std::uint32_t b) {
      return character_counts_[a] > character_counts_[b];
    });
    codes.resize(limit);
    std::sort(codes.begin(), codes.end());
  }
  character_ids_.assign(kCodePoints, -1);
  for (const std::uint32_t code : codes) {
    std::string character = utf8(code);
    const auto special = std::find(options_.special_tokens.begin(), options_.special_tokens.end(), character);
    if (special != options_.special_tokens.end()) {
      refuse("special_tokens", "strings that are no character of the text", "'" + character + "'");
    }
    character_ids_[code] = static_cast<std::int32_t>(tokens_.size());
    tokens_.push_back(std::move(character));
  }
  character_counts_ = {};
  if (options_.end_of_word.empty()) return;
  const auto same = std::find(tokens_.begin(), tokens_.end(), options_.end_of_word);
  if (same - tokens_.begin() < static_cast<std::ptrdiff_t>(options_.special_tokens.size())) {
    refuse("end_of_word", "a mark that is no special token", "'" + options_.end_of_word + "'");
  }
  end_id_ = static_cast<std::int32_t>(same - tokens_.begin());
  if (same == tokens_.end()) tokens_.push_back(options_.end_of_word);
}

// A mark of one character may be in words: it is the same symbol there. The characters of a longer one would
// make another symbol of the same name.
void BpeTrainer::check_mark(const WordKey& piece) const {
  const std::string& mark = options_.end_of_word;
  if (mark.empty() ||
      (static_cast<unsigned char>(mark[0]) < 0x80
           ? mark.size() == 1
           : multibyte_character(mark.data(), mark.data() + mark.size()).length == mark.size())) {
    return;
  }
  const std::string_view word(piece.data, piece.length);
  if (word.find(mark) != std::string_view::npos) {
    refuse("end_of_word", "a mark that is in no word", "'" + mark + "' in '" + std::string(word) + "'");
  }
}

bool BpeTrainer::segment(std::size_t pieces) {
  const std::size_t stop = std::min(order_.size(), next_ + pieces);
  for (; next_ < stop; ++next_) {
    if (next_ + kPrefetched < order_.size()) pieces_->prefetch_slot(order_[next_ + kPrefetched]);
    const WordTable::Entry piece = pieces_->entry(order_[next_]);
    if (piece.key.length == 1 && end_id_ < 0) continue;
    words_.begin_word(piece.count);
    if (options_.characters) {
      check_mark(piece.key);
      for_each_character(piece.key, [&](std::uint32_t code) { words_.add_symbol(character_ids_[code]); });
      if (end_id_ >= 0) words_.add_symbol(end_id_);
    } else {
      for (std::uint32_t i = 0; i < piece.key.length; ++i) {
        words_.add_symbol(byte_ids_[static_cast<unsigned char>(piece.key.data[i])]);
      }
    }
    words_.end_word();
  }
  return next_ == order_.size();
}

void BpeTrainer::start_training() {
  if (options_.vocab_size > 0) {
    const auto first = static_cast<std::int64_t>(tokens_.size());
    if (options_.vocab_size < first) {
      refuse("vocab_size",
             "at least " + std::to_string(first) + ", which is the alphabet and the special tokens",
             std::to_string(options_.vocab_size));
    }
    options_.limits.merges = options_.vocab_size - first;
  }
  if (options_.replace) {
    replace_ = std::make_unique<ReplaceTrainer>(std::move(words_), tokens_, options_.limits);
  } else {
    merge_ = std::make_unique<MergeTrainer>(std::move(words_), tokens_, options_.ties, options_.limits);
  }
}

const std::vector<Merge>& BpeTrainer::merges() const {
  static const std::vector<Merge> none;
  return merge_ ? merge_->merges() : replace_ ? replace_->merges() : none;
}

std::int64_t BpeTrainer::merges_done() const { return static_cast<std::int64_t>(merges().size()); }

}  // namespace fastnlp
