#include "text/phrase_counter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"
#include "text/pair_pages.h"
#include "text/pair_table.h"
#include "text/phrase_pairs.h"

namespace fastnlp {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBlock = 1 << 15;      // tokens that a thread takes at a time
constexpr std::int64_t kMostPages = 1 << 17;  // 512 MiB: draining a bucket stays a matter of milliseconds
constexpr std::size_t kAhead = 16;            // pairs between the prefetch of a slot and its use
constexpr std::int64_t kLeastMemory = 1 << 24;

struct Candidate {
  std::uint64_t pair;
  std::uint64_t gap;
  std::int64_t count;
};

}  // namespace

struct PhraseCounter::Steps {
  virtual ~Steps() = default;
  virtual bool advance(double seconds) = 0;
  virtual FoundPhrases take() = 0;
};

template <bool kGaps>
class PhraseCounter::Counting final : public PhraseCounter::Steps {
 public:
  Counting(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::int64_t vocabulary,
           std::span<const std::int32_t> connectors, std::vector<Role> roles, PhraseRule rule, int threads,
           std::int64_t memory, std::uint64_t salt)
      : ids_(ids),
        offsets_(offsets),
        connectors_(connectors.begin(), connectors.end()),
        gaps_(static_cast<int>(connectors.size())),
        roles_(std::move(roles)),
        rule_(rule),
        threads_(static_cast<int>(
            std::clamp(memory / 8 / (kBlockPages * kPairPage), std::int64_t{1}, std::int64_t{threads}))),
        memory_(memory),
        salt_(salt),
        blocks_((static_cast<std::int64_t>(ids.size()) + kBlock - 1) / kBlock),
        words_(static_cast<std::size_t>(vocabulary)),
        tables_(kPairBuckets),
        found_(kPairBuckets),
        state_(kPairBuckets, State::kCounted),
        pages_(pages_for(static_cast<std::int64_t>(ids.size()), threads_, memory), threads_),
        senders_(static_cast<std::size_t>(threads_)),
        table_bytes_(static_cast<std::size_t>(
            memory - pages_for(static_cast<std::int64_t>(ids.size()), threads_, memory) * kPairPage)) {}

  // Every thread takes a block, or a bucket, before it looks at the clock: however short a step is, it gets
  // on.
  bool advance(double seconds) override {
    const auto deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    do {
      switch (stage_) {
        case Stage::kWords:
          count_words(deadline);
          break;
        case Stage::kSend:
          send(deadline);
          break;
        case Stage::kDrain:
          drain(deadline);
          break;
        case Stage::kCollect:
          collect(deadline);
          break;
        case Stage::kDone:
          break;
      }
    } while (stage_ != Stage::kDone && Clock::now() < deadline);
    return stage_ == Stage::kDone;
  }

  FoundPhrases take() override {
    if (stage_ != Stage::kDone) throw std::logic_error("take: expected advance to have ended");
    std::vector<std::pair<Candidate, double>> phrases;
    for (std::vector<Candidate>& bucket : found_) {
      for (const Candidate& candidate : bucket) {
        const double score = score_of(candidate, different_words_ + different_pairs_);
        if (is_phrase(rule_, score)) phrases.emplace_back(candidate, score);
      }
      std::vector<Candidate>().swap(bucket);
    }
    std::sort(phrases.begin(), phrases.end(), [](const auto& a, const auto& b) {
      return std::tie(a.first.pair, a.first.gap) < std::tie(b.first.pair, b.first.gap);
    });
    FoundPhrases out;
    out.between_offsets.push_back(0);
    for (const auto& [candidate, score] : phrases) {
      out.first.push_back(first_of(candidate.pair));
      out.second.push_back(second_of(candidate.pair));
      const int length = gaps_.length(candidate.gap);
      for (int i = 0; i < length; ++i) {
        out.between.push_back(connectors_[static_cast<std::size_t>(gaps_.at(candidate.gap, length, i) - 1)]);
      }
      out.between_offsets.push_back(static_cast<std::int64_t>(out.between.size()));
      out.counts.push_back(candidate.count);
      out.scores.push_back(score);
    }
    out.different_pairs = different_pairs_;
    out.passes = passes_;
    return out;
  }

