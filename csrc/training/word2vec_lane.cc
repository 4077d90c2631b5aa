#include "training/word2vec_lane.h"

namespace fastnlp {

Word2VecLane::Word2VecLane(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch)
    : plan_(plan), input_(input), output_(output), worker_(plan, input, output, epoch) {}

void Word2VecLane::prepare(std::int64_t begin, std::int64_t end, float lr) {
  worker_.collect(begin, end, lr);
  words_.clear();
  inputs_.clear();
  nodes_.clear();
  Word2VecJob& job = worker_.job();
  if (job.kept > 0 && plan_.noise) {
    plan_.kernels.draw(job);
    job.is_drawn = true;
  }
  for (std::int64_t i = 0; i < job.kept; ++i) job.word[i] = words_.number(job.word[i], 1);
  const std::size_t distinct = words_.rows().size();
  if (plan_.parts.offsets.empty()) {
    inputs_.take(words_, distinct);
  } else {
    number(plan_.parts.parts, plan_.parts.offsets, distinct, 0, inputs_, parts_);
    job.parts = parts_.entries.data();
    job.part_offsets = parts_.offsets.data();
  }
  if (plan_.noise) {
    for (std::int64_t c = 0; c < job.kept; ++c) {
      if (c & static_cast<std::int64_t>(job.set_size - 1) * job.set_step) continue;  // not the first of a set
      std::int32_t* row = job.drawn + c * job.negatives;
      for (int k = 0; k < job.negatives; ++k) row[k] = words_.number(row[k], job.set_size);
    }
  } else {
    number(plan_.tree.path, plan_.tree.offsets, distinct, 1, nodes_, paths_);
    job.path = paths_.entries.data();
    job.path_offsets = paths_.offsets.data();
  }
  inputs().place_in(input_);
  outputs().place_in(output_);
}

void Word2VecLane::number(std::span<const std::int32_t> entries, std::span<const std::int64_t> offsets,
                          std::size_t words, int shift, TouchedRows& rows, Lists& numbered) {
  numbered.entries.clear();
  numbered.offsets.assign(1, 0);
  for (std::size_t word = 0; word < words; ++word) {
    const auto [id, uses] = words_.rows()[word];
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(id)]);
    const auto end = static_cast<std::size_t>(offsets[static_cast<std::size_t>(id) + 1]);
    for (const std::int32_t entry : entries.subspan(begin, end - begin)) {
      const std::int32_t row = rows.number(entry >> shift, uses);
      numbered.entries.push_back((row << shift) | (entry & ((1 << shift) - 1)));
    }
    numbered.offsets.push_back(static_cast<std::int64_t>(numbered.entries.size()));
  }
}

void Word2VecLane::train(const Word2VecWorker& scratch) {
  worker_.job().input_places = inputs().places();
  worker_.job().output_places = outputs().places();
  worker_.share_scratch(scratch);
  worker_.train();
}

}  // namespace fastnlp
