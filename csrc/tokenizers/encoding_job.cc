#include "tokenizers/encoding_job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

std::size_t size_of(const std::vector<std::string_view>& documents) {
  std::size_t bytes = 0;
  for (const std::string_view document : documents) bytes += document.size();
  return bytes;
}

// With one use for each special token.
EncodingRequest with_uses(EncodingRequest request, const TextEncoder& encoder) {
  request.specials.resize(encoder.special_tokens().tokens().size(), SpecialUse::kText);
  return request;
}

}  // namespace

EncodingJob::EncodingJob(TextEncoder& encoder, EncodingRequest request,
                         std::vector<std::string_view> documents, int threads)
    : encoder_(encoder),
      request_(with_uses(std::move(request), encoder)),
      documents_(std::move(documents)),
      cutter_(encoder_, request_.specials, documents_),
      ids_(documents_.size()),
      threads_(static_cast<std::size_t>(thread_count(threads))) {
  if (documents_.size() > 0xFFFFFFFF) {
    refuse("texts", "fewer than 2^32", std::to_string(documents_.size()));
  }
  threads_ = std::max<std::size_t>(1, std::min(threads_, size_of(documents_) / (TextCutter::kBytes / 2)));
  seats_.resize(threads_);
  for (Seat& seat : seats_) seat.worker = encoder_.lend();
}

EncodingJob::~EncodingJob() {
  for (Seat& seat : seats_) encoder_.give_back(std::move(seat.worker));
}

bool EncodingJob::step(double seconds, const std::function<bool()>& stopped) {
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::atomic<bool> done{false};
  Interruption interruption(stopped, threads_ - 1);
  for (const Seat& seat : seats_) seat.worker->interruption = &interruption;
  // Every thread takes a unit before it looks at the clock: however short a step is, it gets on.
  const auto work = [&](std::size_t thread) {
    do {
      if (!run(seats_[thread])) done = true;
    } while (!done && spent() < seconds);
  };
  on_threads(static_cast<int>(threads_), [&](int t) {
    if (t == 0) {
      work(0);
      interruption.wait_for_helpers();
      return;
    }
    try {
      work(static_cast<std::size_t>(t));
    } catch (...) {
      interruption.helper_ends();
      throw;
    }
    interruption.helper_ends();
  });
  return done;
}

// Encodes the next unit; false where there is none.
bool EncodingJob::run(Seat& seat) {
  TextUnit& unit = seat.unit;
  if (!cutter_.next(unit)) return false;
  EncodedIds& output = threads_ == 1 ? ids_.end() : seat.output;
  unit.counts.resize(unit.stretches.size());
  for (std::size_t i = 0; i < unit.stretches.size(); ++i) {
    const Stretch& stretch = unit.stretches[i];
    const std::size_t before = output.used;
    const char* document = documents_[stretch.document].data();
    if (stretch.special == TextCutter::kText) {
      encoder_.encode(*seat.worker, request_, stretch, document, output);
    } else {
      *output.reserve(1) = stretch.special;
      ++output.used;
      if (request_.spans) {
        output.spans.insert(output.spans.end(), {stretch.begin - document, stretch.end - document});
      }
    }
    unit.counts[i] = output.used - before;
  }
  threads_ == 1 ? ids_.count(unit) : ids_.put(unit, output, seat.outbox);
  return true;
}

EncodingJob::Result EncodingJob::take() {
  for (Seat& seat : seats_) ids_.empty(seat.outbox);
  Result result;
  result.ids = std::move(ids_.end().ids);
  result.ids.resize(ids_.end().used);
  result.spans = std::move(ids_.end().spans);
  result.offsets = ids_.take_offsets();
  return result;
}

}  // namespace fastnlp
