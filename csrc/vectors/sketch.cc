#include "vectors/sketch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"
#include "vectors/topk_candidates.h"

namespace fastnlp {
namespace {

constexpr float kLargestCode = 127.0f;
constexpr double kLargestQueryCode = 32767.0;
constexpr std::int64_t kSketchedAtOnce = 4096;  // rows
constexpr int kLanes = 8;

// The unit of the query's codes. Products of a row's and the query's codes must sum to less than 2^31.
double query_step(double largest, std::int64_t dim) {
  const double overflow = std::ldexp(1.0, 31) / (1.1 * kLargestCode * std::sqrt(static_cast<double>(dim)));
  return std::max(largest / kLargestQueryCode, 1.0 / overflow);
}

// Bounds, for a row of length 1, what the rounding of the query to codes and of float32 sums can change.
double slack(std::int64_t dim) {
  const double rounding = 1e-5 + 6e-8 * static_cast<double>(dim);
  return 0.51 * std::sqrt(static_cast<double>(dim)) * query_step(1.0, dim) + rounding;
}

struct Codes {
  float scale, error;
};

// The codes of one row, whose length is 1 when multiplied by `inverse`.
Codes sketch_row(const float* row, std::int64_t dim, float inverse, double slack_of_one, std::int8_t* out) {
  if (inverse == 0.0f) return {0.0f, 0.0f};
  float largest[kLanes] = {}, square[kLanes] = {};
  const auto measure = [&](std::int64_t d, int lane) {
    const float value = std::fabs(row[d] * inverse);
    largest[lane] = value > largest[lane] ? value : largest[lane];
    square[lane] += value * value;
  };
  std::int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) measure(d + lane, lane);
  }
  for (; d < dim; ++d) measure(d, 0);
  double length = 0.0;
  for (const float part_of : square) length += static_cast<double>(part_of);
  length = std::sqrt(length);
  const float peak = *std::max_element(largest, largest + kLanes);
  if (!(length < 1e15) || peak < 1e-15f) return {0.0f, std::numeric_limits<float>::infinity()};

  const float scale = peak / kLargestCode, to_code = inverse / scale;
  float off[kLanes] = {};
  const auto encode = [&](std::int64_t i, int lane) {
    const float code = row[i] * to_code;
    const float bounded = std::clamp(code, -kLargestCode, kLargestCode);
    const auto whole = static_cast<std::int32_t>(bounded + std::copysign(0.5f, bounded));
    out[i] = static_cast<std::int8_t>(whole);
    const float difference = code - static_cast<float>(whole);
    off[lane] += difference * difference;
  };
  for (d = 0; d + kLanes <= dim; d += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) encode(d + lane, lane);
  }
  for (; d < dim; ++d) encode(d, 0);
  double error = 0.0;
  for (const float part_of : off) error += static_cast<double>(part_of);
  error = 1.001 * std::sqrt(error) * static_cast<double>(scale);
  return {scale, static_cast<float>(error + (length + error) * slack_of_one)};
}

// The scale and error of a row of int8 numbers, which are its codes.
Codes sketch_of_int8(const std::int8_t* row, std::int64_t dim, float scale, float inverse,
                     double slack_of_one) {
  if (inverse == 0.0f) return {0.0f, 0.0f};
  std::int64_t square = 0;
  for (std::int64_t d = 0; d < dim; ++d) square += std::int32_t{row[d]} * row[d];
  const double of_code = static_cast<double>(scale) * static_cast<double>(inverse);
  const double length = std::fabs(of_code) * std::sqrt(static_cast<double>(square));
  if (!(length < 1e15)) return {0.0f, std::numeric_limits<float>::infinity()};
  return {static_cast<float>(of_code), static_cast<float>(1.001 * length * slack_of_one)};
}

// A query as whole numbers of 16 bits: about step * code.
struct QueryCodes {
  std::vector<std::int16_t> codes;
  float step;
};

QueryCodes encode_query(const float* unit, std::int64_t dim) {
  double largest = 0.0;
  for (std::int64_t d = 0; d < dim; ++d) largest = std::max(largest, std::fabs(static_cast<double>(unit[d])));
  const double step = query_step(largest, dim);
  QueryCodes out{std::vector<std::int16_t>(static_cast<std::size_t>(sketch_width(dim))),
                 static_cast<float>(step)};
  for (std::int64_t d = 0; d < dim; ++d)
    out.codes[static_cast<std::size_t>(d)] =
        static_cast<std::int16_t>(std::lrint(static_cast<double>(unit[d]) / step));
  return out;
}

