#include "sampling/subsample.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // tokens: about a millisecond of work

std::vector<std::uint32_t> keep_thresholds(std::span<const double> keep) {
  std::vector<std::uint32_t> limits(keep.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!(keep[i] >= 0.0 && keep[i] <= 1.0)) {
      refuse("keep[" + std::to_string(i) + "]", "a probability in [0, 1]", std::to_string(keep[i]));
    }
    limits[i] = threshold(keep[i]);
  }
  return limits;
}

}  // namespace

std::vector<double> keep_probabilities(std::span<const std::int64_t> counts, double t, SubsampleRule rule) {
  if (!std::isfinite(t) || t < 0.0) refuse("t", "a finite threshold >= 0", std::to_string(t));
  double total = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0) refuse("counts[" + std::to_string(i) + "]", "a count >= 0", std::to_string(counts[i]));
    total += static_cast<double>(counts[i]);
  }
  std::vector<double> keep(counts.size(), 1.0);
  if (t == 0.0) return keep;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double ratio = t * total / static_cast<double>(counts[i]);  // t / f
    const double root = std::sqrt(ratio);
    keep[i] = std::min(1.0, rule == SubsampleRule::kBook ? root : root + ratio);
  }
  return keep;
}

Subsample subsample(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                    std::span<const double> keep, std::uint64_t seed, std::uint32_t epoch, int threads) {
  const auto total = static_cast<std::int64_t>(ids.size());
  check_offsets("sentence_offsets", sentence_offsets, total);
  check_ids("ids", ids, static_cast<std::int64_t>(keep.size()));
  const std::vector<std::uint32_t> limits = keep_thresholds(keep);

  Buffer<std::uint8_t> kept(ids.size());
  std::vector<std::int64_t> first((total + kBlock - 1) / kBlock + 1,
                                  0);  // rank of each block's first kept token
  for_each_block(total, kBlock, threads, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    std::int64_t n = 0;
    for (std::int64_t p = begin; p < end; ++p) {
      const std::uint32_t word =
          philox::block(seed, Stream::kToken, epoch, static_cast<std::uint64_t>(p), 0)[0];
      kept[p] = accepts(limits[ids[p]], word);
      n += kept[p];
    }
    first[b + 1] = n;
  });
  for (std::size_t b = 1; b < first.size(); ++b) first[b] += first[b - 1];

  Subsample out;
  out.ids = Buffer<std::int32_t>(first.back());
  out.positions = Buffer<std::int64_t>(first.back());
  out.sentence_offsets = Buffer<std::int64_t>(sentence_offsets.size());
  for_each_block(total, kBlock, threads, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    std::int64_t rank = first[b];
    auto boundary = std::lower_bound(sentence_offsets.begin(), sentence_offsets.end(), begin);
    for (std::int64_t p = begin; p < end; ++p) {
      for (; boundary != sentence_offsets.end() && *boundary == p; ++boundary) {
        out.sentence_offsets[boundary - sentence_offsets.begin()] = rank;
      }
      if (kept[p]) {
        out.ids[rank] = ids[p];
        out.positions[rank] = p;
        ++rank;
      }
    }
  });
  for (auto s = sentence_offsets.size(); s-- > 0 && sentence_offsets[s] == total;) {
    out.sentence_offsets[s] = first.back();
  }
  return out;
}

}  // namespace fastnlp
