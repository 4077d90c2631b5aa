#include "training/word2vec_rounds.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace fastnlp {
namespace {

static_assert(2 * kLanePositions <= kDrawnRows, "the negatives of a lane are drawn at once");

// What the updates of a row in a round may come to, in learning rate times pairs, before they are scaled
// down. Beyond about 2 a sum of changes that were made apart swings past what each of them was heading for.
constexpr float kFreeSteps = 2.0f;
constexpr std::int64_t kAhead = 8;  // rows that are fetched before they are needed

void fetch(const float* row, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += 16) __builtin_prefetch(row + d, 0, 2);
}

// Where the rows of a table stand among those that a lane has copied; -1 for those that it has not.
using Slots = std::vector<std::int32_t>;

// The rows of one table that a lane touches.
class CopiedRows {
 public:
  std::int32_t slot(Slots& slots, std::int32_t id, std::int32_t uses) {
    std::int32_t& found = slots[static_cast<std::size_t>(id)];
    if (found < 0) {
      found = static_cast<std::int32_t>(ids_.size());
      ids_.push_back(id);
      uses_.push_back(0);
    }
    uses_[static_cast<std::size_t>(found)] += uses;
    return found;
  }

  // The first `size` rows of another set, of a table that is indexed alike.
  void take(const CopiedRows& other, std::size_t size) {
    ids_.assign(other.ids_.begin(), other.ids_.begin() + static_cast<std::ptrdiff_t>(size));
    uses_.assign(other.uses_.begin(), other.uses_.begin() + static_cast<std::ptrdiff_t>(size));
  }

  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int32_t uses(std::int64_t slot) const { return uses_[static_cast<std::size_t>(slot)]; }
  std::int32_t id(std::int64_t slot) const { return ids_[static_cast<std::size_t>(slot)]; }

  void clear() {
    ids_.clear();
    uses_.clear();
  }
  void forget(Slots& slots) const {
    for (const std::int32_t id : ids_) slots[static_cast<std::size_t>(id)] = -1;
  }

  float* copy(Table table) {
    const std::int64_t pitch = table.pitch;
    if (size() > capacity_) {
      capacity_ = size() + size() / 2;
      now_ = zeroed_floats(capacity_ * pitch);
    }
    for (std::int64_t slot = 0; slot < size(); ++slot) {
      if (slot + kAhead < size()) fetch(table.data + id(slot + kAhead) * pitch, pitch);
      std::memcpy(now_.get() + slot * pitch, table.data + id(slot) * pitch,
                  static_cast<std::size_t>(pitch) * sizeof(float));
    }
    return now_.get();
  }

  const float* row(std::int64_t slot, std::int64_t pitch) const { return now_.get() + slot * pitch; }

 private:
  std::vector<std::int32_t> ids_, uses_;
  Floats now_;
  std::int64_t capacity_ = 0;
};

// Adds the changes of all copies to the rows of a table whose id falls to a thread.
class Adder {
 public:
  void add(const Word2VecKernels& kernels, Table table, std::span<const CopiedRows* const> lanes, Slots& last,
           float free_uses, int thread, int threads) {
    copies_.clear();
    rows_.clear();
    for (const CopiedRows* lane : lanes) {
      for (std::int64_t slot = 0; slot < lane->size(); ++slot) {
        const std::int32_t id = lane->id(slot);
        if (id % threads != thread) continue;
        const auto copy = static_cast<std::int32_t>(copies_.size());
        copies_.push_back({lane->row(slot, table.pitch), lane->uses(slot), -1});
        std::int32_t& before = last[static_cast<std::size_t>(id)];
        if (before < 0) {
          rows_.emplace_back(id, copy);
        } else {
          copies_[static_cast<std::size_t>(before)].next = copy;
        }
        before = copy;
      }
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i + kAhead < rows_.size()) {
        const auto [id, copy] = rows_[i + kAhead];
        fetch(table.data + id * table.pitch, table.pitch);
        fetch(copies_[static_cast<std::size_t>(copy)].row, table.pitch);
      }
      const auto [id, copy] = rows_[i];
      kernels.merge(table.data + id * table.pitch, table.pitch, copies_.data(), copy,
                    scale_of(copy, free_uses));
      last[static_cast<std::size_t>(rows_[i].first)] = -1;
    }
  }

 private:
  // At most the sum of the copies' changes, at least their mean.
  float scale_of(std::int32_t first, float free_uses) const {
    float uses = 0.0f, size = 0.0f;
    for (std::int32_t i = first; i >= 0; i = copies_[static_cast<std::size_t>(i)].next) {
      uses += static_cast<float>(copies_[static_cast<std::size_t>(i)].uses);
      size += 1.0f;
    }
    return std::clamp(free_uses / uses, 1.0f / size, 1.0f);
  }

  std::vector<RowCopy> copies_;
  std::vector<std::pair<std::int32_t, std::int32_t>> rows_;
};

