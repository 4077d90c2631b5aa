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
#include "training/word2vec_rounds.h"

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

constexpr std::int64_t kLongestUnit = 4'000, kLongestPiece = 10'000;

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

Word2Vec::Word2Vec(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   std::span<const double> keep, std::span<const double> noise, Word2VecOptions options,
                   const char* simd, WordParts parts, WordTree tree)
    : plan_{.ids = ids,
            .offsets = offsets,
            .keep = {},
            .noise = {},
            .options = options,
            .parts = parts,
            .tree = tree,
            .columns = 1 + options.negatives,
            .kernels = word2vec_kernels(simd),
            .piece = 0,
            .longest_stretch = 0} {
  const std::size_t vocabulary = keep.size();
  check_options(options, vocabulary);
  if (parts.offsets.empty()) {
    plan_.parts.rows = static_cast<std::int64_t>(vocabulary);
  } else {
    check_parts(parts, vocabulary);
  }
  if (tree.offsets.empty()) {
    if (noise.size() != vocabulary) {
      refuse("noise", "one weight per word (" + std::to_string(vocabulary) + ")",
             std::to_string(noise.size()));
    }
    plan_.noise.emplace(noise);
    if (plan_.noise->support() < 2) {
      refuse("vocabulary", "at least two words that can be drawn as negatives",
             std::to_string(plan_.noise->support()));
    }
    if (options.deterministic && options.sharing == Sharing::kPair) {
      refuse("shared_by", "'distant', 'group' or 'center' to be deterministic", "'pair'");
    }
    // A center alone excludes itself; several take too much out of a small vocabulary.
    const int centers = centers_of_set(Architecture::kSkipGram, options.sharing);
    if (centers > 1 && plan_.noise->support() < 16 * centers) plan_.options.sharing = Sharing::kCenter;
  } else {
    plan_.columns = check_tree(tree, vocabulary);
    if (tree.path.empty()) refuse("vocabulary", "at least two words in the tree", "fewer");
  }
  // Multiply-adds a position next to those of the usual D=100, window 5, K=5: past ten times that, units
  // shrink.
  const double cost = static_cast<double>(options.dim) * options.window * plan_.columns / 3000.0;
  if (options.deterministic) {
    unit_ = kRoundPositions;
    plan_.piece = plan_.longest_stretch = kLanePositions;
  } else {
    unit_ = std::clamp(static_cast<std::int64_t>(100'000.0 / cost), std::int64_t{200}, kLongestUnit);
    plan_.piece =
        std::clamp(unit_, std::min(std::int64_t{20} * options.window, kLongestPiece), kLongestPiece);
    plan_.longest_stretch = unit_;
  }
  check_offsets("sentence_offsets", offsets, static_cast<std::int64_t>(ids.size()));
  check_ids("ids", ids, static_cast<std::int64_t>(vocabulary));
  plan_.keep.reserve(keep.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!(keep[i] >= 0.0 && keep[i] <= 1.0)) {
      refuse("keep[" + std::to_string(i) + "]", "a probability", std::to_string(keep[i]));
    }
    plan_.keep.push_back(threshold(keep[i]));
  }
}

std::int64_t Word2Vec::units() const {
  return (static_cast<std::int64_t>(plan_.ids.size()) + unit_ - 1) / unit_;
}

double Word2Vec::lr_at(std::int64_t epoch, std::int64_t unit) const {
  const double total =
      static_cast<double>(plan_.ids.size()) * static_cast<double>(plan_.options.epochs) + 1.0;
  const double done = static_cast<double>(plan_.ids.size()) * static_cast<double>(epoch) +
                      static_cast<double>(unit) * static_cast<double>(unit_);
  return std::max(plan_.options.min_lr, plan_.options.lr * (1.0 - done / total));
}

SliceReport Word2Vec::train(Table input, Table output, std::int64_t epoch, std::int64_t unit, int threads,
                            double seconds, std::optional<std::int64_t> stop) const {
  check_table("input", input, plan_.parts.rows, plan_.options.dim);
  check_table("output", output, static_cast<std::int64_t>(plan_.keep.size()), plan_.options.dim);
  if (output.pitch != input.pitch) {
    refuse("output", "rows as long as input's " + std::to_string(input.pitch), std::to_string(output.pitch));
  }
  if (unit < 0 || unit > units()) refuse("unit", "0 to " + std::to_string(units()), std::to_string(unit));
  if (epoch < 0) refuse("epoch", "0 or more", std::to_string(epoch));
  const std::int64_t total = stop.value_or(units());
  if (total < unit || total > units()) {
    refuse("stop", std::to_string(unit) + " to " + std::to_string(units()), std::to_string(total));
  }
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));

  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                             std::chrono::duration<double>(std::min(seconds, 1e9)));
  if (plan_.options.deterministic) {
    return train_rounds(plan_, input, output, epoch, unit, total, threads, deadline,
                        [&](std::int64_t at) { return static_cast<float>(lr_at(epoch, at)); });
  }
  std::atomic<std::int64_t> next{unit};
  std::mutex gate;
  std::exception_ptr failure;
  SliceReport report;
  const auto work = [&] {
    try {
      Word2VecWorker worker(plan_, input, output, epoch);
      worker.copy_hot_rows(threads);
      do {
        const std::int64_t mine = next.fetch_add(1, std::memory_order_relaxed);
        if (mine >= total) break;
        worker.collect(mine * unit_, (mine + 1) * unit_, static_cast<float>(lr_at(epoch, mine)));
        worker.train();
      } while (std::chrono::steady_clock::now() < deadline);
      worker.return_copies();
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
