#include "tokenizers/encoding_job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"
#include "tokenizers/shown.h"

namespace fastnlp {
namespace {

// A unit is some milliseconds of work at worst.
constexpr std::int32_t kText = -1;
constexpr std::size_t kUnit = std::size_t{1} << 17;

}  // namespace

EncodingJob::EncodingJob(TextEncoder& encoder, EncodingRequest request,
                         std::vector<std::string_view> documents, int threads)
    : encoder_(encoder),
      request_(std::move(request)),
      documents_(std::move(documents)),
      threads_(static_cast<std::size_t>(thread_count(threads))) {
  request_.specials.resize(encoder_.special_tokens().tokens().size(), SpecialUse::kText);
  if (documents_.size() > 0xFFFFFFFF) {
    refuse("texts", "fewer than 2^32", std::to_string(documents_.size()));
  }
  for (const std::string_view document : documents_) bytes_ += document.size();
  threads_ = std::max<std::size_t>(1, std::min(threads_, bytes_ / (kUnit / 2)));
  for (std::size_t t = 0; t < threads_; ++t) workers_.push_back(encoder_.lend());
  outputs_.resize(threads_);
}

EncodingJob::~EncodingJob() {
  for (auto& worker : workers_) encoder_.give_back(std::move(worker));
}

void EncodingJob::add(const Stretch& stretch) {
  if (units_.empty() || unit_bytes_ >= kUnit || stretches_.size() - units_.back().begin >= kUnit / 16) {
    units_.push_back({stretches_.size(), stretches_.size()});
    unit_bytes_ = 0;
  }
  stretches_.push_back(stretch);
  ++units_.back().end;
  unit_bytes_ += static_cast<std::size_t>(stretch.end - stretch.begin);
}

void EncodingJob::add_text(std::uint32_t document, const char* begin, const char* end) {
  while (begin < end) {
    const char* stop = end;
    if (static_cast<std::size_t>(end - begin) > kUnit + kUnit / 2) stop = encoder_.cut(begin + kUnit, end);
    add({begin, stop, end, kText, document});
    begin = stop;
  }
}

void EncodingJob::cut(std::size_t number) {
  const std::string_view document = documents_[number];
  const auto index = static_cast<std::uint32_t>(number);
  const SpecialTokens& specials = encoder_.special_tokens();
  const char* p = document.data();
  const char* const end = p + document.size();
  const bool any = std::any_of(request_.specials.begin(), request_.specials.end(),
                               [](SpecialUse use) { return use != SpecialUse::kText; });
  while (any) {
    const SpecialTokens::Found found = specials.find(p, end, request_.specials);
    if (found.token == specials.tokens().size()) break;
    const SpecialToken& token = specials.tokens()[found.token];
    if (request_.specials[found.token] == SpecialUse::kRefused) {
      refuse("text", "no special token",
             shown(token.text) + " at byte " + std::to_string(found.begin - document.data()) +
                 (documents_.size() > 1 ? " of text " + std::to_string(number) : ""));
    }
    add_text(index, p, found.begin);
    add({found.begin, found.end, found.end, token.id, index});
    p = found.end;
  }
  add_text(index, p, end);
}

bool EncodingJob::step(double seconds, const std::function<bool()>& stopped) {
  // Documents are cut as they are needed, so that a step is short from the first on.
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  do {
    for (std::size_t i = 0; i < 64 && prepared_ < documents_.size(); ++i) cut(prepared_++);
  } while (prepared_ < documents_.size() && spent() < seconds / 2);
  counts_.resize(stretches_.size());
  if (next_ < units_.size()) {
    std::atomic<std::size_t> next{next_};
    // The last unit may still grow.
    const std::size_t ready = units_.size() - (prepared_ < documents_.size() ? 1 : 0);
    Interruption interruption(stopped, threads_ - 1);
    for (const auto& worker : workers_) worker->interruption = &interruption;
    // Every thread takes a unit before it looks at the clock: however short a step is, it gets on.
    const auto work = [&](std::size_t thread) {
      do {
        const std::size_t u = next.fetch_add(1);
        if (u >= ready) break;
        run(thread, u);
      } while (spent() < seconds);
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
    next_ = std::min(next.load(), ready);
  }
  return prepared_ == documents_.size() && next_ == units_.size();
}

void EncodingJob::run(std::size_t thread, std::size_t number) {
  Unit& unit = units_[number];
  EncodedIds& output = outputs_[thread];
  unit.thread = thread;
  unit.first = output.used;
  for (std::size_t i = unit.begin; i < unit.end; ++i) {
    const Stretch& stretch = stretches_[i];
    const std::size_t before = output.used;
    const char* document = documents_[stretch.document].data();
    if (stretch.special == kText) {
      encoder_.encode(*workers_[thread], request_, stretch, document, output);
    } else {
      *output.reserve(1) = stretch.special;
      ++output.used;
      if (request_.spans) {
        output.spans.insert(output.spans.end(), {stretch.begin - document, stretch.end - document});
      }
    }
    counts_[i] = output.used - before;
  }
}

EncodingJob::Result EncodingJob::take() {
  Result result;
  std::vector<std::size_t> starts;
  std::size_t total = 0;
  result.offsets.assign(documents_.size() + 1, 0);
  for (const Unit& unit : units_) {
    starts.push_back(total);
    for (std::size_t i = unit.begin; i < unit.end; ++i) {
      total += counts_[i];
      result.offsets[stretches_[i].document + 1] += static_cast<std::int64_t>(counts_[i]);
    }
  }
  starts.push_back(total);
  for (std::size_t i = 0; i < documents_.size(); ++i) result.offsets[i + 1] += result.offsets[i];
  if (threads_ == 1) {  // all is in order already
    result.ids = std::move(outputs_[0].ids);
    result.ids.resize(total);
    result.spans = std::move(outputs_[0].spans);
    units_.clear();  // taken
    return result;
  }
  result.ids.resize(total);
  if (request_.spans) result.spans.resize(2 * total);
  for_each_block(static_cast<std::int64_t>(units_.size()), 16, static_cast<int>(threads_),
                 [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                   for (auto u = static_cast<std::size_t>(begin); u < static_cast<std::size_t>(end); ++u) {
                     const Unit& unit = units_[u];
                     const EncodedIds& output = outputs_[unit.thread];
                     const std::size_t count = starts[u + 1] - starts[u];
                     if (count == 0) continue;
                     std::memcpy(result.ids.data() + starts[u], output.ids.data() + unit.first, count * 4);
                     if (!request_.spans) continue;
                     std::memcpy(result.spans.data() + 2 * starts[u], output.spans.data() + 2 * unit.first,
                                 count * 16);
                   }
                 });
  return result;
}

}  // namespace fastnlp