// What one thread needs to find its way in the tables.
struct Maps {
  explicit Maps(const Word2VecPlan& plan)
      : words(plan.keep.size(), -1),
        parts(static_cast<std::size_t>(plan.parts.offsets.empty() ? 0 : plan.parts.rows), -1),
        nodes(plan.noise ? 0 : plan.keep.size(), -1) {}
  Slots words, parts, nodes;
  Adder adder;
};

// A stretch of the corpus and the copies it is trained on.
class Lane {
 public:
  Lane(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch)
      : plan_(plan), input_(input), output_(output), worker_(plan, input, output, epoch) {}

  // Everything that needs no table: the words, what is drawn for them, and the rows that they will touch.
  void prepare(std::int64_t begin, float lr, Maps& maps) {
    worker_.collect(begin, begin + kLanePositions, lr);
    words_.clear();
    inputs_.clear();
    nodes_.clear();
    Word2VecJob& job = worker_.job();
    if (job.kept == 0) return;
    if (plan_.noise) {
      plan_.kernels.draw(job);
      job.is_drawn = true;
    }
    for (std::int64_t i = 0; i < job.kept; ++i) job.word[i] = words_.slot(maps.words, job.word[i], 1);
    const auto distinct = static_cast<std::size_t>(words_.size());
    if (plan_.parts.offsets.empty()) {
      inputs_.take(words_, distinct);
    } else {
      number(plan_.parts.parts, plan_.parts.offsets, distinct, 0, inputs_, maps.parts, parts_, part_offsets_);
      job.parts = parts_.data();
      job.part_offsets = part_offsets_.data();
    }
    if (plan_.noise) {
      for (std::int64_t c = 0; c < job.kept; ++c) {
        if (c % job.set_size != 0) continue;
        std::int32_t* row = job.drawn + c * job.negatives;
        for (int k = 0; k < job.negatives; ++k) {
          row[k] = words_.slot(maps.words, row[k], job.set_size);
        }
      }
    } else {
      number(plan_.tree.path, plan_.tree.offsets, distinct, 1, nodes_, maps.nodes, path_, path_offsets_);
      job.path = path_.data();
      job.path_offsets = path_offsets_.data();
    }
    words_.forget(maps.words);
    if (!plan_.parts.offsets.empty()) inputs_.forget(maps.parts);
    if (!plan_.noise) nodes_.forget(maps.nodes);
  }

  void train() {
    Word2VecJob& job = worker_.job();
    if (job.kept == 0) return;
    job.input = inputs_.copy(input_);
    job.output = (plan_.noise ? words_ : nodes_).copy(output_);
    worker_.train();
  }

  const CopiedRows& inputs() const { return inputs_; }
  const CopiedRows& outputs() const { return plan_.noise ? words_ : nodes_; }
  void add_to(SliceReport& report) const { worker_.add_to(report); }

 private:
  // The lists of the first `distinct` words, whose entries are rows shifted left by `shift`, with the rows
  // numbered anew.
  void number(std::span<const std::int32_t> entries, std::span<const std::int64_t> offsets,
              std::size_t distinct, int shift, CopiedRows& rows, Slots& slots,
              std::vector<std::int32_t>& numbered, std::vector<std::int64_t>& ends) {
    numbered.clear();
    ends.assign(1, 0);
    for (std::size_t word = 0; word < distinct; ++word) {
      const auto id = static_cast<std::size_t>(words_.id(static_cast<std::int64_t>(word)));
      for (std::int64_t i = offsets[id]; i < offsets[id + 1]; ++i) {
        const std::int32_t entry = entries[static_cast<std::size_t>(i)];
        const std::int32_t slot =
            rows.slot(slots, entry >> shift, words_.uses(static_cast<std::int64_t>(word)));
        numbered.push_back((slot << shift) | (entry & ((1 << shift) - 1)));
      }
      ends.push_back(static_cast<std::int64_t>(numbered.size()));
    }
  }

