#include <fcntl.h>
#include <unistd.h>
#include <filesystem>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "sampling/cooccurrence.h"
#include "sampling/record_sorter.h"
#include "training/glove.h"

using namespace fastnlp;

namespace {

constexpr std::int64_t kWords = 60, kDim = 20;

struct alignas(64) Row {
  float values[4 * glove_pitch(kDim)];
};

// Three files that go with it.
struct Files {
  Files() {
    for (std::string& path : paths) {
      path = (std::filesystem::temp_directory_path() / "fastnlp-test-XXXXXX").string();
      ::close(::mkstemp(path.data()));
    }
  }
  Files(const Files&) = delete;
  ~Files() {
    for (const std::string& path : paths) ::unlink(path.c_str());
  }
  MatrixFiles change() const {
    return {File::change(paths[0]), File::change(paths[1]), File::change(paths[2])};
  }
  std::vector<char> content(std::size_t i) const {
    const File file = File::open(paths[i]);
    return file.read_records<char>(0, file.size());
  }
  std::string paths[3];
};

std::vector<std::int32_t> words(std::int64_t tokens) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < tokens; ++i)
    ids.push_back(static_cast<std::int32_t>(i * i * 7919 % 997 % kWords));
  return ids;
}

std::int64_t count(const Files& files, std::span<const std::int32_t> ids, std::int64_t memory, int threads,
                   double seconds = 1.0) {
  std::vector<std::int64_t> bounds{0};
  for (std::int64_t at = 0; at < static_cast<std::int64_t>(ids.size()); at += 1 + at % 50)
    bounds.push_back(at);
  bounds.push_back(static_cast<std::int64_t>(ids.size()));
  CooccurrenceCounter counter(ids, bounds, kWords, {}, {.window = 6, .memory = memory, .threads = threads},
                              files.change(), 0, "/tmp");
  double done = 0.0;
  while (done < 1.0) {
    const double before = done;
    done = counter.step(seconds);
    CHECK(done >= before);
  }
  return counter.entries();
}

Table table_of(std::vector<Row>& rows) {
  return {rows.data()->values, static_cast<std::int64_t>(rows.size()), 4 * glove_pitch(kDim)};
}

}  // namespace

TEST(counts_do_not_depend_on_memory_threads_and_slices) {
  const std::vector<std::int32_t> ids = words(20'000);
  const Files whole;
  const std::int64_t entries = count(whole, ids, 1 << 24, 1);
  CHECK(entries > 500);
  for (const int threads : {1, 4}) {
    for (const double seconds : {0.0, 1.0}) {
      const Files parts;
      CHECK(count(parts, ids, 60'000 * threads, threads, seconds) == entries);
      for (std::size_t i = 0; i < 3; ++i) CHECK(parts.content(i) == whole.content(i));
    }
  }
}

TEST(a_bad_id_is_refused_by_any_thread) {
  std::vector<std::int32_t> ids = words(20'000);
  ids[17'000] = kWords;
  const Files files;
  CHECK_THROWS(std::out_of_range, count(files, ids, 1 << 24, 3));
}

TEST(glove_trains_every_pair_and_learns) {
  const std::vector<std::int32_t> ids = words(20'000);
  const Files files;
  count(files, ids, 1 << 24, 2);
  for (const std::string& simd : word2vec_supported()) {
    for (const int threads : {1, 3}) {
      Glove model(files.change(), 0, kWords, {.dim = kDim}, "/tmp", simd.c_str());
      while (model.prepare(0.0) < 1.0) continue;
      std::vector<Row> rows(kWords);
      fill_glove(table_of(rows), kDim, 1, threads);
      double first = 0.0, last = 0.0;
      for (std::int64_t epoch = 0; epoch < 30; ++epoch) {
        std::int64_t unit = 0, pairs = 0;
        double loss = 0.0;
        while (unit < model.units()) {
          const SliceReport done = model.train(table_of(rows), epoch, unit, threads, 0.0);
          CHECK(done.next_unit > unit);
          unit = done.next_unit;
          pairs += done.pairs;
          loss += done.loss;
        }
        CHECK(pairs == model.records());
        (epoch == 0 ? first : last) = loss;
      }
      CHECK(std::isfinite(last) && last < 0.5 * first);
    }
  }
}

TEST(records_of_one_place_add_up) {
  const Files files;
  RecordSorter sorter(4, 4000, files.change(), 0, "/tmp");
  const std::vector<std::int32_t> rows{3, 0, 3, 2}, columns{1, 1, 1, 0};
  const std::vector<double> values{1.0, 0.5, 2.0, 4.0};
  for (int i = 0; i < 100; ++i) sorter.add(rows, columns, values);
  while (!sorter.finish(0.0)) continue;
  CHECK(sorter.entries() == 3);
  const File sums = File::open(files.paths[2]);
  CHECK((sums.read_records<double>(0, 3) == std::vector<double>{50.0, 400.0, 300.0}));
  const std::vector<double> wrong{-1.0};
  const std::vector<std::int32_t> one{0};
  CHECK_THROWS(std::invalid_argument, (sorter.add(one, one, wrong), 0));
}
