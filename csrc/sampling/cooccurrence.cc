#include "sampling/cooccurrence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBetweenLooks =
    1 << 16;  // tokens or pairs, under a millisecond, between looks at the clock
constexpr std::int64_t kLargestBlock = 1 << 20;  // entries
constexpr std::int64_t kSmallestBlock = 256;

std::int64_t ceiling(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

DistanceWeights DistanceWeights::make(int window, bool by_distance, std::int64_t most) {
  DistanceWeights weights;
  weights.at.assign(static_cast<std::size_t>(window) + 1, 1);
  weights.scale = 1.0;
  if (!by_distance) return weights;
  // The largest sum is that of the most frequent word with itself, on both sides.
  double harmonic = 0.0;
  for (int d = 1; d <= window; ++d) harmonic += 1.0 / d;
  const double limit = 0x1.0p62 / (2.0 * static_cast<double>(std::max<std::int64_t>(most, 1)) * harmonic);
  if (limit < window) refuse("window", "a smaller one for so long a text", std::to_string(window));
  std::int64_t scale = 1;
  for (std::int64_t d = 1; d <= window && scale > 0; ++d) {
    const std::int64_t factor = d / std::gcd(scale, d);
    scale = static_cast<double>(scale) * static_cast<double>(factor) <= limit ? scale * factor : 0;
  }
  if (scale == 0) scale = std::int64_t{1} << std::min(40, std::ilogb(limit));
  for (int d = 1; d <= window; ++d) {
    weights.at[static_cast<std::size_t>(d)] = (scale + d / 2) / d;
  }
  weights.scale = static_cast<double>(scale);
  return weights;
}

struct CooccurrenceCounter::Piece {
  std::int64_t begin, end, at;
  std::vector<std::int64_t> words;  // (V,) how often each occurs; then the places of the next positions
};

struct CooccurrenceCounter::Worker {
  RowSums<std::int64_t> sums;
  MatrixRows rows;
  std::int64_t block = -1;
  std::int64_t row = 0;
  std::int64_t at = 0;  // the next of its positions
};

CooccurrenceCounter::CooccurrenceCounter(std::span<const std::int32_t> ids,
                                         std::span<const std::int64_t> bounds, std::int64_t vocabulary,
                                         std::span<const std::int32_t> left_out, CooccurrenceOptions options,
                                         MatrixFiles out, std::int64_t header, std::string temporary)
    : ids_(ids),
      bounds_(bounds),
      vocabulary_(vocabulary),
      options_(options),
      out_files_(std::move(out)),
      out_{&out_files_, header, header, header},
      temporary_(std::move(temporary)) {
  if (options.window < 1 || options.window > 10'000) {
    refuse("window", "1 to 10000", std::to_string(options.window));
  }
  if (vocabulary < 1 || vocabulary > std::numeric_limits<std::int32_t>::max()) {
    refuse("vocabulary", "1 to 2^31 - 1 words", std::to_string(vocabulary));
  }
  if (options.threads < 1 || options.threads > 1024) {
    refuse("threads", "1 to 1024", std::to_string(options.threads));
  }
  check_offsets("bounds", bounds, static_cast<std::int64_t>(ids.size()));
  check_ids("left_out", left_out, vocabulary);
  if (!left_out.empty()) left_out_.assign(static_cast<std::size_t>(vocabulary), 0);
  for (const std::int32_t id : left_out) left_out_[static_cast<std::size_t>(id)] = 1;

  // What is needed whatever the text: each thread's sums and counts, and where the rows begin.
  const std::int64_t threads = options.threads;
  const std::int64_t tokens = static_cast<std::int64_t>(ids.size());
  const std::int64_t fixed =
      threads * (RowSums<std::int64_t>::bytes(vocabulary) + vocabulary * 8) + vocabulary * 9 + 8;
  const std::int64_t least =
      fixed + 16 * kSmallestBlock * 12 * threads + 5 * std::min<std::int64_t>(tokens, 64);
  if (options.memory < least) {
    refuse("memory", "at least " + std::to_string(least) + " bytes for this vocabulary and these threads",
           std::to_string(options.memory));
  }
  // A quarter of the rest for rows on their way to the disk, the rest for 4 bytes and a bit for each token.
  const double rest = static_cast<double>(options.memory - fixed);
  const auto most_tokens = static_cast<std::int64_t>(std::min(0.75 * rest / 4.25, 2147483647.0));
  chunks_ = std::max<std::int64_t>(1, ceiling(tokens, most_tokens));
  chunk_size_ = ceiling(tokens, chunks_);
  for (int t = 0; t < options.threads; ++t) {
    pieces_.push_back({tokens * t / threads, tokens * (t + 1) / threads, tokens * t / threads,
                       std::vector<std::int64_t>(static_cast<std::size_t>(vocabulary))});
    workers_.push_back({.sums = RowSums<std::int64_t>(vocabulary), .rows = {}});
  }
}

CooccurrenceCounter::~CooccurrenceCounter() = default;

double CooccurrenceCounter::step(double seconds) {
  if (failed_) throw std::logic_error("step: expected a counter that has not failed");
  failed_ = true;  // until the step is over
  const double deadline = steady_seconds() + seconds;
  const auto each_piece = [&](auto work) {
    on_threads(options_.threads,
               [&](int t) { (this->*work)(pieces_[static_cast<std::size_t>(t)], deadline); });
    return std::all_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.at == p.end; });
  };
  const auto each_worker = [&](auto work) {
    on_threads(options_.threads,
               [&](int t) { (this->*work)(workers_[static_cast<std::size_t>(t)], deadline); });
    return writer_->done();
  };
  do {
    switch (phase_) {
      case Phase::kSurvey:
        if (!each_piece(&CooccurrenceCounter::survey)) break;
        if (blocks_.empty()) {
          plan();
          if (chunks_ > 1) {
            run_files_ = MatrixFiles::temporary(temporary_);
            begin_chunk();
            break;
          }
        }
        begin_placing();
        break;
      case Phase::kIndex:
        if (!each_piece(&CooccurrenceCounter::place)) break;
        if (chunks_ > 1) {
          runs_.push_back(runs_.empty() ? MatrixFile{&run_files_}
                                        : runs_.back().next(vocabulary_, writer_->entries()));
        }
        begin_writing(chunks_ > 1 ? runs_.back() : out_, Phase::kRows);
        break;
      case Phase::kRows:
        if (each_worker(&CooccurrenceCounter::count_rows)) finish_chunk();
        break;
      case Phase::kMerge:
        if (!each_worker(&CooccurrenceCounter::merge_rows)) break;
        entries_ = writer_->entries();
        phase_ = Phase::kDone;
        break;
      case Phase::kDone:
        break;
    }
  } while (phase_ != Phase::kDone && steady_seconds() < deadline);
  failed_ = false;
  if (phase_ == Phase::kDone) return 1.0;
  // Adding up takes about a quarter of the time that counting takes.
  const bool writing = phase_ == Phase::kRows || phase_ == Phase::kMerge;
  const double blocks = static_cast<double>(std::max<std::size_t>(blocks_.size(), 2) - 1);
  const double of_phase = writing ? static_cast<double>(writer_->written()) / blocks : 0.0;
  const double chunks = static_cast<double>(chunks_), adding = chunks_ > 1 ? 0.25 * chunks : 0.0;
  const double done = static_cast<double>(chunk_) + (phase_ == Phase::kMerge ? adding : 1.0) * of_phase;
  return std::min(0.9999, done / (chunks + adding));
}

