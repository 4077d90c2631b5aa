#include "vectors/topk.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <thread>

#include "support/checks.h"
#include "support/cpu.h"
#include "vectors/topk_candidates.h"
#include "vectors/topk_kernels.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kGroupTiles = 8;  // query tiles that see a block of rows before the next is read
constexpr std::int64_t kFewQueries = 8;  // below this a padded tile wastes more than it saves

class Search {
 public:
  Search(const StoredRows& rows, std::span<const float> inverse_norms, std::vector<float> units,
         std::int64_t queries, std::int64_t k, std::span<const std::int32_t> exclude, std::int64_t first_row,
         const Nearest* so_far)
      : kernels_(nearest_kernels()),
        rows_(rows),
        inverse_norms_(inverse_norms),
        units_(std::move(units)),
        queries_(queries),
        k_(k),
        exclude_(exclude),
        excluded_(queries == 0 ? 0 : static_cast<std::int64_t>(exclude.size()) / queries),
        first_row_(first_row),
        so_far_(so_far) {}

  Nearest run(int threads);

 private:
  void search_tiles(Range queries, Range rows, Best* best) const;
  void search_singly(Range queries, Range rows, Best* best) const;
  void offer(std::int64_t query, Candidate candidate, Best& best) const {
    const auto row = exclude_.begin() + query * excluded_;
    if (std::find(row, row + excluded_, candidate.index) == row + excluded_) best.offer(candidate);
  }

  const NearestKernels& kernels_;
  const StoredRows rows_;
  std::span<const float> inverse_norms_;
  std::vector<float> units_;
  std::int64_t queries_;
  std::int64_t k_;
  std::span<const std::int32_t> exclude_;
  std::int64_t excluded_;
  std::int64_t first_row_;
  const Nearest* so_far_;
};

void Search::search_tiles(Range queries, Range rows, Best* best) const {
  const std::int64_t dim = rows_.dim;
  const std::int64_t width = kernels_.tile_queries;
  const std::int64_t tiles = (queries.last - queries.first + width - 1) / width;
  std::vector<float> packed(static_cast<std::size_t>(tiles * dim * width), 0.0f);
  for (std::int64_t q = queries.first; q < queries.last; ++q) {
    const std::int64_t local = q - queries.first;
    float* column = packed.data() + local / width * dim * width + local % width;
    for (std::int64_t d = 0; d < dim; ++d) column[d * width] = units_[static_cast<std::size_t>(q * dim + d)];
  }
  std::vector<float> scores(static_cast<std::size_t>(kBlockRows * width));
  std::vector<float> peaks(scores.size());
  std::vector<float> thresholds(static_cast<std::size_t>(width));
  std::vector<float> room(rows_.room(kBlockRows));
  for (std::int64_t first = rows.first; first < rows.last; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.last - first);
    const Rows block = rows_.block(first, count, room.data());
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      kernels_.tile(block.data, block.pitch, count, packed.data() + tile * dim * width, dim,
                    inverse_norms_.data() + first, scores.data(), peaks.data());
      const std::int64_t base = queries.first + tile * width;
      const std::int64_t real = std::min(width, queries.last - base);
      for (std::int64_t q = 0; q < real; ++q) thresholds[q] = best[base - queries.first + q].threshold();
      const float* peak = peaks.data();
      for (std::int64_t row = 0; row < count; peak += width) {
        const std::int64_t group = row + kernels_.tile_rows <= count ? kernels_.tile_rows : 1;
        for (std::int64_t q = 0; q < real; ++q) {
          if (!(peak[q] > thresholds[q])) continue;
          Best& of_query = best[base - queries.first + q];
          for (std::int64_t r = row; r < row + group; ++r) {
            const float score = scores[r * width + q];
            if (score > thresholds[q])
              offer(base + q, {score, static_cast<std::int32_t>(first_row_ + first + r)}, of_query);
          }
          thresholds[q] = of_query.threshold();
        }
        row += group;
      }
    }
  }
}

void Search::search_singly(Range queries, Range rows, Best* best) const {
  std::vector<float> scores(static_cast<std::size_t>(kBlockRows)), room(rows_.room(kBlockRows));
  for (std::int64_t first = rows.first; first < rows.last; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.last - first);
    const Rows block = rows_.block(first, count, room.data());
    for (std::int64_t q = queries.first; q < queries.last; ++q) {
      kernels_.single(block.data, block.pitch, count, units_.data() + q * rows_.dim, rows_.dim,
                      inverse_norms_.data() + first, scores.data());
      Best& of_query = best[q - queries.first];
      float threshold = of_query.threshold();
      for (std::int64_t r = 0; r < count; ++r) {
        if (!(scores[r] > threshold)) continue;
        offer(q, {scores[r], static_cast<std::int32_t>(first_row_ + first + r)}, of_query);
        threshold = of_query.threshold();
      }
    }
  }
}

