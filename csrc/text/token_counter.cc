#include "text/token_counter.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/checks.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

constexpr std::size_t kWorthAThread = std::size_t{1} << 16;
constexpr std::size_t kPrefetched = 8;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string hex(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

}  // namespace

TokenCounter::TokenCounter(int threads, std::uint64_t salt, bool replace) : salt_(salt) {
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  chunks_.reserve(static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) chunks_.emplace_back(salt, threads, t, replace);
}

void TokenCounter::begin_source(bool skip_mark) {
  carry_.clear();
  source_start_ = position_;
  line_ = 1;
  skip_mark_ = skip_mark;
}

std::vector<std::int32_t> TokenCounter::feed(std::string_view block) {
  check_open();
  const char* head = block.data();
  const char* const end = head + block.size();
  if (!carry_.empty()) {
    const char* const after = after_first_space(head, end);
    carry_.append(head, after);
    head = after;
    const char* const carried = carry_.data() + carry_.size();
    // The block may hold no white space at all. It is enough to look at one character: the last.
    if (head == end &&
        after_last_space(carried - std::min<std::size_t>(3, carry_.size()), carried) != carried) {
      return {};
    }
    run(carry_, 1);
    carry_.clear();
  }
  const char* const tail = after_last_space(head, end);
  const auto body = static_cast<std::size_t>(tail - head);
  run({head, body}, std::clamp<std::size_t>(body / kWorthAThread, 1, chunks_.size()));
  carry_.assign(tail, end);
  return take();
}

std::vector<std::int32_t> TokenCounter::end_source() {
  check_open();
  run(carry_, 1);
  carry_.clear();
  chunks_[0].put_marker(kEndOfSource);
  return take();
}

void TokenCounter::run(std::string_view text, std::size_t segments) {
  if (text.empty()) return;
  if (position_ == source_start_ && skip_mark_ && text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
    position_ += static_cast<std::int64_t>(kByteOrderMark.size());
  }

  // Segment s goes to thread s; their streams follow one another in the order of the text.
  struct Segment {
    std::string_view text;
    std::int64_t position = 0;
    std::optional<BadByte> bad;
    std::exception_ptr error;
  };
  std::vector<Segment> parts(segments);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  for (std::size_t s = 0; s < segments; ++s) {
    const char* const aim = begin + text.size() / segments * (s + 1);
    const char* const stop = s + 1 == segments ? end : after_first_space(std::max(at, aim), end);
    parts[s].text = {at, static_cast<std::size_t>(stop - at)};
    parts[s].position = position_ + (at - begin);
    at = stop;
  }
  const auto work = [&](std::size_t s) noexcept {
    try {
      chunks_[s].run(parts[s].text, parts[s].position);
    } catch (const BadByte& bad) {
      parts[s].bad = bad;
    } catch (...) {
      parts[s].error = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(segments);
  std::vector<std::size_t> left = {0};
  for (std::size_t s = 1; s < segments; ++s) {
    try {
      threads.emplace_back(work, s);
    } catch (const std::system_error&) {
      left.push_back(s);  // no more threads to be had: the caller's does the work
    }
  }
  for (const std::size_t s : left) work(s);
  for (std::thread& thread : threads) thread.join();

  std::int64_t lines = 0;
  for (std::size_t s = 0; s < segments; ++s) {
    if (parts[s].error) std::rethrow_exception(parts[s].error);
    if (parts[s].bad) {
      const BadByte& bad = *parts[s].bad;
      throw std::invalid_argument("byte " + hex(bad.byte) + " at offset " +
                                  std::to_string(parts[s].position + bad.offset - source_start_) + ", line " +
                                  std::to_string(line_ + lines + bad.lines) + ": expected UTF-8, but " +
                                  bad.reason);
    }
    lines += chunks_[s].lines();
  }
  line_ += lines;
  position_ += end - begin;
}

std::vector<std::int32_t> TokenCounter::take() {
  std::size_t total = 0;
  for (const ChunkCounter& chunk : chunks_) total += chunk.stream().size();
  std::vector<std::int32_t> stream;
  stream.reserve(total);
  for (ChunkCounter& chunk : chunks_) {
    stream.insert(stream.end(), chunk.stream().begin(), chunk.stream().end());
    chunk.clear();
  }
  return stream;
}

void TokenCounter::add_word(std::string_view word) {
  check_open();
  if (word.empty()) refuse("tokens", "words of at least one character", "an empty one");
  chunks_[0].count_word(word, position_++);
}

void TokenCounter::end_sentence() {
  check_open();
  chunks_[0].put_marker(kEndOfLine);
}

void TokenCounter::check_open() const {
  if (merge_) throw std::logic_error("TokenCounter: expected no more text after merge");
}

std::vector<std::int32_t> TokenCounter::take_sentences() { return take(); }

bool TokenCounter::merge(std::int64_t limit) {
  if (!merge_) {
    merge_ = std::make_unique<Merge>(salt_);
    std::size_t longest = 0;
    for (const ChunkCounter& chunk : chunks_) longest = std::max(longest, chunk.table().size());
    merge_->number_of.assign(longest * chunks_.size(), -1);
    if (chunks_.size() == 1) {
      std::iota(merge_->number_of.begin(), merge_->number_of.end(), 0);
      merge_->table = std::move(chunks_[0]).release_table();
      merge_->done = true;
    } else {
      for (const ChunkCounter& chunk : chunks_) merge_->orders.push_back(chunk.table().order());
      merge_->next.resize(chunks_.size());
    }
  }
  for (std::int64_t step = 0; step < limit && !merge_->done; ++step) merge_next();
  if (merge_->done) chunks_.clear();
  return merge_->done;
}

// Each thread's words stand by first appearance already: the earliest of those not yet taken is the next of
// all.
void TokenCounter::merge_next() {
  Merge& merging = *merge_;
  std::size_t earliest = chunks_.size();
  std::int64_t position = 0;
  for (std::size_t t = 0; t < chunks_.size(); ++t) {
    if (merging.next[t] == merging.orders[t].size()) continue;
    const std::int64_t first = chunks_[t].table().first_position(merging.next[t]);
    if (earliest == chunks_.size() || first < position) {
      earliest = t;
      position = first;
    }
  }
  if (earliest == chunks_.size()) {
    merging.done = true;
    return;
  }
  const std::size_t id = merging.next[earliest]++;
  const WordTable& table = chunks_[earliest].table();
  const std::vector<std::uint64_t>& order = merging.orders[earliest];
  if (id + kPrefetched < order.size()) table.prefetch_slot(order[id + kPrefetched]);
  const WordTable::Entry entry = table.entry(order[id]);
  merging.number_of[id * chunks_.size() + earliest] =
      static_cast<std::int32_t>(merging.table.count(entry.key, position, entry.count));
}

TokenCounter::Words TokenCounter::words() const {
  if (!merge_ || !merge_->done) throw std::logic_error("words: expected merge to have ended");
  Words words;
  const WordTable& table = merge_->table;
  words.offsets.reserve(table.size() + 1);
  words.counts.reserve(table.size());
  words.offsets.push_back(0);
  const std::vector<std::uint64_t> order = table.order();
  for (std::size_t id = 0; id < order.size(); ++id) {
    if (id + kPrefetched < order.size()) table.prefetch_slot(order[id + kPrefetched]);
    const WordTable::Entry entry = table.entry(order[id]);
    words.bytes.append(entry.key.data, entry.key.length);
    words.offsets.push_back(static_cast<std::int64_t>(words.bytes.size()));
    words.counts.push_back(entry.count);
  }
  words.number_of = merge_->number_of;
  return words;
}

}  // namespace fastnlp
