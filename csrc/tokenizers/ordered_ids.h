// The ids of units that threads finish in any order, put in order: a thread copies what it has made to its
// place as soon as all before it are done, while the ids are still in the caches of its processor.
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
  // The ids of one thread that have no place yet, and memory for the next ones.
  class Outbox {
   private:
    friend class OrderedIds;
    struct Done {
      std::size_t number;  // of the unit
      EncodedIds output;
      std::size_t first;  // their place
    };
    std::vector<Done> waiting_, placed_;
    std::vector<EncodedIds> unused_;
  };

  explicit OrderedIds(std::size_t documents) : offsets_(documents + 1) {}

  // Takes the ids of a unit, whose counts say how many of them each stretch became; `output` is empty then.
  void put(const TextUnit& unit, EncodedIds& output, Outbox& outbox);
  // Once all units are there, on one thread: puts what still waits in its place.
  void empty(Outbox& outbox);

  // For one thread alone, whose units are in order: the ids behind those of all units before.
  EncodedIds& end() { return ids_; }
  void count(const TextUnit& unit);

  // Of the documents, in ids, once all units are there.
  std::vector<std::int64_t> take_offsets();

 private:
  struct Place {
    std::size_t first, count;
  };
  void find_places();
  void take_placed(Outbox& outbox);
  void copy_placed(Outbox& outbox);

  std::mutex mutex_;
  std::shared_mutex moving_;             // held alone by who moves the ids to more memory
  std::size_t next_ = 0;                 // the first unit that has no place yet
  std::map<std::size_t, Place> places_;  // of units that have none, or have not been copied to it
  bool spans_ = false;                   // whether ids come with spans
  EncodedIds ids_;
  std::vector<std::int64_t> offsets_;  // of each document the number of ids, one place behind
};

}  // namespace fastnlp