Nearest Search::run(int threads) {
  const bool few = queries_ < kFewQueries;
  const double work = static_cast<double>(queries_) * static_cast<double>(rows_.count * rows_.dim);
  const auto workers =
      static_cast<std::int64_t>(std::clamp(work / kWorthAThread, 1.0, static_cast<double>(threads)));
  // Queries are shared out as far as they go round, then the rows.
  const std::int64_t width = few ? queries_ : kernels_.tile_queries;
  const std::int64_t tiles = (queries_ + width - 1) / width;
  const std::int64_t group = std::clamp<std::int64_t>(tiles / workers, 1, kGroupTiles) * width;
  const std::int64_t groups = (queries_ + group - 1) / group;
  const std::int64_t splits =
      std::min(std::max<std::int64_t>(workers / groups, 1), std::max<std::int64_t>(rows_.count, 1));
  const std::int64_t places = std::min(k_, (rows_.count + splits - 1) / splits);

  std::vector<Candidate> heaps(static_cast<std::size_t>(splits * queries_ * places));
  std::vector<Best> best(static_cast<std::size_t>(splits * queries_));
  for (std::size_t i = 0; i < best.size(); ++i) {
    best[i].places = {heaps.data() + i * static_cast<std::size_t>(places), static_cast<std::size_t>(places)};
    const std::size_t query = i % static_cast<std::size_t>(queries_);
    if (so_far_ != nullptr) best[i].floor = so_far_->scores[(query + 1) * static_cast<std::size_t>(k_) - 1];
  }
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> out_of_memory{false};
  const auto work_off = [&] {
    try {
      for (std::int64_t task; (task = next.fetch_add(1)) < groups * splits;) {
        const Range queries{task / splits * group, std::min((task / splits + 1) * group, queries_)};
        const std::int64_t split = task % splits;
        Best* const of_task = best.data() + split * queries_ + queries.first;
        const Range rows = part(rows_.count, splits, split);
        few ? search_singly(queries, rows, of_task) : search_tiles(queries, rows, of_task);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (std::int64_t i = 1; i < std::min(workers, groups * splits); ++i) pool.emplace_back(work_off);
    work_off();
  }
  if (out_of_memory) throw std::bad_alloc();

  Nearest out;
  out.indices.assign(static_cast<std::size_t>(queries_ * k_), -1);
  out.scores.assign(out.indices.size(), kNothing);
  std::vector<Candidate> merged;
  for (std::int64_t q = 0; q < queries_; ++q) {
    merged.clear();
    if (so_far_ != nullptr) append_found(*so_far_, q, k_, merged);
    for (std::int64_t split = 0; split < splits; ++split) {
      const Best& of_split = best[static_cast<std::size_t>(split * queries_ + q)];
      merged.insert(merged.end(), of_split.places.begin(),
                    of_split.places.begin() + static_cast<std::ptrdiff_t>(of_split.used));
    }
    keep_best(merged, q, k_, out);
  }
  return out;
}

}  // namespace

const NearestKernels& nearest_kernels() {
#if defined(__x86_64__)
  if (runs_avx512()) return kNearestAvx512;
  if (runs_avx2()) return kNearestAvx2;
#endif
  return kNearestBaseline;
}

std::vector<float> unit_queries(std::span<const float> queries, std::int64_t count, std::int64_t dim) {
  std::vector<float> units(queries.size());
  for (std::int64_t q = 0; q < count; ++q) {
    const float* query = queries.data() + q * dim;
    double square = 0.0;
    for (std::int64_t d = 0; d < dim; ++d) square += static_cast<double>(query[d]) * query[d];
    if (!std::isfinite(square)) {
      refuse("queries", "finite numbers", "NaN or infinity in query " + std::to_string(q));
    }
    const double scale = square > 0.0 ? 1.0 / std::sqrt(square) : 0.0;
    for (std::int64_t d = 0; d < dim; ++d) {
      units[static_cast<std::size_t>(q * dim + d)] = static_cast<float>(query[d] * scale);
    }
  }
  return units;
}

void check_so_far(const Nearest* so_far, std::int64_t query_count, std::int64_t k) {
  if (so_far != nullptr && (so_far->indices.size() != so_far->scores.size() ||
                            static_cast<std::int64_t>(so_far->indices.size()) != query_count * k)) {
    refuse("found", std::to_string(query_count) + " times " + std::to_string(k) + " indices and scores",
           std::to_string(so_far->indices.size()) + " and " + std::to_string(so_far->scores.size()));
  }
}

void append_found(const Nearest& found, std::int64_t query, std::int64_t k,
                  std::vector<Candidate>& candidates) {
  for (std::int64_t i = query * k; i < (query + 1) * k; ++i) {
    const auto place = static_cast<std::size_t>(i);
    if (found.indices[place] >= 0) candidates.push_back({found.scores[place], found.indices[place]});
  }
}

void keep_best(std::vector<Candidate>& candidates, std::int64_t query, std::int64_t k, Nearest& out) {
  std::sort(candidates.begin(), candidates.end(), better);
  const std::size_t kept = std::min(candidates.size(), static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < kept; ++i) {
    out.indices[static_cast<std::size_t>(query * k) + i] = candidates[i].index;
    out.scores[static_cast<std::size_t>(query * k) + i] = candidates[i].score;
  }
}

std::vector<float> row_norms(const StoredRows& rows, int threads) {
  if (threads < 1) refuse("threads", "at least 1", std::to_string(threads));
  std::vector<float> norms(static_cast<std::size_t>(rows.count));
  const auto measure = [&](Range range) {
    std::vector<float> room(rows.room(1));
    for (std::int64_t i = range.first; i < range.last; ++i) {
      const float* row = rows.block(i, 1, room.data()).data;
      double square[4] = {};
      std::int64_t d = 0;
      for (; d + 4 <= rows.dim; d += 4) {
        for (int lane = 0; lane < 4; ++lane)
          square[lane] += static_cast<double>(row[d + lane]) * row[d + lane];
      }
      for (; d < rows.dim; ++d) square[0] += static_cast<double>(row[d]) * row[d];
      norms[static_cast<std::size_t>(i)] =
          static_cast<float>(std::sqrt((square[0] + square[1]) + (square[2] + square[3])));
    }
  };
  const double work = static_cast<double>(rows.count * rows.dim);
  const auto workers =
      static_cast<std::int64_t>(std::clamp(work / kWorthAThread, 1.0, static_cast<double>(threads)));
  {
    std::vector<std::jthread> pool;
    for (std::int64_t i = 1; i < workers; ++i) pool.emplace_back(measure, part(rows.count, workers, i));
    measure(part(rows.count, workers, 0));
  }
  return norms;
}

void check_search(const StoredRows& rows, std::span<const float> inverse_norms,
                  std::span<const float> queries, std::int64_t query_count, std::int64_t k,
                  std::span<const std::int32_t> exclude, int threads, std::int64_t first_row) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (first_row < 0 || first_row > kMost) refuse("first_row", "0 to 2^31 - 1", std::to_string(first_row));
  if (rows.count > kMost - first_row) {
    refuse("vectors", "fewer than 2^31 rows", std::to_string(first_row + rows.count));
  }
  if (static_cast<std::int64_t>(inverse_norms.size()) != rows.count) {
    refuse("inverse_norms", std::to_string(rows.count) + " numbers, one a row",
           std::to_string(inverse_norms.size()));
  }
  if (static_cast<std::int64_t>(queries.size()) != query_count * rows.dim) {
    refuse("queries", "rows of " + std::to_string(rows.dim) + " numbers",
           std::to_string(queries.size()) + " numbers in " + std::to_string(query_count) + " rows");
  }
  if (k < 1 || k > kMost) refuse("k", "1 to " + std::to_string(kMost), std::to_string(k));
  if (threads < 1) refuse("threads", "at least 1", std::to_string(threads));
  if (query_count > 0 && static_cast<std::int64_t>(exclude.size()) % query_count != 0) {
    refuse("exclude", "one row per query", std::to_string(exclude.size()) + " entries");
  }
}

Nearest nearest(const StoredRows& rows, std::span<const float> inverse_norms, std::span<const float> queries,
                std::int64_t query_count, std::int64_t k, std::span<const std::int32_t> exclude, int threads,
                std::int64_t first_row, const Nearest* so_far) {
  check_search(rows, inverse_norms, queries, query_count, k, exclude, threads, first_row);
  check_so_far(so_far, query_count, k);
  if (query_count == 0) return {};
  return Search(rows, inverse_norms, unit_queries(queries, query_count, rows.dim), query_count, k, exclude,
                first_row, so_far)
      .run(threads);
}

const char* nearest_instruction_set() { return nearest_kernels().name; }

}  // namespace fastnlp
