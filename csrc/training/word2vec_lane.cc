#include "training/word2vec_lane.h"

namespace fastnlp {
namespace {

constexpr std::size_t kListsAhead = 4;  // words whose lists are fetched before they are needed

}  // namespace

Word2VecLane::Word2VecLane(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch)
    : plan_(plan), input_(input), output_(output), worker_(plan, input, output, epoch) {}

void Word2VecLane::prepare(std::int64_t begin, std::int64_t end, float lr, Numbers& numbers) {
  worker_.collect(begin, end, lr);
  words_.clear();
  numbers.words.clear();
  inputs_.clear();
  nodes_.clear();
  Word2VecJob& job = worker_.job();
  if (job.kept > 0 && plan_.noise) {
    plan_.kernels.draw(job);
    job.is_drawn = true;
  }
  for (std::int64_t i = 0; i < job.kept; ++i) job.word[i] = words_.number(numbers.words, job.word[i], 1);
  const std::size_t distinct = words_.rows().size();
  if (plan_.parts.offsets.empty()) {
    inputs_.take(words_, distinct);
  } else {
    number(plan_.parts.parts, plan_.parts.offsets, distinct, 0, numbers.rows, inputs_, parts_);
    job.parts = parts_.entries.data();
    job.part_offsets = parts_.offsets.data();
  }
  if (plan_.noise) {
    for (std::int64_t c = 0; c < job.kept; ++c) {
      if (c & static_cast<std::int64_t>(job.set_size - 1) * job.set_step) continue;  // not the first of a set
      std::int32_t* row = job.drawn + c * job.negatives;
      for (int k = 0; k < job.negatives; ++k) row[k] = words_.number(numbers.words, row[k], job.set_size);
    }
  } else {
    number(plan_.tree.path, plan_.tree.offsets, distinct, 1, numbers.rows, nodes_, paths_);
    job.path = paths_.entries.data();
    job.path_offsets = paths_.offsets.data();
  }
  inputs().place_in(input_);
  outputs().place_in(output_);
}

void Word2VecLane::number(std::span<const std::int32_t> entries, std::span<const std::int64_t> offsets,
                          std::size_t words, int shift, IdNumbers& numbers, TouchedRows& rows,
                          Lists& numbered) {
  numbers.clear();
  numbered.offsets.assign(1, 0);
  std::size_t size = 0;
  const auto begin_of = [&](std::size_t word) { return offsets.data() + words_.rows()[word].id; };
  for (std::size_t word = 0; word < words; ++word) {
    if (word + 2 * kListsAhead < words) __builtin_prefetch(begin_of(word + 2 * kListsAhead));
    if (word + kListsAhead < words) {
      const std::int32_t* later = entries.data() + *begin_of(word + kListsAhead);
      __builtin_prefetch(later);
      __builtin_prefetch(later + 15);
    }
    const auto [id, uses] = words_.rows()[word];
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(id)]);
    const auto end = static_cast<std::size_t>(offsets[static_cast<std::size_t>(id) + 1]);
    if (numbered.entries.size() < size + (end - begin)) numbered.entries.resize(2 * (size + end - begin));
    for (const std::int32_t entry : entries.subspan(begin, end - begin)) {
      const std::int32_t row = rows.number(numbers, entry >> shift, uses);
      numbered.entries[size++] = (row << shift) | (entry & ((1 << shift) - 1));
    }
    numbered.offsets.push_back(static_cast<std::int64_t>(size));
  }
}

void Word2VecLane::train(const Word2VecWorker& scratch) {
  inputs().copy_shared(input_);
  outputs().copy_shared(output_);
  worker_.job().input_places = inputs().places();
  worker_.job().output_places = outputs().places();
  worker_.share_scratch(scratch);
  worker_.train();
}

}  // namespace fastnlp
