#include "sampling/batches.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "support/checks.h"
#include "support/philox.h"

namespace fastnlp {

namespace {

// One row of ragged data: ends within the flat array, and not before it begins.
void check_row(const char* offsets, std::int64_t row, std::int64_t begin, std::int64_t end,
               std::size_t total) {
  if (begin < 0 || end < begin || end > static_cast<std::int64_t>(total)) {
    refuse(std::string(offsets) + "[" + std::to_string(row) + "] and the next",
           "0 <= begin <= end <= " + std::to_string(total),
           std::to_string(begin) + " and " + std::to_string(end));
  }
}

void check_sizes(const Examples& e) {
  const std::size_t offsets = e.centers.size() + 1;
  if (e.context_offsets.size() != offsets) {
    refuse("context_offsets", std::to_string(offsets) + " (one more than centers)",
           std::to_string(e.context_offsets.size()));
  }
  if (!e.negative_offsets.empty() && e.negative_offsets.size() != offsets) {
    refuse("negative_offsets", std::to_string(offsets) + " (one more than centers)",
           std::to_string(e.negative_offsets.size()));
  }
  if (e.negative_offsets.empty() && e.negatives.size() != e.contexts.size() * static_cast<std::size_t>(e.k)) {
    refuse("negatives", "the same number for each of the " + std::to_string(e.contexts.size()) + " contexts",
           std::to_string(e.negatives.size()));
  }
}

}  // namespace

std::int64_t padded_width(const Examples& e, std::span<const std::int64_t> rows) {
  check_sizes(e);
  std::int64_t width = 0;
  for (std::size_t b = 0; b < rows.size(); ++b) {
    const std::int64_t row = rows[b];
    if (row < 0 || row >= e.size()) {
      throw std::out_of_range("rows[" + std::to_string(b) + "]: expected a row in [0, " +
                              std::to_string(e.size()) + "), got " + std::to_string(row));
    }
    const std::int64_t from = e.context_offsets[row], to = e.context_offsets[row + 1];
    check_row("context_offsets", row, from, to, e.contexts.size());
    const std::int64_t first = e.negative_offset(row), last = e.negative_offset(row + 1);
    check_row("negative_offsets", row, first, last, e.negatives.size());
    width = std::max(width, to - from + last - first);
  }
  return width;
}

template <class Id, class Flag>
void fill_padded(const Examples& e, std::span<const std::int64_t> rows, std::int64_t width, Id* centers,
                 Id* contexts_negatives, Flag* masks, Flag* labels) {
  for (const std::int64_t row : rows) {
    const std::int64_t from = e.context_offsets[row], contexts = e.context_offsets[row + 1] - from;
    const std::int64_t noise = e.negative_offset(row), real = contexts + e.negative_offset(row + 1) - noise;
    *centers++ = e.centers[row];
    std::copy_n(e.contexts.data() + from, contexts, contexts_negatives);
    std::copy_n(e.negatives.data() + noise, real - contexts, contexts_negatives + contexts);
    std::fill(contexts_negatives + real, contexts_negatives + width, Id{0});
    std::fill(masks, masks + real, Flag{1});
    std::fill(masks + real, masks + width, Flag{0});
    std::fill(labels, labels + contexts, Flag{1});
    std::fill(labels + contexts, labels + width, Flag{0});
    contexts_negatives += width;
    masks += width;
    labels += width;
  }
}

#define FASTNLP_FILL(Id, Flag)                                                                           \
  template void fill_padded<Id, Flag>(const Examples&, std::span<const std::int64_t>, std::int64_t, Id*, \
                                      Id*, Flag*, Flag*)
FASTNLP_FILL(std::int32_t, bool);
FASTNLP_FILL(std::int32_t, std::int32_t);
FASTNLP_FILL(std::int32_t, std::int64_t);
FASTNLP_FILL(std::int32_t, float);
FASTNLP_FILL(std::int64_t, bool);
FASTNLP_FILL(std::int64_t, std::int32_t);
FASTNLP_FILL(std::int64_t, std::int64_t);
FASTNLP_FILL(std::int64_t, float);
#undef FASTNLP_FILL

Buffer<std::int64_t> permutation(std::int64_t n, std::uint64_t seed, std::uint32_t epoch) {
  if (n < 0) refuse("n", "at least 0", std::to_string(n));
  using Wide = unsigned __int128;
  Buffer<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::int64_t i = n - 1; i > 0; --i) {
    const Block words = philox::block(seed, Stream::kShuffle, epoch, static_cast<std::uint64_t>(i), 0);
    const std::uint64_t fraction = std::uint64_t{words[0]} << 32 | words[1];
    const auto j = static_cast<std::int64_t>((Wide{fraction} * static_cast<std::uint64_t>(i + 1)) >> 64);
    std::swap(order[i], order[j]);
  }
  return order;
}

}  // namespace fastnlp
