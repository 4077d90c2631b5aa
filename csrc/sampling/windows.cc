#include "sampling/windows.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/checks.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBlock = 1 << 15;  // tokens

void check_positions(std::span<const std::int64_t> positions, std::size_t tokens) {
  if (positions.empty()) return;
  if (positions.size() != tokens) {
    refuse("positions", std::to_string(tokens) + " (one per id)", std::to_string(positions.size()));
  }
  const auto bad = std::find_if(positions.begin(), positions.end(), [](std::int64_t p) { return p < 0; });
  if (bad != positions.end()) {
    refuse("positions[" + std::to_string(bad - positions.begin()) + "]", "a position >= 0",
           std::to_string(*bad));
  }
}

}  // namespace

Windows windows(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                std::span<const std::int64_t> positions, const WindowOptions& options, std::uint64_t seed,
                std::uint32_t epoch, int threads) {
  const auto total = static_cast<std::int64_t>(ids.size());
  if (options.window < 1) refuse("window", "at least 1", std::to_string(options.window));
  check_offsets("sentence_offsets", sentence_offsets, total);
  check_ids("ids", ids, std::int64_t{1} << 31);
  check_positions(positions, ids.size());
  const std::int64_t shortest = options.keep_lone ? 1 : 2;
  const auto position = [&](std::int64_t i) { return positions.empty() ? i : positions[i]; };

  // Calls center(i, low, high) for the tokens of a block that are centers; [low, high) is the window in
  // `ids`.
  Buffer<std::int32_t> widths(ids.size());
  const auto walk = [&](std::int64_t begin, std::int64_t end, auto&& center) {
    auto next = std::upper_bound(sentence_offsets.begin(), sentence_offsets.end(), begin);
    for (std::int64_t i = begin; i < end; ++next) {
      const std::int64_t from = *(next - 1), to = *next;
      if (to - from < shortest) {
        i = to;
        continue;
      }
      for (const std::int64_t stop = std::min(end, to); i < stop; ++i) center(i, from, to);
    }
  };

  struct Start {
    std::int64_t center = 0, context = 0;
  };
  std::vector<Start> start((total + kBlock - 1) / kBlock + 1);
  for_each_block(total, kBlock, threads, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    Start counted;
    walk(begin, end, [&](std::int64_t i, std::int64_t from, std::int64_t to) {
      std::int64_t width = options.window;
      if (options.shrink) {
        const Block words =
            philox::block(seed, Stream::kToken, epoch, static_cast<std::uint64_t>(position(i)), 0);
        width = 1 + below(words[1], static_cast<std::uint32_t>(options.window));
      }
      widths[i] = static_cast<std::int32_t>(width);
      ++counted.center;
      counted.context += std::min(width, i - from) + std::min(width, to - 1 - i);
    });
    start[b + 1] = counted;
  });
  for (std::size_t b = 1; b < start.size(); ++b) {
    start[b].center += start[b - 1].center;
    start[b].context += start[b - 1].context;
  }

  Windows out;
  out.centers = Buffer<std::int32_t>(start.back().center);
  out.positions = Buffer<std::int64_t>(start.back().center);
  out.context_offsets = Buffer<std::int64_t>(start.back().center + 1);
  out.contexts = Buffer<std::int32_t>(start.back().context);
  for_each_block(total, kBlock, threads, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    Start at = start[b];
    walk(begin, end, [&](std::int64_t i, std::int64_t from, std::int64_t to) {
      out.centers[at.center] = ids[i];
      out.positions[at.center] = position(i);
      out.context_offsets[at.center++] = at.context;
      const std::int64_t low = std::max(from, i - widths[i]), high = std::min(to, i + 1 + widths[i]);
      std::int32_t* context = out.contexts.data() + at.context;
      for (std::int64_t j = low; j < i; ++j) *context++ = ids[j];
      for (std::int64_t j = i + 1; j < high; ++j) *context++ = ids[j];
      at.context += high - low - 1;
    });
  });
  out.context_offsets.back() = start.back().context;
  return out;
}

}  // namespace fastnlp
