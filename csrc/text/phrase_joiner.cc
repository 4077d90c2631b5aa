#include "text/phrase_joiner.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // tokens that a thread takes at a time
constexpr std::int64_t kStep = 1 << 22;   // tokens that are joined before anybody is asked again

constexpr std::uint8_t kBegins = 1, kEnds = 2;  // a phrase

std::string place(std::size_t i) { return std::string("[").append(std::to_string(i)).append("]"); }

}  // namespace

// The phrases by their words, and what each word can be in them.
struct PhraseJoiner::Table {
  struct Slot {
    std::uint64_t pair = 0;
    std::uint64_t gap = 0;
    std::int32_t token = -1;
  };
  std::vector<Slot> slots;          // at most half full
  std::vector<std::uint64_t> bits;  // a small sieve before the slots: one in eight is set at most
  std::vector<std::uint8_t> part;

  explicit Table(std::size_t phrases)
      : slots(std::bit_ceil(2 * phrases + 2)), bits(std::max<std::size_t>(1, slots.size() / 16)) {}

  // False for most of what is no phrase, without a branch.
  bool may_hold(std::uint64_t pair, std::uint64_t hash) const {
    const std::uint64_t seen = bits[bit(hash) / 64] >> bit(hash) % 64;
    const std::uint64_t fits = part[pair >> 32] & part[pair & 0xFFFFFFFFu] / kEnds & kBegins;
    return (seen & fits) != 0;
  }
  std::int32_t find(std::uint64_t pair, std::uint64_t gap) const {
    const std::uint64_t hash = mix(pair, gap, 0);
    for (std::size_t i = hash & (slots.size() - 1);; i = (i + 1) & (slots.size() - 1)) {
      const Slot& slot = slots[i];
      if (slot.token < 0 || (slot.pair == pair && slot.gap == gap)) return slot.token;
    }
  }
  void add(std::uint64_t pair, std::uint64_t gap, std::int32_t token) {
    const std::uint64_t hash = mix(pair, gap, 0);
    bits[bit(hash) / 64] |= std::uint64_t{1} << bit(hash) % 64;
    std::size_t i = hash & (slots.size() - 1);
    while (slots[i].token >= 0 && (slots[i].pair != pair || slots[i].gap != gap)) {
      i = (i + 1) & (slots.size() - 1);
    }
    if (slots[i].token < 0) slots[i] = {pair, gap, token};
  }
  std::size_t bit(std::uint64_t hash) const { return hash >> 32 & (64 * bits.size() - 1); }
};

// A stretch of the text that is joined by itself. What an `open` one ends with may be the beginning of a
// phrase that goes on behind it.
struct PhraseJoiner::Run {
  std::int64_t begin;
  std::int64_t end;
  bool open;
};

class PhraseJoiner::Counts {
 public:
  explicit Counts(std::size_t size) : counts(size), places(size, -1) {}
  void put(std::int32_t token, std::int64_t position) {
    const auto t = static_cast<std::size_t>(token);
    if (counts[t]++ == 0) places[t] = position;
  }
  void end_sentence(std::int64_t) {}

  std::vector<std::int64_t> counts, places;
};

class PhraseJoiner::Ids {
 public:
  explicit Ids(const std::vector<std::int32_t>& final_ids) : final_ids_(final_ids) {}
  void put(std::int32_t token, std::int64_t) {
    const std::int32_t id = final_ids_[static_cast<std::size_t>(token)];
    if (id >= 0) ids.push_back(id);
  }
  void end_sentence(std::int64_t sentence) { ends.emplace_back(sentence, ids.size()); }

  std::vector<std::int32_t> ids;
  std::vector<std::pair<std::int64_t, std::size_t>> ends;  // of a sentence, after so many of these ids

 private:
  const std::vector<std::int32_t>& final_ids_;
};

