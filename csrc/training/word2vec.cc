#include "training/word2vec.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "support/checks.h"
#include "support/cpu.h"

namespace fastnlp {

std::vector<std::string> word2vec_supported() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  if (runs_avx512()) names.emplace_back("avx512");
  if (runs_avx2()) names.emplace_back("avx2");
#endif
  names.emplace_back("baseline");
  return names;
}

Word2VecKernels word2vec_kernels(const char* name) {
  const std::vector<std::string> names = word2vec_supported();
  const std::string wanted = name ? name : names.front();
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    std::string known;
    for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
    refuse("simd", "an instruction set of this machine (" + known + ")", wanted);
  }
#if defined(__x86_64__)
  if (wanted == "avx512") return word2vec_kernels_avx512();
  if (wanted == "avx2") return word2vec_kernels_avx2();
#endif
  return word2vec_kernels_baseline();
}

namespace {

constexpr std::align_val_t kLine{64};
constexpr std::int32_t kWarmNodes =
    256;  // inner nodes of a tree that need no prefetch: the last, near the root
constexpr std::int64_t kLongestUnit = 4'000, kLongestPiece = 10'000;

struct AlignedFree {
  void operator()(float* p) const { ::operator delete[](p, kLine); }
};

void check_options(const Word2VecOptions& o, std::size_t vocabulary) {
  const auto within = [](const char* name, auto value, auto low, auto high) {
    if (value < low || value > high) {
      refuse(name, "a number from " + std::to_string(low) + " to " + std::to_string(high),
             std::to_string(value));
    }
  };
  within("dim", o.dim, std::int64_t{1}, std::int64_t{65'536});
  within("window", o.window, 1, 10'000);
  within("negatives", o.negatives, 1, 10'000);
  within("epochs", o.epochs, std::int64_t{1}, std::int64_t{1'000'000});
  if (!std::isfinite(o.lr) || o.lr <= 0.0) refuse("lr", "a positive, finite number", std::to_string(o.lr));
  if (!std::isfinite(o.min_lr) || o.min_lr < 0.0 || o.min_lr > o.lr) {
    refuse("min_lr", "a number from 0 to lr", std::to_string(o.min_lr));
  }
  if (vocabulary > 0x7FFFFFFFu) refuse("vocabulary", "fewer than 2^31 words", std::to_string(vocabulary));
}

void check_table(const char* name, const Table& table, std::int64_t rows, std::int64_t dim) {
  if (table.rows != rows) refuse(name, std::to_string(rows) + " rows", std::to_string(table.rows));
  if (table.pitch % 16 != 0 || table.pitch < dim) {
    refuse(name, "rows of a multiple of 16 floats that hold " + std::to_string(dim),
           std::to_string(table.pitch));
  }
  if (reinterpret_cast<std::uintptr_t>(table.data) % 64 != 0) {
    refuse(name, "memory aligned to 64 bytes", "another alignment");
  }
}

void check_parts(const WordParts& parts, std::size_t vocabulary) {
  if (parts.offsets.size() != vocabulary + 1) {
    refuse("part_offsets", "one per word and one more (" + std::to_string(vocabulary + 1) + ")",
           std::to_string(parts.offsets.size()));
  }
  check_offsets("part_offsets", parts.offsets, static_cast<std::int64_t>(parts.parts.size()));
  check_ids("parts", parts.parts, parts.rows);
}

// The longest path.
int check_tree(const WordTree& tree, std::size_t vocabulary) {
  if (tree.offsets.size() != vocabulary + 1) {
    refuse("path_offsets", "one per word and one more (" + std::to_string(vocabulary + 1) + ")",
           std::to_string(tree.offsets.size()));
  }
  check_offsets("path_offsets", tree.offsets, static_cast<std::int64_t>(tree.path.size()));
  check_ids("path", tree.path, 2 * (static_cast<std::int64_t>(vocabulary) - 1));
  std::int64_t longest = 1;
  for (std::size_t i = 0; i < vocabulary; ++i) {
    longest = std::max(longest, tree.offsets[i + 1] - tree.offsets[i]);
  }
  if (longest > 10'000) refuse("path_offsets", "paths of at most 10000 steps", std::to_string(longest));
  return static_cast<int>(longest);
}

}  // namespace

// One thread's buffers, reused from unit to unit.
class Word2Vec::Worker {
 public:
  Worker(const Word2Vec& model, Table input, Table output, std::int64_t epoch) : model_(model) {
    const Word2VecOptions& o = model.options_;
    job_ = {};
    job_.ids = model.ids_.data();
    job_.keep = model.keep_.data();
    if (model.noise_) {
      job_.noise = model.noise_->columns().data();
      job_.noise_size = static_cast<std::uint32_t>(model.noise_->size());
      drawn_.resize(static_cast<std::size_t>(kDrawnRows * o.negatives));
    } else {
      job_.path = model.tree_.path.data();
      job_.path_offsets = model.tree_.offsets.data();
      job_.warm_node = static_cast<std::int32_t>(model.keep_.size()) - kWarmNodes;
    }
    job_.input = input.data;
    job_.output = output.data;
    job_.pitch = input.pitch;
    job_.seed = o.seed;
    job_.epoch = static_cast<std::uint32_t>(epoch);
    job_.window = o.window;
    job_.negatives = o.negatives;
    job_.shrink = o.shrink;
    job_.architecture = o.architecture;
    job_.sharing = o.sharing;
    job_.context_scale = o.context_scale;
    if (!model.parts_.offsets.empty()) {
      job_.parts = model.parts_.parts.data();
      job_.part_offsets = model.parts_.offsets.data();
      job_.mean = model.parts_.mean;
    }
    const std::size_t ring_rows = std::bit_ceil(static_cast<std::size_t>(2 * o.window + 2));
    ring_.reset(new (kLine) float[ring_rows * 2 * static_cast<std::size_t>(job_.pitch)]());
    job_.ring_mask = static_cast<std::int64_t>(ring_rows) - 1;
    job_.rows_each = 2 * o.window + 1 + model.columns_;
    rows_.resize(static_cast<std::size_t>(2 * job_.rows_each));
    // The smallest blocks of any instruction set are 2 context rows by 6 output rows.
    job_.label_each = (model.columns_ + 5) / 6 * kScoreFloats;
    job_.gradient_each = (o.window + 1) * job_.label_each;
    gradient_.reset(new (kLine) float[static_cast<std::size_t>(2 * job_.gradient_each)]());
    label_.reset(new (kLine) float[static_cast<std::size_t>(2 * job_.label_each)]());
    hidden_.reset(new (kLine) float[static_cast<std::size_t>(2 * job_.pitch)]());
    job_.gradient = gradient_.get();
    job_.label = label_.get();
    job_.hidden = hidden_.get();
    job_.drawn = drawn_.data();
    job_.ring = ring_.get();
    job_.rows = rows_.data();
    const std::size_t capacity = static_cast<std::size_t>(model.unit_ + model.piece_) + 17;
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

  // Trains the pieces (sentences, or parts of a longer one) that start in the unit.
  void train(std::int64_t unit, float lr) {
    const auto& offsets = model_.offsets_;
    const std::int64_t begin = unit * model_.unit_;
    const std::int64_t end = std::min<std::int64_t>(begin + model_.unit_, offsets.back());
    const std::int64_t size = model_.piece_;
    job_.lr = lr;
    job_.kept = 0;
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
      model_.kernels_.keep(job_, piece, stop);
      for (std::int64_t i = first; i < job_.kept; ++i) {
        first_[static_cast<std::size_t>(i)] = first;
        last_[static_cast<std::size_t>(i)] = job_.kept - 1;
      }
      piece = stop;
    }
    kept_ += job_.kept;
    model_.kernels_.train(job_);
  }

  void add_to(SliceReport& report) const {
    report.kept += kept_;
    report.pairs += job_.pairs;
    report.loss_pairs += job_.loss_pairs;
    report.loss += job_.loss;
  }

 private:
  const Word2Vec& model_;
  Word2VecJob job_;
  std::vector<std::int32_t> drawn_, word_, reach_;
  std::vector<std::int64_t> position_, first_, last_;
  std::unique_ptr<float[], AlignedFree> ring_, gradient_, label_, hidden_;
  std::vector<float*> rows_;
  std::int64_t kept_ = 0;
};

Word2Vec::Word2Vec(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   std::span<const double> keep, std::span<const double> noise, Word2VecOptions options,
                   const char* simd, WordParts parts, WordTree tree)
    : ids_(ids),
      offsets_(offsets),
      options_(options),
      parts_(parts),
      tree_(tree),
      columns_(1 + options.negatives),
      kernels_(word2vec_kernels(simd)) {
  const std::size_t vocabulary = keep.size();
  check_options(options, vocabulary);
  if (parts.offsets.empty()) {
    parts_.rows = static_cast<std::int64_t>(vocabulary);
  } else {
    check_parts(parts, vocabulary);
  }
  if (tree.offsets.empty()) {
    if (noise.size() != vocabulary) {
      refuse("noise", "one weight per word (" + std::to_string(vocabulary) + ")",
             std::to_string(noise.size()));
    }
    noise_.emplace(noise);
    if (noise_->support() < 2) {
      refuse("vocabulary", "at least two words that can be drawn as negatives",
             std::to_string(noise_->support()));
    }
    // A center alone excludes itself; a group takes too much out of a small vocabulary.
    if (options_.sharing == Sharing::kGroup && noise_->support() < 16 * kGroupCenters) {
      options_.sharing = Sharing::kCenter;
    }
  } else {
    columns_ = check_tree(tree, vocabulary);
    if (tree.path.empty()) refuse("vocabulary", "at least two words in the tree", "fewer");
  }
  // Multiply-adds a position next to those of the usual D=100, window 5, K=5: past ten times that, units
  // shrink.
  const double cost = static_cast<double>(options.dim) * options.window * columns_ / 3000.0;
  unit_ = std::clamp(static_cast<std::int64_t>(100'000.0 / cost), std::int64_t{200}, kLongestUnit);
  piece_ = std::clamp(unit_, std::min(std::int64_t{20} * options.window, kLongestPiece), kLongestPiece);
  check_offsets("sentence_offsets", offsets, static_cast<std::int64_t>(ids.size()));
  check_ids("ids", ids, static_cast<std::int64_t>(vocabulary));
  keep_.reserve(keep.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!(keep[i] >= 0.0 && keep[i] <= 1.0)) {
      refuse("keep[" + std::to_string(i) + "]", "a probability", std::to_string(keep[i]));
    }
    keep_.push_back(threshold(keep[i]));
  }
}

std::int64_t Word2Vec::units() const { return (static_cast<std::int64_t>(ids_.size()) + unit_ - 1) / unit_; }

double Word2Vec::lr_at(std::int64_t epoch, std::int64_t unit) const {
  const double total = static_cast<double>(ids_.size()) * static_cast<double>(options_.epochs) + 1.0;
  const double done = static_cast<double>(ids_.size()) * static_cast<double>(epoch) +
                      static_cast<double>(unit) * static_cast<double>(unit_);
  return std::max(options_.min_lr, options_.lr * (1.0 - done / total));
}

SliceReport Word2Vec::train(Table input, Table output, std::int64_t epoch, std::int64_t unit, int threads,
                            double seconds) const {
  check_table("input", input, parts_.rows, options_.dim);
  check_table("output", output, static_cast<std::int64_t>(keep_.size()), options_.dim);
  if (output.pitch != input.pitch) {
    refuse("output", "rows as long as input's " + std::to_string(input.pitch), std::to_string(output.pitch));
  }
  if (unit < 0 || unit > units()) refuse("unit", "0 to " + std::to_string(units()), std::to_string(unit));
  if (epoch < 0) refuse("epoch", "0 or more", std::to_string(epoch));
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const std::int64_t total = units();
  std::atomic<std::int64_t> next{unit};
  std::mutex gate;
  std::exception_ptr failure;
  SliceReport report;
  const auto work = [&] {
    try {
      Worker worker(*this, input, output, epoch);
      do {
        const std::int64_t mine = next.fetch_add(1, std::memory_order_relaxed);
        if (mine >= total) break;
        worker.train(mine, static_cast<float>(lr_at(epoch, mine)));
      } while (std::chrono::steady_clock::now() < deadline);
      const std::lock_guard lock(gate);
      worker.add_to(report);
    } catch (...) {
      const std::lock_guard lock(gate);
      failure = std::current_exception();
    }
  };
  std::vector<std::jthread> crew;
  for (int i = 1; i < threads; ++i) crew.emplace_back(work);
  work();
  crew.clear();  // joins
  if (failure) std::rethrow_exception(failure);
  report.next_unit = std::min(next.load(), total);
  return report;
}

}  // namespace fastnlp
