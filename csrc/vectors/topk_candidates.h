// What the searches share: candidates and their order, the heap that keeps the best, and the checks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "vectors/topk.h"
#include "vectors/topk_kernels.h"

namespace fastnlp {

// A row and its score; the order of answers is by falling score, then by rising index.
struct Candidate {
  float score;
  std::int32_t index;
};
inline bool better(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// The best candidates so far of one query within one range of rows: a heap with the worst on top.
struct Best {
  std::span<Candidate> places;
  std::size_t used = 0;
  float floor = kNothing;  // what the last of the answers from earlier blocks of rows scores

  float threshold() const { return used < places.size() ? floor : std::max(floor, places[0].score); }
  void offer(Candidate candidate) {
    if (used < places.size()) {
      places[used++] = candidate;
      std::push_heap(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(used), better);
    } else if (better(candidate, places[0])) {
      std::pop_heap(places.begin(), places.end(), better);
      places.back() = candidate;
      std::push_heap(places.begin(), places.end(), better);
    }
  }
};

struct Range {
  std::int64_t first, last;
};

// Rows or queries split into `parts` nearly equal ranges.
inline Range part(std::int64_t total, std::int64_t parts, std::int64_t i) {
  return {total * i / parts, total * (i + 1) / parts};
}

constexpr std::int64_t kBlockRows = 240;  // a multiple of every tile_rows; with their scores they stay in L2
constexpr double kWorthAThread = 2.0e6;   // multiplications that outweigh starting a thread

// The kernels of the widest instruction set that this machine runs.
const NearestKernels& nearest_kernels();

// Each query scaled to length 1, or zeros; refuses numbers that are not finite.
std::vector<float> unit_queries(std::span<const float> queries, std::int64_t count, std::int64_t dim);

// Refuses arguments of a search that do not fit each other.
void check_search(const StoredRows& rows, std::span<const float> inverse_norms,
                  std::span<const float> queries, std::int64_t query_count, std::int64_t k,
                  std::span<const std::int32_t> exclude, int threads, std::int64_t first_row);

// Refuses earlier findings of another shape than (queries, k).
void check_so_far(const Nearest* so_far, std::int64_t query_count, std::int64_t k);

// What was found earlier for one query, added to its candidates.
void append_found(const Nearest& found, std::int64_t query, std::int64_t k,
                  std::vector<Candidate>& candidates);

// Sorts the candidates of one query and writes the best k.
void keep_best(std::vector<Candidate>& candidates, std::int64_t query, std::int64_t k, Nearest& out);

}  // namespace fastnlp