PhraseJoiner::PhraseJoiner(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                           std::span<const std::int64_t> document_offsets, std::int64_t vocabulary,
                           std::int64_t size, std::span<const std::int32_t> connectors, PhraseList phrases,
                           int threads)
    : ids_(ids),
      sentence_offsets_(sentence_offsets),
      document_offsets_(document_offsets),
      gaps_(static_cast<int>(connectors.size())),
      roles_(phrase_roles(vocabulary, connectors, {})),
      table_(std::make_unique<Table>(phrases.first.size())),
      threads_(threads),
      size_(size) {
  check_offsets("sentence_offsets", sentence_offsets, static_cast<std::int64_t>(ids.size()));
  check_offsets("document_offsets", document_offsets, static_cast<std::int64_t>(sentence_offsets.size()) - 1);
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  if (size < vocabulary || size > 0x7FFFFFFF) {
    refuse("size", std::to_string(vocabulary) + " to 2^31 - 1 tokens", std::to_string(size));
  }
  const std::size_t n = phrases.first.size();
  if (phrases.second.size() != n || phrases.becomes.size() != n || phrases.between_offsets.size() != n + 1) {
    refuse("phrases", "a second word, an offset and a token for each of the " + std::to_string(n),
           std::to_string(phrases.second.size()) + ", " + std::to_string(phrases.between_offsets.size()) +
               " and " + std::to_string(phrases.becomes.size()));
  }
  check_ids("first", phrases.first, vocabulary);
  check_ids("second", phrases.second, vocabulary);
  check_ids("between", phrases.between, vocabulary);
  check_ids("becomes", phrases.becomes, size);
  check_offsets("between_offsets", phrases.between_offsets,
                static_cast<std::int64_t>(phrases.between.size()));

  table_->part.resize(static_cast<std::size_t>(vocabulary));
  for (std::size_t i = 0; i < n; ++i) {
    const auto first = static_cast<std::size_t>(phrases.first[i]);
    const auto second = static_cast<std::size_t>(phrases.second[i]);
    if (roles_[first] != 0) refuse("first" + place(i), "no connector word", std::to_string(first));
    if (roles_[second] != 0) refuse("second" + place(i), "no connector word", std::to_string(second));
    const std::int64_t from = phrases.between_offsets[i], to = phrases.between_offsets[i + 1];
    if (to - from > gaps_.longest()) {
      refuse("between" + place(i), "at most " + std::to_string(gaps_.longest()) + " connector words",
             std::to_string(to - from));
    }
    std::uint64_t gap = 0;
    for (std::int64_t k = from; k < to; ++k) {
      const Role role = roles_[static_cast<std::size_t>(phrases.between[static_cast<std::size_t>(k)])];
      if (role == 0) refuse("between" + place(i), "connector words", "another");
      gap = gaps_.extend(gap, role);
    }
    table_->part[first] |= kBegins;
    table_->part[second] |= kEnds;
    table_->add(pair_of(phrases.first[i], phrases.second[i]), gap, phrases.becomes[i]);
  }
}

PhraseJoiner::~PhraseJoiner() = default;

// The next step of the text in runs. Each begins where a sentence does or with a word that can end no phrase,
// so that nothing before it matters.
std::vector<PhraseJoiner::Run> PhraseJoiner::plan() const {
  const std::int64_t stop = std::min(static_cast<std::int64_t>(ids_.size()), next_ + kStep);
  for (std::int64_t i = next_; i < stop; ++i) {
    if (static_cast<std::uint32_t>(ids_[static_cast<std::size_t>(i)]) >= roles_.size()) {
      check_ids("ids", ids_, static_cast<std::int64_t>(roles_.size()));
    }
  }
  std::vector<Run> runs;
  std::int64_t begin = next_;
  for (std::int64_t block = next_ + kBlock; block < stop; block += kBlock) {
    for (std::int64_t i = block; i < std::min(stop, block + kBlock); ++i) {
      const auto word = static_cast<std::size_t>(ids_[static_cast<std::size_t>(i)]);
      if (roles_[word] != 0 || (table_->part[word] & kEnds) != 0) continue;
      runs.push_back({begin, i, false});
      begin = i;
      break;
    }
  }
  runs.push_back({begin, stop, true});
  return runs;
}

