// The ids of units that threads finish in any order, put in order: a unit is copied to its place as soon as
// all before it are done, while its ids are still in the cache of the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "tokenizers/text_cutter.h"
#include "tokenizers/text_encoder.h"

namespace fastnlp {

class OrderedIds {
 public:
  explicit OrderedIds(std::size_t documents) : offsets_(documents + 1) {}

  // Takes the ids of a unit, whose counts say how many of them each stretch became; `output` is empty then.
  void put(TextUnit& unit, EncodedIds& output);

  // For one thread alone, whose units are in order: the ids behind those of all units before.
  EncodedIds& end() { return ids_; }
  void count(const TextUnit& unit);

  // Of the documents, in ids, once all units are there.
  std::vector<std::int64_t> take_offsets();

 private:
  struct Done {
    TextUnit unit;
    EncodedIds output;
    std::size_t first = 0;  // its place in the ids
  };
  void place(Done& done);

  std::mutex mutex_;
  std::shared_mutex moving_;  // held alone by who moves the ids to more memory
  std::size_t next_ = 0;      // the first unit that has no place yet
  std::map<std::size_t, Done> waiting_;
  std::vector<EncodedIds> unused_;
  EncodedIds ids_;
  std::vector<std::int64_t> offsets_;  // of each document the number of ids, one place behind
};

}  // namespace fastnlp