// The rows of one range whose cosine may be among the k highest, each with the upper end of its bracket, and
// the k highest lower ends.
struct Bracketed {
  std::vector<Candidate> reaching;
  std::vector<Candidate> low_places;
  Best low;

  void drop(float threshold) {
    std::erase_if(reaching, [=](const Candidate& candidate) { return candidate.score < threshold; });
  }
};

class SketchSearch {
 public:
  SketchSearch(const StoredRows& rows, std::span<const float> inverse_norms, const SketchView& sketch,
               std::int64_t k)
      : kernels_(nearest_kernels()),
        rows_(rows),
        inverse_norms_(inverse_norms),
        sketch_(sketch),
        k_(k),
        own_codes_(rows.storage == StoredRows::Storage::kInt8),
        codes_(own_codes_ ? static_cast<const std::int8_t*>(rows.data) : sketch.codes.data()),
        width_(sketch_width(rows.dim)),
        pitch_(own_codes_ ? rows.pitch : width_) {}

  // Writes k places of `indices` and `scores`, as far as there are answers.
  void run(const float* unit, std::span<const std::int32_t> excluded, int threads, std::int32_t* indices,
           float* scores) const;

 private:
  void bracket(const QueryCodes& query, std::span<const std::int32_t> excluded, Range rows,
               Bracketed& found) const;
  void multiply(const QueryCodes& query, std::int64_t first, std::int64_t count, std::int32_t* dots) const;

  const NearestKernels& kernels_;
  const StoredRows rows_;
  std::span<const float> inverse_norms_;
  const SketchView sketch_;
  std::int64_t k_;
  bool own_codes_;  // rows of int8, without zeros behind them
  const std::int8_t* codes_;
  std::int64_t width_;
  std::int64_t pitch_;
};

// The products of rows of codes with a query's, which are 0 behind dim: what follows a row in memory, the
// next one, adds nothing. The last rows of a table without zeros behind them are copied, as nothing follows
// there.
void SketchSearch::multiply(const QueryCodes& query, std::int64_t first, std::int64_t count,
                            std::int32_t* dots) const {
  const std::int64_t beyond = own_codes_ ? (width_ - rows_.dim + pitch_ - 1) / pitch_ : 0;
  const std::int64_t followed = std::clamp<std::int64_t>(rows_.count - beyond - first, 0, count);
  kernels_.codes(codes_ + first * pitch_, pitch_, width_, followed, query.codes.data(), dots);
  if (followed == count) return;
  std::vector<std::int8_t> copy(static_cast<std::size_t>(width_));
  for (std::int64_t r = followed; r < count; ++r) {
    std::copy_n(codes_ + (first + r) * pitch_, rows_.dim, copy.begin());
    kernels_.codes(copy.data(), width_, width_, 1, query.codes.data(), dots + r);
  }
}

void SketchSearch::bracket(const QueryCodes& query, std::span<const std::int32_t> excluded, Range rows,
                           Bracketed& found) const {
  found.low_places.resize(static_cast<std::size_t>(std::min(k_, rows.last - rows.first)));
  found.low.places = found.low_places;
  std::size_t keep = 1024;
  std::int32_t dots[kBlockRows];
  float highs[kBlockRows];
  for (std::int64_t first = rows.first; first < rows.last; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.last - first);
    multiply(query, first, count, dots);
    const float* const scale = sketch_.scales.data() + first;
    const float* const error = sketch_.errors.data() + first;
    for (std::int64_t r = 0; r < count; ++r)
      highs[r] = static_cast<float>(dots[r]) * (scale[r] * query.step) + error[r];
    float threshold = found.low.threshold();
    for (std::int64_t r = 0; r < count; ++r) {
      if (highs[r] < threshold) continue;
      const auto index = static_cast<std::int32_t>(first + r);
      if (std::find(excluded.begin(), excluded.end(), index) != excluded.end()) continue;
      found.reaching.push_back({highs[r], index});
      const float low = highs[r] - 2.0f * error[r];
      found.low.offer({low > kNothing ? low : kNothing, index});
      threshold = found.low.threshold();
    }
    if (found.reaching.size() > keep) {
      found.drop(threshold);
      keep = std::max(keep, 2 * found.reaching.size());
    }
  }
}