// Gives the tokens of a run to a sink; returns where it ended, before the end if a phrase may go on there.
template <class Sink>
std::int64_t PhraseJoiner::read(const Run& run, Sink& sink) const {
  auto sentence = std::upper_bound(sentence_offsets_.begin(), sentence_offsets_.end(), run.begin) -
                  sentence_offsets_.begin() - 1;
  for (std::int64_t at = run.begin; at < run.end; ++sentence) {
    const std::int64_t sentence_end = sentence_offsets_[static_cast<std::size_t>(sentence) + 1];
    const std::int64_t stop = std::min(run.end, sentence_end);
    if (stop <= at) continue;
    const bool open = run.open && stop < sentence_end;
    at = gaps_.longest() == 0 ? read_pairs(at, stop, open, sink) : read_gaps(at, stop, open, sink);
    if (at < stop) return at;
    if (stop == sentence_end) sink.end_sentence(sentence);
  }
  return run.end;
}

// A stretch of a sentence where no connector words are about; returns where it stopped, before the end only
// if that is open. One branch a token, which few take.
template <class Sink>
std::int64_t PhraseJoiner::read_pairs(std::int64_t begin, std::int64_t end, bool open, Sink& sink) const {
  const std::int32_t* const ids = ids_.data();
  std::int64_t i = begin;
  while (i + 1 < end) {
    const std::uint64_t pair = pair_of(ids[i], ids[i + 1]);
    if (table_->may_hold(pair, mix(pair, 0, 0))) {
      const std::int32_t token = table_->find(pair, 0);
      if (token >= 0) {
        sink.put(token, i);
        i += 2;
        continue;
      }
    }
    sink.put(ids[i], i);
    ++i;
  }
  if (i < end && !(open && (table_->part[static_cast<std::size_t>(ids[i])] & kBegins) != 0)) {
    sink.put(ids[i], i);
    ++i;
  }
  return i;
}

// The same with connector words.
template <class Sink>
std::int64_t PhraseJoiner::read_gaps(std::int64_t begin, std::int64_t end, bool open, Sink& sink) const {
  const std::int32_t* const ids = ids_.data();
  std::int64_t held = -1;  // the place of a word that may begin a phrase, all before it is given
  std::uint64_t gap = 0;
  int length = 0;
  const auto give = [&](std::int64_t stop) {
    for (std::int64_t i = held; i < stop; ++i) sink.put(ids[i], i);
    held = -1;
  };
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int32_t id = ids[i];
    const Role role = roles_[static_cast<std::size_t>(id)];
    const std::uint8_t part = table_->part[static_cast<std::size_t>(id)];
    if (held >= 0) {
      if (role != 0) {
        if (length < gaps_.longest()) {
          gap = gaps_.extend(gap, role);
          ++length;
          continue;
        }
      } else if ((part & kEnds) != 0) {
        const std::int32_t token = table_->find(pair_of(ids[held], id), gap);
        if (token >= 0) {
          sink.put(token, held);
          held = -1;
          continue;
        }
      }
      give(i);
    }
    if ((part & kBegins) != 0) {
      held = i;
      gap = 0;
      length = 0;
    } else {
      sink.put(id, i);
    }
  }
  if (held >= 0 && open) return held;
  if (held >= 0) give(end);
  return end;
}