// Counts words, and looks at every id of the corpus before the first is used.
void CooccurrenceCounter::survey(Piece& piece, double deadline) {
  while (piece.at < piece.end) {
    const std::int64_t stop = std::min(piece.end, piece.at + kBetweenLooks);
    check_ids("ids",
              ids_.subspan(static_cast<std::size_t>(piece.at), static_cast<std::size_t>(stop - piece.at)),
              vocabulary_, piece.at);
    for (; piece.at < stop; ++piece.at) {
      ++piece.words[static_cast<std::size_t>(ids_[static_cast<std::size_t>(piece.at)])];
    }
    if (steady_seconds() >= deadline) return;
  }
}

// Cuts the rows into blocks that give few enough entries for one thread's share of the memory.
void CooccurrenceCounter::plan() {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocabulary_));
  for (const Piece& piece : pieces_) {
    for (std::size_t w = 0; w < counts.size(); ++w) counts[w] += piece.words[w];
  }
  weights_ = DistanceWeights::make(options_.window, options_.by_distance,
                                   *std::max_element(counts.begin(), counts.end()));
  const std::int64_t share = options_.memory / 4 / options_.threads / 4 / 12;
  const std::int64_t most = std::clamp(share, kSmallestBlock, kLargestBlock);
  std::int64_t events = 0;
  for (std::int64_t row = 0; row < vocabulary_; ++row) {
    const std::int64_t more =
        std::min(counts[static_cast<std::size_t>(row)] * 2 * options_.window, vocabulary_);
    if (row == 0 || events + more > most || row - blocks_.back() >= most) {
      blocks_.push_back(row);
      events = 0;
    }
    events += more;
  }
  blocks_.push_back(vocabulary_);
  end_ = std::min(chunk_size_, static_cast<std::int64_t>(ids_.size()));
}