 private:
  using Pages = PairPages<kGaps>;
  static constexpr std::int64_t kBlockPages = Pages::most_for(kBlock);
  enum class Stage { kWords, kSend, kDrain, kCollect, kDone };
  enum class State : std::uint8_t { kCounted, kPutOff, kDone };

  // What one thread has counted.
  struct Sender {
    std::vector<std::int64_t> words;
    std::int64_t pairs = 0;
  };

  // Pairs on their way take a quarter of the memory, or as much as all of them need.
  static std::int64_t pages_for(std::int64_t tokens, int threads, std::int64_t memory) {
    const std::int64_t all = tokens / static_cast<std::int64_t>(Pages::kKeys) + 2 * threads * kBlockPages;
    return std::min({all, memory / 4 / kPairPage, kMostPages});
  }

  void count_words(Clock::time_point deadline) {
    // Every thread has counts of its own; a huge vocabulary is counted by few threads.
    const std::size_t room =
        std::max<std::size_t>(1, table_bytes_ / (8 * std::max<std::size_t>(1, words_.size())));
    on_threads(static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads_), room)), [&](int t) {
      std::vector<std::int64_t>& counts = senders_[static_cast<std::size_t>(t)].words;
      counts.resize(words_.size());
      do {
        const std::int64_t block = next_.fetch_add(1);
        if (block >= blocks_) break;
        const std::int64_t end = std::min(static_cast<std::int64_t>(ids_.size()), (block + 1) * kBlock);
        for (std::int64_t i = block * kBlock; i < end; ++i) {
          const auto id = static_cast<std::uint32_t>(ids_[static_cast<std::size_t>(i)]);
          if (id >= counts.size()) check_ids("ids", ids_, static_cast<std::int64_t>(counts.size()));
          ++counts[id];
        }
      } while (Clock::now() < deadline);
    });
    if (next_ < blocks_) return;
    for (Sender& sender : senders_) {
      for (std::size_t i = 0; i < sender.words.size(); ++i) words_[i] += sender.words[i];
      std::vector<std::int64_t>().swap(sender.words);
    }
    choose_words();
    next_ = 0;
    passes_ = 1;
    stage_ = Stage::kSend;
  }

  // Words that can be in no phrase need no pairs. Not for gensim's scoring, which counts how many different
  // pairs there are.
  void choose_words() {
    const auto total = static_cast<double>(ids_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (roles_[i] != 0) continue;
      if (words_[i] > 0) ++different_words_;
      const bool rare = words_[i] < rule_.min_count;
      // (ab - m) / (a * b) * T < T / max(a, b), with room for rounding.
      const bool frequent = rule_.scoring == PhraseScoring::kWord2phrase &&
                            total < rule_.threshold * 0.9999 * static_cast<double>(words_[i]);
      if (rule_.scoring != PhraseScoring::kGensim && (rare || frequent)) roles_[i] = kNoPhrase;
    }
  }

  void send(Clock::time_point deadline) {
    on_threads(threads_, [&](int t) {
      do {
        const std::int64_t block = next_.fetch_add(1);
        if (block >= blocks_) break;
        send_block(t, block * kBlock, std::min(static_cast<std::int64_t>(ids_.size()), (block + 1) * kBlock));
      } while (Clock::now() < deadline && pages_.has(threads_ * kBlockPages));
    });
    if (next_ >= blocks_ || !pages_.has(threads_ * kBlockPages)) {
      next_bucket_ = 0;
      stage_ = Stage::kDrain;
    }
  }

  void send_block(int thread, std::int64_t begin, std::int64_t end) {
    typename Pages::Writer& writer = pages_.writer(thread);
    std::int64_t pairs = 0;
    const auto found = [&, salt = salt_](std::uint64_t pair, std::uint64_t between) {
      ++pairs;
      const std::size_t bucket = mix(pair, between, salt) >> 56;
      if (state_[bucket] == State::kCounted) pages_.put(writer, bucket, PairKey<kGaps>::of(pair, between));
    };
    auto sentence = std::upper_bound(offsets_.begin(), offsets_.end(), begin) - offsets_.begin() - 1;
    for (std::int64_t at = begin; at < end; ++sentence) {
      const std::int64_t stop = std::min(end, offsets_[static_cast<std::size_t>(sentence) + 1]);
      pairs_of_stretch<kGaps>(ids_.data(), roles_.data(), gaps_, offsets_[static_cast<std::size_t>(sentence)],
                              at, stop, found);
      at = std::max(at, stop);
    }
    senders_[static_cast<std::size_t>(thread)].pairs += pairs;
  }

  void drain(Clock::time_point deadline) {
    on_threads(threads_, [&](int) {
      do {
        const std::size_t bucket = next_bucket_.fetch_add(1);
        if (bucket >= kPairBuckets) break;
        if (state_[bucket] == State::kCounted && !drain_bucket(bucket)) state_[bucket] = State::kPutOff;
      } while (Clock::now() < deadline);
    });
    if (next_bucket_ < kPairBuckets) return;
    pages_.clear();
    next_bucket_ = 0;
    stage_ = next_ < blocks_ ? Stage::kSend : Stage::kCollect;
  }

  // False if the memory did not suffice: then its table is gone.
  bool drain_bucket(std::size_t bucket) {
    PairTable<kGaps>& table = tables_[bucket];
    return pages_.each(bucket, [&](const PairKey<kGaps>* keys, std::size_t size) {
      std::array<std::uint64_t, Pages::kKeys> hashes;
      for (std::size_t i = 0; i < size; ++i) hashes[i] = mix(keys[i].pair, keys[i].between(), salt_);
      for (std::size_t i = 0; i < size; ++i) {
        if (i + kAhead < size) table.prefetch(hashes[i + kAhead]);
        if (table.full() && !grow(table)) return false;
        table.count(keys[i], hashes[i]);
      }
      return true;
    });
  }

  bool grow(PairTable<kGaps>& table) {
    {
      const std::lock_guard lock(growing_);
      // While a table moves, the old and the new one are there.
      if (held_ + table.next_bytes() > table_bytes_) {
        if (counted_ == 1) {
          refuse("memory", "enough bytes to count one part in 256 of the pairs at a time",
                 std::to_string(memory_));
        }
        --counted_;
        held_ -= table.bytes();
        table = {};
        return false;
      }
      held_ += table.next_bytes();
    }
    const std::size_t old = table.bytes();
    table.grow(salt_);
    const std::lock_guard lock(growing_);
    held_ -= old;
    return true;
  }

  void collect(Clock::time_point deadline) {
    if (next_bucket_ == 0) {
      pairs_ = 0;
      for (const Sender& sender : senders_) pairs_ += sender.pairs;
    }
    on_threads(threads_, [&](int) {
      do {
        const std::size_t bucket = next_bucket_.fetch_add(1);
        if (bucket >= kPairBuckets) break;
        if (state_[bucket] == State::kCounted) collect_bucket(bucket);
      } while (Clock::now() < deadline);
    });
    if (next_bucket_ >= kPairBuckets) next_pass();
  }

  // Keeps what may still be a phrase: the number of different pairs is at most that of all pairs.
  void collect_bucket(std::size_t bucket) {
    for (const auto& slot : tables_[bucket].slots()) {
      if (slot.count < rule_.min_count || slot.count == 0) continue;
      const Candidate candidate{slot.key.pair, slot.key.between(), slot.count};
      if (is_phrase(rule_, score_of(candidate, different_words_ + pairs_)))
        found_[bucket].push_back(candidate);
    }
    different_pairs_ += static_cast<std::int64_t>(tables_[bucket].size());
    tables_[bucket] = {};
    state_[bucket] = State::kDone;
  }

  // The buckets that were put off, as many as went through in this pass.
  void next_pass() {
    std::size_t room = counted_;
    counted_ = 0;
    for (State& state : state_) {
      if (state != State::kPutOff || counted_ == room) continue;
      state = State::kCounted;
      ++counted_;
    }
    held_ = 0;
    next_ = counted_ == 0 ? blocks_ : 0;
    next_bucket_ = 0;
    for (Sender& sender : senders_) sender.pairs = 0;
    stage_ = counted_ == 0 ? Stage::kDone : Stage::kSend;
    passes_ += counted_ > 0;
  }

  double score_of(const Candidate& candidate, std::int64_t entries) const {
    return phrase_score(rule_, words_[static_cast<std::size_t>(first_of(candidate.pair))],
                        words_[static_cast<std::size_t>(second_of(candidate.pair))], candidate.count,
                        static_cast<std::int64_t>(ids_.size()), entries);
  }

  std::span<const std::int32_t> ids_;
  std::span<const std::int64_t> offsets_;
  std::vector<std::int32_t> connectors_;
  GapCode gaps_;
  std::vector<Role> roles_;
  PhraseRule rule_;
  int threads_;
  std::int64_t memory_;
  std::uint64_t salt_;
  std::int64_t blocks_;

  Stage stage_ = Stage::kWords;
  std::atomic<std::int64_t> next_{0};  // block of the text
  std::atomic<std::size_t> next_bucket_{0};
  int passes_ = 0;

  std::vector<std::int64_t> words_;  // how often each word occurs
  std::int64_t different_words_ = 0;
  std::vector<PairTable<kGaps>> tables_;
  std::vector<std::vector<Candidate>> found_;
  std::vector<State> state_;
  std::atomic<std::int64_t> different_pairs_{0};
  std::int64_t pairs_ = 0;

  Pages pages_;
  std::vector<Sender> senders_;

  std::mutex growing_;
  std::size_t table_bytes_;
  std::size_t held_ = 0;                // bytes of tables
  std::size_t counted_ = kPairBuckets;  // buckets of this pass that were not put off
};

