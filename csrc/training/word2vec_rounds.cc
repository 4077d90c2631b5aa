#include "training/word2vec_rounds.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "support/meeting_point.h"
#include "training/word2vec_lane.h"

namespace fastnlp {
namespace {

static_assert(2 * kLanePositions <= kDrawnRows, "the negatives of a lane are drawn at once");

// What the updates of a row in a round may come to, in learning rate times pairs, before they are scaled
// down. Beyond about 2 a sum of changes that were made apart swings past what each of them was heading for.
constexpr float kFreeSteps = 2.0f;

// The lanes of a round, and the rows that several of them touch.
struct Round {
  Round(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch, std::size_t threads)
      : shared_inputs(threads), shared_outputs(threads) {
    for (std::int64_t i = 0; i < kLanes; ++i) {
      lanes.push_back(std::make_unique<Word2VecLane>(plan, input, output, epoch));
      inputs.push_back(&lanes.back()->inputs());
      outputs.push_back(&lanes.back()->outputs());
    }
  }
  std::vector<std::unique_ptr<Word2VecLane>> lanes;
  std::vector<TouchedRows*> inputs, outputs;
  std::vector<SharedRows> shared_inputs, shared_outputs;  // of each thread
};

// What each thread has for itself.
struct Desk {
  Word2VecWorker scratch;
  Numbers numbers;
  CopyRoom inputs{}, outputs{};  // of the round that is trained
  MeetingPoint::Patience patience{};
};

// Lanes that are to be done in a phase. A thread begins with those of its own, whose rows and draws are in
// its cache, and goes on with what others have left.
class Lanes {
 public:
  template <class Task>
  void over(int thread, int threads, const Task& task) {
    for (std::int64_t i = 0; i < kLanes; ++i) {
      const auto lane = static_cast<std::size_t>((thread * kLanes / threads + i) % kLanes);
      if (!taken_[lane].load(std::memory_order_relaxed) && !taken_[lane].exchange(true)) task(lane);
    }
  }
  void reset() {
    for (auto& lane : taken_) lane = false;
  }

 private:
  std::array<std::atomic<bool>, kLanes> taken_{};
};

}  // namespace

SliceReport train_rounds(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch,
                         std::int64_t unit, std::int64_t units, int threads,
                         std::chrono::steady_clock::time_point deadline,
                         const std::function<float(std::int64_t)>& lr_at) {
  SliceReport report;
  report.next_unit = unit;
  if (unit >= units) return report;
  const int crew_size = static_cast<int>(std::min<std::int64_t>(threads, kLanes));
  const auto crew_rooms = static_cast<std::size_t>(crew_size);
  // While one round is trained, who has no lane left prepares those of the next.
  std::array<Round, 2> rounds{Round(plan, input, output, epoch, crew_rooms),
                              Round(plan, input, output, epoch, crew_rooms)};
  std::vector<std::unique_ptr<Desk>> desks;
  for (int i = 0; i < crew_size; ++i) {
    desks.push_back(std::make_unique<Desk>(
        Word2VecWorker(plan, input, output, epoch),
        Numbers{IdNumbers(output.rows), IdNumbers(std::max(input.rows, output.rows))}));
  }
  Lanes to_train, to_prepare;

  // The contexts of a center on average, which are one where they are combined.
  const Word2VecOptions& options = plan.options;
  const float pairs_of_a_use =
      options.architecture == Architecture::kCbow
          ? 1.0f
          : static_cast<float>(options.shrink ? options.window + 1 : 2 * options.window);
  std::int64_t round = unit - 1;  // the round to train; the one after it is to prepare
  std::mutex gate;
  std::exception_ptr failure;
  bool training = true, failed = false, stop = false;  // changed between the phases only
  const auto turn = [&] {
    training = !training;
    failed = failure != nullptr;
    if (!training) return;
    to_train.reset();
    to_prepare.reset();
    report.next_unit = ++round;
    stop = failed || round >= units || (round > unit && std::chrono::steady_clock::now() >= deadline);
  };
  MeetingPoint meeting(crew_size);
  const auto work = [&](int thread) {
    const auto own = static_cast<std::size_t>(thread);
    Desk& desk = *desks[own];
    const auto phase = [&](const auto& task) {
      try {
        if (!failed) task();
      } catch (...) {
        const std::lock_guard lock(gate);
        failure = std::current_exception();
      }
      meeting.meet(desk.patience, turn);
    };
    while (!stop) {
      Round& now = rounds[static_cast<std::size_t>(round & 1)];
      Round& then = rounds[static_cast<std::size_t>(~round & 1)];
      phase([&] {
        if (round >= unit) {
          to_train.over(thread, crew_size, [&](std::size_t lane) { now.lanes[lane]->train(desk.scratch); });
        }
        to_prepare.over(thread, crew_size, [&](std::size_t lane) {
          const std::int64_t begin =
              (round + 1) * kRoundPositions + static_cast<std::int64_t>(lane) * kLanePositions;
          then.lanes[lane]->prepare(begin, begin + kLanePositions, lr_at(round + 1), desk.numbers);
        });
      });
      phase([&] {
        if (round >= unit) {
          const float free_uses = kFreeSteps / (lr_at(round) * pairs_of_a_use);
          now.shared_inputs[own].merge(plan.kernels, input, free_uses);
          now.shared_outputs[own].merge(plan.kernels, output, free_uses);
        }
        then.shared_inputs[own].find(then.inputs, thread, crew_size, input.pitch, desk.numbers.rows,
                                     desk.inputs);
        then.shared_outputs[own].find(then.outputs, thread, crew_size, output.pitch, desk.numbers.words,
                                      desk.outputs);
      });
    }
  };
  {
    // Nobody begins before all are there: those who wait for one that the system refused would wait for ever.
    enum : int { kWait, kBegin, kLeave };
    std::atomic<int> call{kWait};
    const auto summon = [&call](int what) {
      call.store(what);
      call.notify_all();
    };
    std::vector<std::jthread> crew;
    try {
      for (int i = 1; i < crew_size; ++i) {
        crew.emplace_back([&, i] {
          call.wait(kWait);
          if (call.load() == kBegin) work(i);
        });
      }
    } catch (...) {
      summon(kLeave);
      throw;
    }
    summon(kBegin);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
  for (const Round& each : rounds) {
    for (const auto& lane : each.lanes) lane->add_to(report);
  }
  return report;
}

}  // namespace fastnlp
