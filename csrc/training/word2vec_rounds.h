// word2vec on several threads with the same bits for any number of them.
//
// An epoch is cut into rounds of kLanes stretches, the lanes. In a round each lane is trained on the rows
// that it touches as they stood when the round began: in the table where no other lane touches them, else on
// copies, whose changes are added to the tables when all lanes are done, row by row in the order of the
// lanes. Which thread trains a lane, or adds up a row, changes nothing.
//
// A row that many centers of a lane met has gone far towards what they want; where all lanes did, adding
// their ways up would overshoot. Its changes are therefore scaled down, at most to the mean of the lanes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "training/word2vec_touched.h"
#include "training/word2vec_worker.h"

namespace fastnlp {

constexpr std::int64_t kLanes = 1 << kLaneBits;  // threads beyond that have nothing to do
constexpr std::int64_t kLanePositions = 120;
constexpr std::int64_t kRoundPositions = kLanes * kLanePositions;

// Trains rounds from `unit` on until the deadline or until `units` are done. Whole rounds only; at least one.
SliceReport train_rounds(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch,
                         std::int64_t unit, std::int64_t units, int threads,
                         std::chrono::steady_clock::time_point deadline,
                         const std::function<float(std::int64_t)>& lr_at);

}  // namespace fastnlp