PhraseCounter::PhraseCounter(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                             std::int64_t vocabulary, std::span<const std::int32_t> connectors,
                             std::span<const std::int32_t> apart, PhraseRule rule, int threads,
                             std::int64_t memory, std::uint64_t salt) {
  check_offsets("sentence_offsets", offsets, static_cast<std::int64_t>(ids.size()));
  if (rule.min_count < 1) refuse("min_count", "a number >= 1", std::to_string(rule.min_count));
  if (!std::isfinite(rule.threshold)) refuse("threshold", "a finite number", std::to_string(rule.threshold));
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  if (memory < kLeastMemory) {
    refuse("memory", "at least " + std::to_string(kLeastMemory) + " bytes", std::to_string(memory));
  }
  std::vector<Role> roles = phrase_roles(vocabulary, connectors, apart);
  if (connectors.empty()) {
    steps_ = std::make_unique<Counting<false>>(ids, offsets, vocabulary, connectors, std::move(roles), rule,
                                               threads, memory, salt);
  } else {
    steps_ = std::make_unique<Counting<true>>(ids, offsets, vocabulary, connectors, std::move(roles), rule,
                                              threads, memory, salt);
  }
}

PhraseCounter::~PhraseCounter() = default;

bool PhraseCounter::advance(double seconds) { return steps_->advance(seconds); }
FoundPhrases PhraseCounter::take() { return steps_->take(); }

}  // namespace fastnlp