  const Word2VecPlan& plan_;
  Table input_, output_;
  Word2VecWorker worker_;
  CopiedRows words_, inputs_, nodes_;
  std::vector<std::int32_t> parts_, path_;
  std::vector<std::int64_t> part_offsets_, path_offsets_;
};

// The lanes of a round, and what each of them has copied.
struct Lanes {
  Lanes(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch) {
    for (std::int64_t i = 0; i < kLanes; ++i) {
      lanes.push_back(std::make_unique<Lane>(plan, input, output, epoch));
      inputs.push_back(&lanes.back()->inputs());
      outputs.push_back(&lanes.back()->outputs());
    }
  }
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<const CopiedRows*> inputs, outputs;
};

}  // namespace

SliceReport train_rounds(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch,
                         std::int64_t unit, std::int64_t units, int threads,
                         std::chrono::steady_clock::time_point deadline,
                         const std::function<float(std::int64_t)>& lr_at) {
  SliceReport report;
  report.next_unit = unit;
  if (unit >= units) return report;
  // While one set of lanes is trained, who has no lane left prepares those of the next round.
  std::array<Lanes, 2> sets{Lanes(plan, input, output, epoch), Lanes(plan, input, output, epoch)};
  const int crew_size = static_cast<int>(std::min<std::int64_t>(threads, kLanes));
  std::vector<Maps> maps(static_cast<std::size_t>(crew_size), Maps(plan));

  // The contexts of a center on average, which are one where they are combined.
  const Word2VecOptions& options = plan.options;
  const float pairs_of_a_use =
      options.architecture == Architecture::kCbow
          ? 1.0f
          : static_cast<float>(options.shrink ? options.window + 1 : 2 * options.window);
  std::atomic<std::int64_t> next{kLanes};  // below kLanes: a lane to train; from there on one to prepare
  std::int64_t round = unit - 1;           // the round to train; the one after it is to prepare
  std::mutex gate;
  std::exception_ptr failure;
  bool training = true, stop = false;  // changed between the phases only
  const auto turn = [&]() noexcept {
    training = !training;
    if (!training) return;
    next = 0;
    report.next_unit = ++round;
    stop = failure || round >= units || (round > unit && std::chrono::steady_clock::now() >= deadline);
  };
  std::barrier phase(crew_size, turn);
  const auto work = [&](int thread) {
    Maps& own = maps[static_cast<std::size_t>(thread)];
    while (!stop) {
      Lanes& now = sets[static_cast<std::size_t>(round & 1)];
      Lanes& then = sets[static_cast<std::size_t>(~round & 1)];
      try {
        const float lr = lr_at(round + 1);
        for (std::int64_t i = next.fetch_add(1); i < 2 * kLanes; i = next.fetch_add(1)) {
          if (i < kLanes) {
            now.lanes[static_cast<std::size_t>(i)]->train();
          } else {
            const std::int64_t lane = i - kLanes;
            then.lanes[static_cast<std::size_t>(lane)]->prepare(
                (round + 1) * kRoundPositions + lane * kLanePositions, lr, own);
          }
        }
      } catch (...) {
        const std::lock_guard lock(gate);
        failure = std::current_exception();
      }
      phase.arrive_and_wait();
      if (!failure && round >= unit) {
        const float free_uses = kFreeSteps / (lr_at(round) * pairs_of_a_use);
        own.adder.add(plan.kernels, input, now.inputs, plan.parts.offsets.empty() ? own.words : own.parts,
                      free_uses, thread, crew_size);
        own.adder.add(plan.kernels, output, now.outputs, plan.noise ? own.words : own.nodes, free_uses,
                      thread, crew_size);
      }
      phase.arrive_and_wait();
    }
  };
  {
    std::vector<std::jthread> crew;
    for (int i = 1; i < crew_size; ++i) crew.emplace_back(work, i);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
  for (const Lanes& set : sets) {
    for (const auto& lane : set.lanes) lane->add_to(report);
  }
  return report;
}

}  // namespace fastnlp