void SketchSearch::run(const float* unit, std::span<const std::int32_t> excluded, int threads,
                       std::int32_t* indices, float* scores) const {
  const QueryCodes query = encode_query(unit, rows_.dim);
  const double work = static_cast<double>(rows_.count * rows_.dim) / 4.0;
  const auto parts = std::clamp<std::int64_t>(static_cast<std::int64_t>(work / kWorthAThread), 1, threads);
  std::vector<Bracketed> found(static_cast<std::size_t>(parts));
  on_threads(static_cast<int>(parts), [&](int t) {
    bracket(query, excluded, part(rows_.count, parts, t), found[static_cast<std::size_t>(t)]);
  });

  std::vector<Candidate> places(static_cast<std::size_t>(std::min(k_, rows_.count)));
  Best low{places};
  for (const Bracketed& of_part : found) {
    for (std::size_t i = 0; i < of_part.low.used; ++i) low.offer(of_part.low.places[i]);
  }
  const float threshold = low.threshold();
  std::vector<Candidate> answers(places.size());
  std::vector<float> room(rows_.room(1));
  Best best{answers};
  for (Bracketed& of_part : found) {
    of_part.drop(threshold);
    for (const Candidate& candidate : of_part.reaching) {
      float score = 0.0f;
      const Rows row = rows_.block(candidate.index, 1, room.data());
      kernels_.single(row.data, row.pitch, 1, unit, rows_.dim, inverse_norms_.data() + candidate.index,
                      &score);
      best.offer({score, candidate.index});
    }
  }
  std::sort(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(best.used), better);
  for (std::size_t i = 0; i < best.used; ++i) {
    indices[i] = answers[i].index;
    scores[i] = answers[i].score;
  }
}

}  // namespace

std::int64_t sketch_width(std::int64_t dim) { return (dim + kCodeStep - 1) / kCodeStep * kCodeStep; }

Sketch sketch_rows(const StoredRows& rows, std::span<const float> inverse_norms, int threads) {
  if (threads < 1) refuse("threads", "at least 1", std::to_string(threads));
  if (static_cast<std::int64_t>(inverse_norms.size()) != rows.count) {
    refuse("inverse_norms", std::to_string(rows.count) + " numbers, one a row",
           std::to_string(inverse_norms.size()));
  }
  const std::int64_t width = sketch_width(rows.dim);
  const double slack_of_one = slack(rows.dim);
  const auto count = static_cast<std::size_t>(rows.count);
  const bool own_codes = rows.storage == StoredRows::Storage::kInt8;
  Sketch out{std::vector<std::int8_t>(own_codes ? 0 : count * static_cast<std::size_t>(width)),
             std::vector<float>(count), std::vector<float>(count)};
  for_each_block(
      rows.count, kSketchedAtOnce, threads, [&](std::int64_t, std::int64_t first, std::int64_t last) {
        std::vector<float> room(rows.room(1));
        for (std::int64_t i = first; i < last; ++i) {
          const Codes made = own_codes
                                 ? sketch_of_int8(static_cast<const std::int8_t*>(rows.data) + i * rows.pitch,
                                                  rows.dim, rows.scales[i], inverse_norms[i], slack_of_one)
                                 : sketch_row(rows.block(i, 1, room.data()).data, rows.dim, inverse_norms[i],
                                              slack_of_one, out.codes.data() + i * width);
          out.scales[static_cast<std::size_t>(i)] = made.scale;
          out.errors[static_cast<std::size_t>(i)] = made.error;
        }
      });
  return out;
}

Nearest nearest_by_sketch(const StoredRows& rows, std::span<const float> inverse_norms,
                          const SketchView& sketch, std::span<const float> queries, std::int64_t query_count,
                          std::int64_t k, std::span<const std::int32_t> exclude, int threads) {
  check_search(rows, inverse_norms, queries, query_count, k, exclude, threads, 0);
  const auto expect = [&](const char* name, std::size_t size, std::int64_t wanted) {
    if (static_cast<std::int64_t>(size) != wanted)
      refuse(name, std::to_string(wanted) + " numbers", std::to_string(size));
  };
  const bool own_codes = rows.storage == StoredRows::Storage::kInt8;
  expect("codes", sketch.codes.size(), own_codes ? 0 : rows.count * sketch_width(rows.dim));
  expect("scales", sketch.scales.size(), rows.count);
  expect("errors", sketch.errors.size(), rows.count);
  if (query_count == 0) return {};
  const std::vector<float> units = unit_queries(queries, query_count, rows.dim);
  Nearest out;
  out.indices.assign(static_cast<std::size_t>(query_count * k), -1);
  out.scores.assign(out.indices.size(), kNothing);
  const SketchSearch search(rows, inverse_norms, sketch, k);
  const std::size_t excluded = exclude.size() / static_cast<std::size_t>(query_count);
  for (std::int64_t q = 0; q < query_count; ++q) {
    search.run(units.data() + q * rows.dim, exclude.subspan(static_cast<std::size_t>(q) * excluded, excluded),
               threads, out.indices.data() + q * k, out.scores.data() + q * k);
  }
  return out;
}

}  // namespace fastnlp
