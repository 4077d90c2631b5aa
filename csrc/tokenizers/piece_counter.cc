#include "tokenizers/piece_counter.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"
#include "tokenizers/counted_patterns.h"

namespace fastnlp {
namespace {

constexpr std::size_t kLongest = std::size_t{1} << 30;
constexpr std::ptrdiff_t kWorthAThread = 1 << 16;
constexpr std::size_t kPrefetched = 8;
constexpr std::size_t kFirstTry = std::size_t{1} << 16;
constexpr std::ptrdiff_t kLookAhead = 8;  // bytes behind a piece that can move its end, and some more

constexpr std::uint64_t first_bytes(unsigned n) {
  return n >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1;
}

// Where the run of characters of some of these classes begins that [begin, end) ends with.
const char* before_run(const char* begin, const char* end, std::uint8_t wanted) {
  const char* p = end;
  while (p > begin) {
    const char* q = p - 1;
    while (q > begin && continues(*q) && p - q < kLongestCharacter) --q;
    const Character c = character_at(q, p);
    if (q + c.length != p || !(c.classes & wanted)) break;
    p = q;
  }
  return p;
}

// Behind the first line of [begin, end); nullptr where it has no end.
const char* after_first_line(const char* begin, const char* end) {
  const void* const newline = std::memchr(begin, '\n', static_cast<std::size_t>(end - begin));
  return newline == nullptr ? nullptr : static_cast<const char*>(newline) + 1;
}

}  // namespace

WordKey PieceTable::long_key(const char* begin, std::size_t length) const {
  if (length > kLongest) {
    refuse("text", "pieces of at most 1 GiB", "one of " + std::to_string(length) + " bytes; is this a text?");
  }
  return table_.key(begin, static_cast<std::uint32_t>(length));
}

void PieceTable::push(const char* begin, const char* end, const char* readable) {
  const auto length = static_cast<std::size_t>(end - begin);
  WordKey& key = batch_[waiting_];
  if (length <= kInlineBytes && readable - begin >= static_cast<std::ptrdiff_t>(kInlineBytes)) [[likely]] {
    std::uint64_t low, high;
    std::memcpy(&low, begin, 8);
    std::memcpy(&high, begin + 8, 8);
    const auto n = static_cast<unsigned>(length);
    low &= first_bytes(n);
    high = n > 8 ? high & first_bytes(n - 8) : 0;
    key = {low, high, table_.hash_inline(low, high, n), begin, n};
  } else {
    key = long_key(begin, length);
  }
  table_.prefetch(key.hash);
  if (++waiting_ == kBatch) flush();
}

void PieceTable::flush() {
  for (std::size_t i = 0; i < waiting_; ++i) {
    table_.count(batch_[i], origin_position_ + (batch_[i].data - origin_));
  }
  waiting_ = 0;
}

void PieceTable::add(std::string_view piece, std::int64_t position, std::int64_t times) {
  if (piece.size() > kLongest) {
    refuse("text", "pieces of at most 1 GiB", "one of " + std::to_string(piece.size()) + " bytes");
  }
  table_.count(table_.key(piece.data(), static_cast<std::uint32_t>(piece.size())), position, times);
}

template <class Pattern>
const char* PieceTable::run(const char* begin, const char* end, const char* readable, std::int64_t position,
                            bool last) {
  if (waiting_ == 0) {
    origin_ = begin;
    origin_position_ = position;
  }
  const char* sure = end;
  if (!last) {
    sure = end - begin > kLookAhead ? end - kLookAhead : begin;
    sure = std::min(sure, before_run(begin, end, kSpace));
    if (std::is_same_v<Pattern, O200kPattern> && sure > begin) {
      // How a run of letters and marks is cut may depend on its end.
      const char* whole = sure;
      while (whole > begin && continues(*whole) && sure - whole < kLongestCharacter) --whole;
      sure = before_run(begin, whole, kLetter | kMark);
    }
  }
  const char* p = begin;
  while (p < end) {
    const char* const q = Pattern::next(p, end);
    if (q > sure) break;
    if constexpr (std::is_same_v<Pattern, WordsPattern>) {
      std::uint32_t length;
      if (!WordsPattern::space(p, end, length)) push(p, q, readable);
    } else {
      push(p, q, readable);
    }
    p = q;
  }
  return p;
}

PieceCounter::PieceCounter(std::string pretokenizer, bool by_line, bool strict, int threads,
                           std::uint64_t salt)
    : pretokenizer_(std::move(pretokenizer)), by_line_(by_line), strict_(strict), salt_(salt) {
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  with_counted_pattern(pretokenizer_, [](auto) {});
  for (int t = 0; t < threads; ++t) parts_.emplace_back(salt);
}

void PieceCounter::refuse_byte(std::int64_t offset, bool cut) const {
  refuse("byte " + std::to_string(offset), "UTF-8",
         cut ? "a text that ends inside a character; is it cut short?" : "what is no character in it");
}

void PieceCounter::check_open() const {
  if (done_ || merged_) throw std::logic_error("PieceCounter: expected no more text after merge");
}

void PieceCounter::feed(std::string_view block) {
  check_open();
  if (strict_) {
    if (const auto bad = checker_.feed(block)) refuse_byte(*bad, false);
  }
  with_counted_pattern(pretokenizer_, [&](auto pattern) { feed_with<decltype(pattern)>(block); });
}

void PieceCounter::end_source() {
  check_open();
  if (strict_) {
    if (const auto bad = checker_.end()) refuse_byte(*bad, true);
  }
  checker_ = {};
  with_counted_pattern(pretokenizer_, [&](auto pattern) { end_with<decltype(pattern)>(); });
}

template <class Pattern>
void PieceCounter::end_with() {
  const char* const begin = carry_.data();
  const char* const end = begin + carry_.size();
  parts_[0].run<Pattern>(begin, end, end, position_ - static_cast<std::int64_t>(carry_.size()), true);
  parts_[0].flush();
  carry_.clear();
  try_carry_at_ = 0;
}

// The first place behind `p` where a document ends or a cut is sure; `end` where there is none before.
template <class Pattern>
const char* PieceCounter::next_cut(const char* p, const char* end) const {
  const char* const cut = sure_cut<Pattern>(p, end);
  const char* const line_end = by_line_ ? after_first_line(p, cut) : nullptr;
  return line_end == nullptr ? cut : line_end;
}

// The last such place, up to `end`; `begin` where there is none.
template <class Pattern>
const char* PieceCounter::last_cut(const char* begin, const char* end) const {
  if (by_line_ && end[-1] == '\n') return end;
  const char* last = begin;
  for (std::ptrdiff_t back = 256; last == begin; back *= 4) {
    const char* const from = end - begin > back ? end - back : begin;
    for (const char* cut = next_cut<Pattern>(from, end); cut < end; cut = next_cut<Pattern>(cut, end)) {
      last = cut;
    }
    if (from == begin) break;
  }
  return last;
}

template <class Pattern>
void PieceCounter::feed_with(std::string_view block) {
  const char* head = block.data();
  const char* const end = head + block.size();
  if (!carry_.empty()) {
    const char* const cut = next_cut<Pattern>(head, end);
    carry_.append(head, cut);
    position_ += cut - head;
    head = cut;
    const bool whole = cut < end || (by_line_ && !carry_.empty() && carry_.back() == '\n');
    if (whole) {
      end_with<Pattern>();
    } else if (!std::is_same_v<Pattern, WholePattern> && carry_.size() >= try_carry_at_) {
      // No cut is sure, as in a text of signs alone. What is done is not looked at again; the rest, before it
      // has doubled.
      const char* const begin = carry_.data();
      const char* const carried = begin + carry_.size();
      const char* const done = parts_[0].run<Pattern>(
          begin, carried, carried, position_ - static_cast<std::int64_t>(carry_.size()), false);
      parts_[0].flush();
      carry_.erase(0, static_cast<std::size_t>(done - begin));
      try_carry_at_ = std::max(kFirstTry, 2 * carry_.size());
    }
    if (carry_.size() > kLongest + kFirstTry) {
      refuse("text", by_line_ ? "lines of at most 1 GiB" : "pieces of at most 1 GiB",
             "more; is this a text?");
    }
  }
  if (head == end) return;
  const char* const tail = last_cut<Pattern>(head, end);
  run_parts<Pattern>(head, tail);
  position_ += end - head;
  carry_.assign(tail, end);
}

// [begin, end) begins and ends at sure cuts.
template <class Pattern>
void PieceCounter::run_parts(const char* begin, const char* end) {
  if (begin == end) return;
  const std::ptrdiff_t size = end - begin;
  const auto threads = static_cast<int>(
      std::clamp<std::ptrdiff_t>(size / kWorthAThread, 1, static_cast<std::ptrdiff_t>(parts_.size())));
  std::vector<const char*> cuts{begin};
  for (int t = 1; t < threads; ++t) {
    const char* const aim = std::max(begin + size / threads * t, cuts.back());
    const char* const cut = next_cut<Pattern>(aim, end);
    cuts.push_back(cut);
  }
  cuts.push_back(end);
  on_threads(threads, [&](int t) {
    const auto part = static_cast<std::size_t>(t);
    run_part<Pattern>(parts_[part], cuts[part], cuts[part + 1], position_ + (cuts[part] - begin));
  });
}

template <class Pattern>
void PieceCounter::run_part(PieceTable& pieces, const char* begin, const char* end,
                            std::int64_t position) const {
  if (!by_line_) {
    pieces.run<Pattern>(begin, end, end, position, true);
  } else {
    for (const char* line = begin; line < end;) {
      const char* const line_end = after_first_line(line, end);
      const char* const stop = line_end == nullptr ? end : line_end;
      pieces.run<Pattern>(line, stop, end, position + (line - begin), true);
      line = stop;
    }
  }
  pieces.flush();
}

void PieceCounter::add_documents(const PackedWords& documents) {
  check_open();
  const std::int64_t total = documents.size();
  const auto threads = static_cast<int>(std::clamp<std::int64_t>(
      static_cast<std::int64_t>(documents.data.size()) / kWorthAThread, 1,
      std::min<std::int64_t>(std::max<std::int64_t>(total, 1), static_cast<std::int64_t>(parts_.size()))));
  const std::int64_t start = position_;
  with_counted_pattern(pretokenizer_, [&](auto pattern) {
    using Pattern = decltype(pattern);
    on_threads(threads, [&](int t) {
      PieceTable& pieces = parts_[static_cast<std::size_t>(t)];
      for (std::int64_t i = total * t / threads; i < total * (t + 1) / threads; ++i) {
        const std::string_view document = documents[i];
        pieces.run<Pattern>(document.data(), document.data() + document.size(),
                            documents.data.data() + documents.data.size(),
                            start + documents.offsets[static_cast<std::size_t>(i)], true);
      }
      pieces.flush();
    });
  });
  position_ += static_cast<std::int64_t>(documents.data.size());
}

void PieceCounter::add_pieces(const PackedWords& pieces, std::span<const std::int64_t> counts) {
  check_open();
  if (static_cast<std::int64_t>(counts.size()) != pieces.size()) {
    refuse("counts", std::to_string(pieces.size()) + " counts", std::to_string(counts.size()));
  }
  for (std::int64_t i = 0; i < pieces.size(); ++i) {
    const std::int64_t times = counts[static_cast<std::size_t>(i)];
    if (times < 1) refuse("counts[" + std::to_string(i) + "]", "at least 1", std::to_string(times));
    if (pieces[i].empty()) refuse("words[" + std::to_string(i) + "]", "at least one character", "none");
    parts_[0].add(pieces[i], position_++, times);
  }
}

bool PieceCounter::merge(std::int64_t limit) {
  if (done_) return true;
  if (!merged_) {
    if (parts_.size() == 1) {
      merged_ = std::make_unique<WordTable>(std::move(parts_[0].table()));
      parts_.clear();
      return done_ = true;
    }
    merged_ = std::make_unique<WordTable>(salt_);
    for (const PieceTable& part : parts_) orders_.push_back(part.table().order());
    next_.resize(parts_.size());
  }
  // Each thread's pieces stand by first appearance: the earliest of those not yet taken is the next of all.
  for (std::int64_t step = 0; step < limit; ++step) {
    std::size_t earliest = parts_.size();
    std::int64_t position = 0;
    for (std::size_t t = 0; t < parts_.size(); ++t) {
      if (next_[t] == orders_[t].size()) continue;
      const std::int64_t first = parts_[t].table().first_position(next_[t]);
      if (earliest == parts_.size() || first < position) {
        earliest = t;
        position = first;
      }
    }
    if (earliest == parts_.size()) {
      parts_.clear();
      orders_.clear();
      return done_ = true;
    }
    const std::vector<std::uint64_t>& order = orders_[earliest];
    const std::size_t id = next_[earliest]++;
    const WordTable& table = parts_[earliest].table();
    if (id + kPrefetched < order.size()) table.prefetch_slot(order[id + kPrefetched]);
    const WordTable::Entry entry = table.entry(order[id]);
    merged_->count(entry.key, position, entry.count);
  }
  return false;
}

const WordTable& PieceCounter::merged() const {
  if (!done_ || !merged_) {
    throw std::logic_error("PieceCounter: expected merge to have ended, and nothing taken");
  }
  return *merged_;
}

PieceCounter::Pieces PieceCounter::pieces() const {
  Pieces pieces;
  pieces.offsets.push_back(0);
  for (const std::uint64_t slot : merged().order()) {
    const WordTable::Entry entry = merged_->entry(slot);
    pieces.bytes.append(entry.key.data, entry.key.length);
    pieces.offsets.push_back(static_cast<std::int64_t>(pieces.bytes.size()));
    pieces.counts.push_back(entry.count);
  }
  return pieces;
}

WordTable PieceCounter::take_table() {
  merged();
  WordTable table = std::move(*merged_);
  merged_.reset();
  return table;
}

}  // namespace fastnlp