// Prepares to count the words of a chunk; where it is the whole corpus, that is done already.
void CooccurrenceCounter::begin_chunk() {
  const auto threads = static_cast<std::int64_t>(pieces_.size());
  for (std::int64_t t = 0; t < threads; ++t) {
    Piece& piece = pieces_[static_cast<std::size_t>(t)];
    piece.begin = piece.at = begin_ + (end_ - begin_) * t / threads;
    piece.end = begin_ + (end_ - begin_) * (t + 1) / threads;
    std::fill(piece.words.begin(), piece.words.end(), 0);
  }
  phase_ = Phase::kSurvey;
}

// From the counts of words to the places of their positions.
void CooccurrenceCounter::begin_placing() {
  row_starts_.resize(static_cast<std::size_t>(vocabulary_) + 1);
  positions_.resize(static_cast<std::size_t>(chunk_size_));
  std::int64_t next = 0;
  for (std::size_t w = 0; w < static_cast<std::size_t>(vocabulary_); ++w) {
    row_starts_[w] = next;
    for (Piece& piece : pieces_) {
      const std::int64_t count = piece.words[w];
      piece.words[w] = next;
      next += count;
    }
  }
  row_starts_.back() = next;
  for (Piece& piece : pieces_) piece.at = piece.begin;

  const auto tokens = static_cast<std::int64_t>(ids_.size());
  first_ = std::max<std::int64_t>(0, begin_ - options_.window);
  const std::int64_t last = std::min(tokens, end_ + options_.window);
  sentences_.reset(last - first_ + 1);
  const auto from = std::lower_bound(bounds_.begin(), bounds_.end(), first_);
  for (auto it = from; it != bounds_.end() && *it <= last; ++it) sentences_.begins_at(*it - first_);
  phase_ = Phase::kIndex;
}

void CooccurrenceCounter::place(Piece& piece, double deadline) {
  while (piece.at < piece.end) {
    const std::int64_t stop = std::min(piece.end, piece.at + kBetweenLooks);
    for (; piece.at < stop; ++piece.at) {
      const auto word = static_cast<std::size_t>(ids_[static_cast<std::size_t>(piece.at)]);
      positions_[static_cast<std::size_t>(piece.words[word]++)] =
          static_cast<std::uint32_t>(piece.at - begin_);
    }
    if (steady_seconds() >= deadline) return;
  }
}

void CooccurrenceCounter::begin_writing(MatrixFile file, Phase phase) {
  writer_ = std::make_unique<MatrixWriter>(file, blocks_, 2 * options_.threads);
  phase_ = phase;
}

void CooccurrenceCounter::finish_chunk() {
  ++chunk_;
  begin_ = end_;
  end_ = std::min(begin_ + chunk_size_, static_cast<std::int64_t>(ids_.size()));
  if (chunk_ < chunks_) {
    begin_chunk();
  } else if (chunks_ > 1) {
    positions_ = {};
    begin_writing(out_, Phase::kMerge);
  } else {
    entries_ = writer_->entries();
    phase_ = Phase::kDone;
  }
}