bool PhraseJoiner::tally(double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  if (!counts_.empty()) return true;
  const auto total = static_cast<std::int64_t>(ids_.size());
  while (next_ < total && std::chrono::steady_clock::now() < deadline) {
    const std::vector<Run> runs = plan();
    const auto crew = std::min<std::int64_t>(threads_, static_cast<std::int64_t>(runs.size()));
    while (static_cast<std::int64_t>(tallies_.size()) < crew)
      tallies_.emplace_back(static_cast<std::size_t>(size_));
    // Each thread takes one stretch of the runs, in their order: places only grow for it.
    std::int64_t reached = next_;
    for_each_block(crew, 1, static_cast<int>(crew), [&](std::int64_t t, std::int64_t, std::int64_t) {
      const auto size = static_cast<std::int64_t>(runs.size());
      for (std::int64_t r = size * t / crew; r < size * (t + 1) / crew; ++r) {
        const std::int64_t end =
            read(runs[static_cast<std::size_t>(r)], tallies_[static_cast<std::size_t>(t)]);
        if (r + 1 == size) reached = end;
      }
    });
    next_ = reached;
  }
  if (next_ < total) return false;
  counts_.assign(static_cast<std::size_t>(size_), 0);
  places_.assign(static_cast<std::size_t>(size_), -1);
  for (const Counts& tally : tallies_) {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      counts_[i] += tally.counts[i];
      if (tally.places[i] >= 0 && (places_[i] < 0 || tally.places[i] < places_[i]))
        places_[i] = tally.places[i];
    }
  }
  std::vector<Counts>().swap(tallies_);
  return true;
}

void PhraseJoiner::number(std::span<const std::int32_t> final_ids, std::int64_t kept) {
  if (static_cast<std::int64_t>(final_ids.size()) != size_) {
    refuse("final_ids", std::to_string(size_) + " ids", std::to_string(final_ids.size()));
  }
  for (std::size_t i = 0; i < final_ids.size(); ++i) {
    if (final_ids[i] < -1 || final_ids[i] >= kept) {
      throw std::out_of_range("final_ids[" + std::to_string(i) + "]: expected an id in [-1, " +
                              std::to_string(kept) + "), got " + std::to_string(final_ids[i]));
    }
  }
  final_ids_.assign(final_ids.begin(), final_ids.end());
  next_ = 0;
  tokens_ = sentence_start_ = sentences_ = document_start_ = document_ = 0;
}

PhraseJoiner::Joined PhraseJoiner::join() {
  if (final_ids_.empty() && size_ > 0) throw std::logic_error("join: expected number to be called before");
  Joined out;
  const std::vector<Run> runs = plan();
  std::vector<Ids> parts(runs.size(), Ids(final_ids_));
  std::int64_t reached = next_;
  for_each_block(static_cast<std::int64_t>(runs.size()), 1, threads_,
                 [&](std::int64_t r, std::int64_t, std::int64_t) {
                   const Run& run = runs[static_cast<std::size_t>(r)];
                   Ids& part = parts[static_cast<std::size_t>(r)];
                   part.ids.reserve(static_cast<std::size_t>(run.end - run.begin));
                   const std::int64_t end = read(run, part);
                   if (run.open) reached = end;
                 });
  next_ = reached;

  const auto end_documents = [&](std::int64_t sentences) {
    for (; document_ + 1 < static_cast<std::int64_t>(document_offsets_.size()) &&
           document_offsets_[static_cast<std::size_t>(document_) + 1] <= sentences;
         ++document_) {
      if (sentences_ == document_start_) continue;
      document_start_ = sentences_;
      out.document_ends.push_back(sentences_);
    }
  };
  std::size_t total = 0;
  for (const Ids& part : parts) total += part.ids.size();
  out.ids.reserve(total);
  for (const Ids& part : parts) {
    out.ids.insert(out.ids.end(), part.ids.begin(), part.ids.end());
    for (const auto& [sentence, size] : part.ends) {
      end_documents(sentence);
      const std::int64_t end = tokens_ + static_cast<std::int64_t>(size);
      if (end == sentence_start_) continue;
      sentence_start_ = end;
      ++sentences_;
      out.sentence_ends.push_back(end);
    }
    tokens_ += static_cast<std::int64_t>(part.ids.size());
  }
  out.done = next_ == static_cast<std::int64_t>(ids_.size());
  if (out.done) end_documents(static_cast<std::int64_t>(sentence_offsets_.size()) - 1);
  return out;
}

}  // namespace fastnlp
