#include "training/word2vec_worker.h"

#include <algorithm>
#include <bit>

namespace fastnlp {
namespace {

// Inner nodes of a tree that need no prefetch: the last, near the root. Of rows that other threads write
// fewer stay in the cache.
constexpr std::int32_t kWarmNodes = 1'024, kWarmSharedNodes = 256;

// Threads that hold copies of a row take it the same way, each from where it stood, and then it moves by the
// sum of their ways. With two that is at most twice too far, which comes back; with more it swings further
// each time, unless all of them together make few uses apart. Nodes of a tree, which many words move, learn
// less apart than words. Beyond eight threads the rows of the table are trained themselves.
constexpr int kWordUsesOfTwo = 64, kNodeUsesOfTwo = 32, kUsesApart = 16, kMostCopies = 8;
constexpr std::int64_t kHotWords = 512, kHotNodes = 512;

}  // namespace

Floats zeroed_floats(std::int64_t size) {
  return Floats(new (std::align_val_t{64}) float[static_cast<std::size_t>(size)]());
}

HotRows HotRoom::copy(Table table, std::int64_t first, std::int64_t rows) {
  used_.assign(static_cast<std::size_t>(rows) + 1, 0);
  const std::int64_t size = rows * table.pitch;
  copies_ = zeroed_floats(2 * size);
  const float* from = table.data + first * table.pitch;
  for (std::int64_t half = 0; half < 2; ++half) std::copy(from, from + size, copies_.get() + half * size);
  const auto way = reinterpret_cast<std::uintptr_t>(copies_.get()) - reinterpret_cast<std::uintptr_t>(from);
  return {way, used_.data(), first, rows};
}

void HotRoom::add_to(Table table, const HotRows& hot) const {
  const std::int64_t size = hot.rows * table.pitch;
  for (std::int64_t h = 0; h < hot.rows; ++h) {
    if (used_[static_cast<std::size_t>(h)] == 0) continue;
    const float* copy = copies_.get() + h * table.pitch;
    float* shared = table.data + (hot.first + h) * table.pitch;
    for (std::int64_t d = 0; d < table.pitch; ++d) shared[d] += copy[d] - copy[size + d];
  }
}

Word2VecWorker::Word2VecWorker(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch)
    : plan_(plan), input_(input), output_(output) {
  const Word2VecOptions& o = plan.options;
  job_ = {};
  job_.ids = plan.ids.data();
  job_.keep = plan.keep.data();
  if (plan.noise) {
    job_.noise = plan.noise->columns().data();
    job_.noise_size = static_cast<std::uint32_t>(plan.noise->size());
    drawn_.resize(static_cast<std::size_t>(kDrawnRows * o.negatives));
  } else {
    job_.path = plan.tree.path.data();
    job_.path_offsets = plan.tree.offsets.data();
    job_.warm_node = static_cast<std::int32_t>(plan.keep.size()) - kWarmNodes;
  }
  job_.input = input.data;
  job_.output = output.data;
  job_.dim = o.dim;
  job_.pitch = input.pitch;
  job_.seed = o.seed;
  job_.epoch = static_cast<std::uint32_t>(epoch);
  job_.window = o.window;
  job_.negatives = o.negatives;
  job_.shrink = o.shrink;
  job_.architecture = o.architecture;
  job_.sharing = o.sharing;
  job_.set_size = plan.noise ? centers_of_set(o.architecture, o.sharing) : 1;
  job_.set_step = plan.noise ? step_of_set(o.sharing, o.window) : 1;
  job_.context_scale = o.context_scale;
  if (!plan.parts.offsets.empty()) {
    job_.parts = plan.parts.parts.data();
    job_.part_offsets = plan.parts.offsets.data();
    job_.mean = plan.parts.mean;
  }
  const std::size_t ring_rows = std::bit_ceil(static_cast<std::size_t>(group_rows(o.window)));
  ring_ = zeroed_floats(static_cast<std::int64_t>(ring_rows) * 2 * job_.pitch);
  job_.ring_mask = static_cast<std::int64_t>(ring_rows) - 1;
  // Of contexts and of a tree's nodes up to 7 more are written.
  job_.rows_each = group_rows(o.window) + kGroupCenters + kPointersAtOnce + plan.columns + 7;
  rows_.resize(static_cast<std::size_t>(2 * job_.rows_each));
  job_.labels_each = plan.columns / 64 + 2;
  labels_.resize(static_cast<std::size_t>(2 * job_.labels_each));
  job_.gradient_each = (o.window + 1) * ((plan.columns + 2) / 3) * kScoreFloats;
  gradient_ = zeroed_floats(2 * job_.gradient_each);
  hidden_ = zeroed_floats(4 * job_.pitch + 256);
  meets_ = zeroed_floats(group_rows(o.window) * (kGroupCenters + 1) + kScoreFloats);
  job_.gradient = gradient_.get();
  job_.labels = labels_.data();
  job_.hidden = hidden_.get();
  job_.error = job_.hidden + 2 * job_.pitch;
  job_.dots = job_.error + 2 * job_.pitch;
  job_.meets = meets_.get();
  job_.drawn = drawn_.data();
  job_.ring = ring_.get();
  const std::size_t on_their_way = std::bit_ceil(static_cast<std::size_t>(tokens_on_their_way(o.window)));
  contexts_.resize(2 * on_their_way + kPointersAtOnce);
  job_.contexts = contexts_.data();
  job_.contexts_mask = static_cast<std::int64_t>(on_their_way) - 1;
  job_.set_rows_each = (o.negatives + kPointersAtOnce - 1) / kPointersAtOnce * kPointersAtOnce;
  set_rows_.resize(static_cast<std::size_t>(job_.set_step * job_.set_rows_each));
  job_.set_rows = set_rows_.data();
  job_.rows = rows_.data();
  const std::size_t capacity = static_cast<std::size_t>(plan.longest_stretch + plan.piece) + 17;
  word_.resize(capacity);
  position_.resize(capacity);
  reach_.resize(capacity);
  first_.resize(capacity);
  last_.resize(capacity);
  job_.word = word_.data();
  job_.position = position_.data();
  job_.reach = reach_.data();
  job_.first = first_.data();
  job_.last = last_.data();
}

void Word2VecWorker::collect(std::int64_t begin, std::int64_t end, float lr) {
  const auto& offsets = plan_.offsets;
  const std::int64_t size = plan_.piece;
  end = std::min(end, offsets.back());
  job_.lr = lr;
  job_.kept = 0;
  if (begin >= end) return;
  // The sentence that holds `begin`, and in it the first piece that starts at `begin` or later.
  auto sentence = std::upper_bound(offsets.begin(), offsets.end(), begin) - offsets.begin() - 1;
  std::int64_t piece = offsets[sentence] + (begin - offsets[sentence] + size - 1) / size * size;
  for (;;) {
    // Before the end is looked at: the next piece of a sentence that ended here may lie far behind it.
    if (piece >= offsets[sentence + 1]) {
      if (++sentence + 1 >= static_cast<std::int64_t>(offsets.size())) break;
      piece = offsets[sentence];
      continue;
    }
    if (piece >= end) break;
    const std::int64_t stop = std::min(piece + size, offsets[sentence + 1]);
    const std::int64_t first = job_.kept;
    plan_.kernels.keep(job_, piece, stop);
    for (std::int64_t i = first; i < job_.kept; ++i) {
      first_[static_cast<std::size_t>(i)] = first;
      last_[static_cast<std::size_t>(i)] = job_.kept - 1;
    }
    piece = stop;
  }
}

void Word2VecWorker::share_scratch(const Word2VecWorker& other) {
  job_.ring = other.job_.ring;
  job_.contexts = other.job_.contexts;
  job_.set_rows = other.job_.set_rows;
  job_.rows = other.job_.rows;
  job_.gradient = other.job_.gradient;
  job_.labels = other.job_.labels;
  job_.hidden = other.job_.hidden;
  job_.error = other.job_.error;
  job_.dots = other.job_.dots;
  job_.meets = other.job_.meets;
}

void Word2VecWorker::copy_hot_rows(int threads) {
  const auto vocabulary = static_cast<std::int64_t>(plan_.keep.size());
  if (threads > 1 && !plan_.noise) job_.warm_node = static_cast<std::int32_t>(vocabulary) - kWarmSharedNodes;
  if (threads == 1 || threads > kMostCopies || vocabulary < 8) return;
  const std::int64_t words = std::min(kHotWords, vocabulary / 8), nodes = std::min(kHotNodes, vocabulary / 8);
  const int uses_of_two = plan_.noise ? kWordUsesOfTwo : kNodeUsesOfTwo;
  job_.hot_uses = threads == 2 ? uses_of_two : kUsesApart / threads;
  // Inner nodes: V - 1, the root is the last.
  job_.hot_outputs = plan_.noise ? hot_outputs_.copy(output_, 0, words)
                                 : hot_outputs_.copy(output_, vocabulary - 1 - nodes, nodes);
  // What words are composed of is copied while it is trained.
  if (plan_.parts.offsets.empty()) job_.hot_inputs = hot_inputs_.copy(input_, 0, words);
}

void Word2VecWorker::return_copies() {
  hot_inputs_.add_to(input_, job_.hot_inputs);
  hot_outputs_.add_to(output_, job_.hot_outputs);
}

void Word2VecWorker::add_to(SliceReport& report) const {
  report.kept += kept_;
  report.pairs += job_.pairs;
  report.loss_pairs += job_.loss_pairs;
  report.loss += job_.loss;
}

}  // namespace fastnlp