template <bool Symmetric>
void CooccurrenceCounter::add_occurrences(RowSums<std::int64_t>& sums, std::int32_t row, std::int64_t begin,
                                          std::int64_t end) const {
  constexpr std::int64_t kTogether = 32, kAhead = 12;
  const std::int64_t window = options_.window;
  const std::int64_t* const weight = weights_.at.data();
  const std::int32_t* const ids = ids_.data() + begin_;
  std::int32_t column[kTogether];
  std::int64_t sum[kTogether];
  // First which neighbours count, without a branch that half of the time goes the other way, then their sums.
  const auto add = [&](const std::int32_t* token, std::int64_t step, std::int64_t reach) {
    for (std::int64_t d = 1; d <= reach;) {
      const std::int64_t stop = std::min(reach, d + kTogether - 1);
      std::int64_t n = 0;
      for (; d <= stop; ++d) {
        column[n] = token[d * step];
        sum[n] = weight[d];
        n += !Symmetric || column[n] <= row;
      }
      for (std::int64_t i = 0; i < n; ++i) sums.add(column[i], sum[i]);
    }
  };
  for (std::int64_t i = begin; i < end; ++i) {
    if (i + kAhead < end) {
      const std::int32_t* next = ids + positions_[static_cast<std::size_t>(i + kAhead)];
      __builtin_prefetch(next - (Symmetric ? 8 : 0));
      __builtin_prefetch(next + 8);
    }
    const std::int64_t at = positions_[static_cast<std::size_t>(i)];
    const std::int64_t known = begin_ + at - first_;
    if (Symmetric) add(ids + at, -1, sentences_.before(known, window));
    add(ids + at, 1, sentences_.after(known, window));
  }
}

void CooccurrenceCounter::count_rows(Worker& worker, double deadline) {
  const std::int64_t together = std::max<std::int64_t>(1, kBetweenLooks / (2 * options_.window));
  std::int64_t until_look = together;
  for (;;) {
    if (worker.block < 0) {
      worker.block = writer_->take(deadline);
      if (worker.block < 0) return;
      worker.row = blocks_[static_cast<std::size_t>(worker.block)];
      worker.at = row_starts_[static_cast<std::size_t>(worker.row)];
    }
    const std::int64_t stop = blocks_[static_cast<std::size_t>(worker.block) + 1];
    while (worker.row < stop) {
      const std::int64_t end = row_starts_[static_cast<std::size_t>(worker.row) + 1];
      if (!left_out_.empty() && left_out_[static_cast<std::size_t>(worker.row)]) worker.at = end;
      while (worker.at < end) {
        const std::int64_t next = std::min(end, worker.at + until_look);
        const auto row = static_cast<std::int32_t>(worker.row);
        if (options_.symmetric) {
          add_occurrences<true>(worker.sums, row, worker.at, next);
        } else {
          add_occurrences<false>(worker.sums, row, worker.at, next);
        }
        until_look -= next - worker.at;
        worker.at = next;
        if (until_look > 0) continue;
        until_look = together;
        if (steady_seconds() >= deadline) return;
      }
      drain_row(worker);
      ++worker.row;
    }
    writer_->put(std::exchange(worker.block, -1), std::exchange(worker.rows, {}));
    if (steady_seconds() >= deadline) return;
  }
}

void CooccurrenceCounter::merge_rows(Worker& worker, double deadline) {
  do {
    const std::int64_t block = writer_->take(deadline);
    if (block < 0) return;
    const std::int64_t first = blocks_[static_cast<std::size_t>(block)];
    const std::int64_t count = blocks_[static_cast<std::size_t>(block) + 1] - first;
    RunReader parts(runs_, first, count);
    for (std::int64_t row = 0; row < count; ++row) {
      parts.next_row(worker.sums);
      drain_row(worker);
    }
    writer_->put(block, std::exchange(worker.rows, {}));
  } while (steady_seconds() < deadline);
}

// Ends a row: what is left out goes, and in the final matrix sums become doubles.
void CooccurrenceCounter::drain_row(Worker& worker) {
  MatrixRows& rows = worker.rows;
  const std::size_t before = rows.columns.size();
  worker.sums.drain(rows.columns, rows.values);
  std::size_t kept = before;
  if (left_out_.empty()) {
    kept = rows.columns.size();
  } else {
    for (std::size_t i = before; i < rows.columns.size(); ++i) {
      rows.columns[kept] = rows.columns[i];
      rows.values[kept] = rows.values[i];
      kept += !left_out_[static_cast<std::size_t>(rows.columns[i])];
    }
    rows.columns.resize(kept);
    rows.values.resize(kept);
  }
  rows.sizes.push_back(static_cast<std::int64_t>(kept - before));
  if (chunks_ > 1 && phase_ != Phase::kMerge) return;
  for (std::size_t i = before; i < kept; ++i) {
    rows.values[i] = std::bit_cast<std::int64_t>(static_cast<double>(rows.values[i]) / weights_.scale);
  }
}

}  // namespace fastnlp
