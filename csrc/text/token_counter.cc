#include "text/token_counter.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

constexpr std::size_t kWorthAThread = std::size_t{1} << 16;
constexpr std::size_t kTurns = 8;  // of each thread in a block, so that none waits long for the last
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string hex(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

}  // namespace

TokenCounter::TokenCounter(int threads, std::uint64_t salt, bool replace) {
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

Buffer<std::int32_t> TokenCounter::feed(std::string_view block) {
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
  const std::size_t most = chunks_.size() == 1 ? 1 : chunks_.size() * kTurns;
  run({head, body}, std::clamp<std::size_t>(body / kWorthAThread, 1, most));
  carry_.assign(tail, end);
  return take();
}

Buffer<std::int32_t> TokenCounter::end_source() {
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

  struct Segment {
    std::string_view text;
    std::int64_t position = 0;
    std::int64_t lines = 0;
    std::optional<BadByte> bad;
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
  const std::size_t before = stretches_.size();
  stretches_.resize(before + segments);
  take_turns(static_cast<std::int64_t>(segments), static_cast<int>(chunks_.size()),
             [&](std::int64_t turn, int thread) {
               const auto s = static_cast<std::size_t>(turn);
               ChunkCounter& chunk = chunks_[static_cast<std::size_t>(thread)];
               const std::size_t first = chunk.stream().size();
               try {
                 chunk.run(parts[s].text, parts[s].position);
               } catch (const BadByte& bad) {
                 parts[s].bad = bad;
               }
               parts[s].lines = chunk.lines();
               stretches_[before + s] = {&chunk, first, chunk.stream().size()};
             });

  for (const Segment& part : parts) {
    if (part.bad) {
      throw std::invalid_argument("byte " + hex(part.bad->byte) + " at offset " +
                                  std::to_string(part.position + part.bad->offset - source_start_) +
                                  ", line " + std::to_string(line_ + part.bad->lines) +
                                  ": expected UTF-8, but " + part.bad->reason);
    }
    line_ += part.lines;
  }
  position_ += end - begin;
}

// What stands in the first chunk behind the last stretch is a mark, or words that were split already.
Buffer<std::int32_t> TokenCounter::take() {
  std::size_t noted = 0;
  for (const Stretch& stretch : stretches_) {
    if (stretch.chunk == chunks_.data()) noted = stretch.end;
  }
  stretches_.push_back({chunks_.data(), noted, chunks_[0].stream().size()});
  std::vector<std::size_t> places = {0};
  for (const Stretch& stretch : stretches_) places.push_back(places.back() + stretch.end - stretch.begin);
  Buffer<std::int32_t> stream(places.back());
  const std::size_t threads = std::clamp<std::size_t>(stream.size() / kWorthAThread, 1, chunks_.size());
  take_turns(static_cast<std::int64_t>(stretches_.size()), static_cast<int>(threads),
             [&](std::int64_t turn, int) {
               const auto s = static_cast<std::size_t>(turn);
               const auto [chunk, begin, stop] = stretches_[s];
               std::copy_n(chunk->stream().data() + begin, stop - begin, stream.data() + places[s]);
             });
  stretches_.clear();
  for (ChunkCounter& chunk : chunks_) chunk.clear();
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

Buffer<std::int32_t> TokenCounter::take_sentences() { return take(); }

bool TokenCounter::merge(std::int64_t limit) {
  if (!merge_) {
    std::vector<WordTable> tables;
    for (ChunkCounter& chunk : chunks_) tables.push_back(std::move(chunk).release_table());
    merge_ = std::make_unique<WordMerge>(std::move(tables));
  }
  merged_ = merge_->advance(limit);
  return merged_;
}

NumberedWords TokenCounter::words() const {
  if (!merged_) throw std::logic_error("words: expected merge to have ended");
  return merge_->words();
}

}  // namespace fastnlp
