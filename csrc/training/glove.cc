#include "training/glove.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "sampling/batches.h"
#include "support/checks.h"
#include "support/cpu.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

GloveKernel kernel_of(const char* name) {
  const std::string wanted = word2vec_kernels(name).name;  // refuses an unknown name
#if defined(__x86_64__)
  if (wanted == "avx512") return glove_kernel_avx512();
  if (wanted == "avx2") return glove_kernel_avx2();
#endif
  return glove_kernel_baseline();
}

GloveOptions checked(const GloveOptions& o) {
  if (o.dim < 1 || o.dim > 65'536) refuse("dim", "1 to 65536", std::to_string(o.dim));
  const auto positive = [](const char* name, double value) {
    if (!std::isfinite(value) || value <= 0.0) {
      refuse(name, "a positive, finite number", std::to_string(value));
    }
  };
  positive("x_max", o.x_max);
  positive("lr", o.lr);
  positive("clip", o.clip);
  if (!std::isfinite(o.alpha) || o.alpha < 0.0)
    refuse("alpha", "a number of at least 0", std::to_string(o.alpha));
  return o;
}

void check_table(const Table& table, std::int64_t rows, std::int64_t pitch) {
  if (table.rows != rows) refuse("table", std::to_string(rows) + " rows", std::to_string(table.rows));
  if (table.pitch != 4 * pitch) {
    refuse("table", std::to_string(4 * pitch) + " columns", std::to_string(table.pitch));
  }
  if (reinterpret_cast<std::uintptr_t>(table.data) % 64 != 0) {
    refuse("table", "memory aligned to 64 bytes", "another alignment");
  }
}

}  // namespace

Glove::Glove(MatrixFiles matrix, std::int64_t header, std::int64_t vocabulary, GloveOptions options,
             const std::string& temporary, const char* simd)
    : vocabulary_(vocabulary),
      options_(checked(options)),
      kernel_(kernel_of(simd)),
      pitch_(glove_pitch(options.dim)),
      units_(std::move(matrix), header, vocabulary, options.symmetric, pitch_, options.seed, options.memory,
             temporary),
      rates_(static_cast<std::size_t>(3 * pitch_)) {
  const auto dim = static_cast<std::size_t>(options_.dim), pitch = static_cast<std::size_t>(pitch_);
  for (std::size_t d = 0; d < pitch; ++d) {
    rates_[d] = rates_[pitch + d] = d < dim ? static_cast<float>(options_.lr) : 0.0f;
    rates_[2 * pitch + d] =
        d < dim ? static_cast<float>(options_.clip * options_.lr) : std::numeric_limits<float>::infinity();
  }
  rates_[dim] = 1.0f;
  rates_[pitch + dim + 1] = 1.0f;
}

void Glove::order_units(std::int64_t epoch) {
  if (epoch < 0 || epoch > 0x7FFFFFFF) refuse("epoch", "0 to 2^31 - 1", std::to_string(epoch));
  if (ordered_ == epoch) return;
  order_ = permutation(units(), options_.seed, static_cast<std::uint32_t>(epoch));
  ordered_ = epoch;
}

void Glove::read(std::int64_t epoch, std::int64_t unit, GloveUnit& into) {
  if (unit < 0 || unit >= units())
    refuse("unit", "0 to " + std::to_string(units() - 1), std::to_string(unit));
  order_units(epoch);
  units_.read(order_[static_cast<std::size_t>(unit)], static_cast<std::uint32_t>(epoch), into);
}

SliceReport Glove::train(Table table, std::int64_t epoch, std::int64_t unit, int threads, double seconds,
                         std::optional<std::int64_t> stop) {
  check_table(table, vocabulary_, pitch_);
  if (unit < 0 || unit > units()) refuse("unit", "0 to " + std::to_string(units()), std::to_string(unit));
  const std::int64_t total = stop.value_or(units());
  if (total < unit || total > units()) {
    refuse("stop", std::to_string(unit) + " to " + std::to_string(units()), std::to_string(total));
  }
  if (threads < 1 || threads > 1024) refuse("threads", "1 to 1024", std::to_string(threads));
  order_units(epoch);
  const double deadline = steady_seconds() + seconds;
  std::atomic<std::int64_t> next{unit};
  std::mutex gate;
  SliceReport report;
  on_threads(threads, [&](int) {
    GloveUnit mine;
    const float* rates = rates_.data();
    GloveJob job{.table = table.data,
                 .pitch = pitch_,
                 .dim = options_.dim,
                 .symmetric = options_.symmetric,
                 .lr = static_cast<float>(options_.lr),
                 .clip = static_cast<float>(options_.clip * options_.lr),
                 .log_x_max = static_cast<float>(std::log(options_.x_max)),
                 .alpha = static_cast<float>(options_.alpha),
                 .word_lr = rates,
                 .context_lr = rates + pitch_,
                 .bounds = rates + 2 * pitch_,
                 .runs = nullptr,
                 .run_count = 0,
                 .columns = nullptr,
                 .counts = nullptr,
                 .records = 0,
                 .loss = 0.0};
    do {
      const std::int64_t taken = next.fetch_add(1, std::memory_order_relaxed);
      if (taken >= total) break;
      units_.read(order_[static_cast<std::size_t>(taken)], static_cast<std::uint32_t>(epoch), mine);
      job.runs = mine.runs.data();
      job.run_count = static_cast<std::int64_t>(mine.runs.size());
      job.columns = mine.columns;
      job.counts = mine.counts;
      kernel_.train(job);
    } while (steady_seconds() < deadline);
    const std::lock_guard lock(gate);
    report.kept += job.records;
    report.pairs += job.records;
    report.loss_pairs += job.records;
    report.loss += job.loss;
  });
  report.next_unit = std::min(next.load(), total);
  return report;
}

void fill_glove(Table table, std::int64_t dim, std::uint64_t seed, int threads) {
  const std::int64_t pitch = glove_pitch(dim);
  check_table(table, table.rows, pitch);
  for_each_block(table.rows, 4096, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::uint32_t side = 0; side < 2; ++side) {
        float* const vector = table.data + (4 * row + 2 * side) * pitch;
        std::fill(vector, vector + pitch, 0.0f);
        std::fill(vector + pitch, vector + 2 * pitch, 1.0f);
        PhiloxStream random(seed, Stream::kTables, side, static_cast<std::uint64_t>(row));
        const auto draw = [&] { return (unit_float(random.next()) - 0.5f) / static_cast<float>(dim); };
        for (std::int64_t d = 0; d < dim; ++d) vector[d] = draw();
        vector[dim + side] = draw();
        vector[dim + 1 - side] = 1.0f;
      }
    }
  });
}

}  // namespace fastnlp
