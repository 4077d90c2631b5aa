#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "sampling/masked_lm.h"
#include "sampling/shuffled.h"
#include "support/philox.h"

namespace fastnlp::bindings {
namespace {

using Longs = CArray<std::int64_t>;
using Batch = std::tuple<py::array, py::array, py::array, py::array, py::array, py::array, py::object>;
using UnpaddedBatch = std::tuple<py::array, py::array, py::array, py::array, py::array, py::object>;

// The core's object and the arrays that it reads.
class Builder {
 public:
  Builder(CArray<std::int32_t> tokens, Longs sentences, Longs documents, CArray<std::uint8_t> roles,
          CArray<std::int32_t> stand_ins, bool running)
      : ids(std::move(tokens)),
        sentence_offsets(std::move(sentences)),
        document_offsets(std::move(documents)),
        flags(std::move(roles)),
        drawable(std::move(stand_ins)),
        full(running) {}

  CArray<std::int32_t> ids;
  Longs sentence_offsets, document_offsets;
  CArray<std::uint8_t> flags;
  CArray<std::int32_t> drawable;
  bool full;
  std::optional<MaskedLm> core;

  // The pairs before each block of documents. Those of the last epoch are kept, since pairs are counted
  // before they are written.
  std::shared_ptr<const std::vector<std::int64_t>> counts(std::uint32_t epoch, int threads) const;

 private:
  mutable std::mutex counting_;
  mutable std::uint32_t counted_epoch_ = 0;
  mutable std::shared_ptr<const std::vector<std::int64_t>> counted_;
};

std::shared_ptr<const std::vector<std::int64_t>> Builder::counts(std::uint32_t epoch, int threads) const {
  const std::lock_guard lock(counting_);
  if (!counted_ || counted_epoch_ != epoch) {
    counted_ = std::make_shared<const std::vector<std::int64_t>>(
        count_pairs(core->bounds(), core->options().pairs, core->options().seed, epoch, threads));
    counted_epoch_ = epoch;
  }
  return counted_;
}

// An epoch's pairs travel as (N, 3) int64, so that they may lie in a file; what is in them is checked.
std::span<const Pair> as_pairs(const Longs& pairs) {
  if (pairs.ndim() != 2 || pairs.shape(1) != 3) refuse("pairs", "(N, 3) numbers", "another shape");
  aligned("pairs", pairs.data());
  return {reinterpret_cast<const Pair*>(pairs.data()), static_cast<std::size_t>(pairs.shape(0))};
}

std::unique_ptr<Builder> make(const CArray<std::int32_t>& ids, const Longs& sentence_offsets,
                              const Longs& document_offsets, const CArray<std::uint8_t>& flags,
                              const CArray<std::int32_t>& drawable, std::int64_t max_len,
                              const std::array<std::int32_t, 4>& special, bool full, bool packed,
                              bool other_document, bool drop_long, double short_fraction,
                              double random_fraction, double mask_fraction, std::int64_t most, double hidden,
                              double replaced, bool whole_words, std::uint64_t seed) {
  auto builder = std::make_unique<Builder>(ids, sentence_offsets, document_offsets, flags, drawable, full);
  const MaskedLmOptions options{.max_len = max_len,
                                .cls = special[0],
                                .sep = special[1],
                                .pad = special[3],
                                .pairs = {.room = max_len - 3,
                                          .packed = packed,
                                          .other_document = other_document,
                                          .drop_long = drop_long,
                                          .short_limit = threshold(short_fraction),
                                          .random_limit = threshold(random_fraction)},
                                .masks = {.fraction = mask_fraction,
                                          .most = most,
                                          .mask_limit = threshold(hidden),
                                          .random_limit = threshold(hidden + replaced),
                                          .mask = special[2],
                                          .whole_words = whole_words,
                                          .flags = view(builder->flags),
                                          .drawable = view(builder->drawable)},
                                .seed = seed};
  const py::gil_scoped_release release;  // the arrays are held by the builder, which Python does not know yet
  builder->core.emplace(view(builder->ids),
                        Bounds{view(builder->sentence_offsets), view(builder->document_offsets)}, options);
  return builder;
}

std::int64_t count(const Builder& builder, std::uint32_t epoch, int threads) {
  const py::gil_scoped_release release;  // what the builder keeps is behind a lock
  return builder.full ? builder.core->full_rows() : builder.counts(epoch, threads)->back();
}

void write(const Builder& builder, std::uint32_t epoch, Longs pairs, int threads) {
  const MaskedLm& core = *builder.core;
  const std::size_t rows = as_pairs(pairs).size();
  auto* out = reinterpret_cast<Pair*>(pairs.mutable_data());
  const py::gil_scoped_release release;  // the caller holds the array and looks at it afterwards
  const auto places = builder.counts(epoch, threads);
  if (static_cast<std::int64_t>(rows) != places->back()) {
    refuse("pairs", std::to_string(places->back()) + " rows", std::to_string(rows));
  }
  write_pairs(core.bounds(), core.options().pairs, core.options().seed, epoch, *places, threads, out);
}

CArray<std::int32_t> lengths(const Builder& builder, const Longs& pairs, const Longs& numbers) {
  const std::span<const Pair> all = as_pairs(pairs);
  const std::span<const std::int64_t> wanted = view(numbers);
  CArray<std::int32_t> out(static_cast<py::ssize_t>(wanted.size()));
  std::int32_t* length = out.mutable_data();
  const py::gil_scoped_release release;  // the inputs are held by the caller, the output is not yet known
  builder.core->longest(all, wanted);
  for (const std::int64_t number : wanted) {
    *length++ = static_cast<std::int32_t>(builder.core->length(all[number]));
  }
  return out;
}

// The pairs that rows are made of, none where they are running text.
std::span<const Pair> pairs_of(const Builder& builder, const std::optional<Longs>& pairs) {
  if (pairs.has_value() == builder.full) refuse("pairs", builder.full ? "None" : "an array", "the other");
  return builder.full ? std::span<const Pair>{} : as_pairs(*pairs);
}

void write_rows(const Builder& builder, std::span<const Pair> pairs, std::span<const std::int64_t> numbers,
                std::uint32_t epoch, int threads, const BertRows& rows) {
  if (builder.full) {
    builder.core->fill_full(numbers, epoch, threads, rows);
  } else {
    builder.core->fill_pairs(pairs, numbers, epoch, threads, rows);
  }
}

Batch fill(const Builder& builder, const std::optional<Longs>& pairs, const Longs& numbers,
           std::uint32_t epoch, std::int64_t multiple, int threads) {
  const MaskedLm& core = *builder.core;
  const std::span<const std::int64_t> wanted = view(numbers);
  const std::span<const Pair> all = pairs_of(builder, pairs);
  if (multiple < 1) refuse("multiple", "at least 1", std::to_string(multiple));
  const std::int64_t longest = builder.full ? core.full_length() : core.longest(all, wanted);
  const std::int64_t width = std::min((longest + multiple - 1) / multiple * multiple, core.options().max_len);
  std::vector<std::int64_t> starts(wanted.size() + 1);
  for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<std::int64_t>(i) * width;
  BertRows rows;
  rows.starts = starts.data();
  rows.predictions = predictions(core.options().masks, width);
  const auto size = static_cast<py::ssize_t>(wanted.size());
  const auto table = [&](std::int64_t columns) {
    return py::array_t<std::int32_t>({size, static_cast<py::ssize_t>(columns)});
  };
  auto tokens = table(width), segments = table(width);
  auto positions = table(rows.predictions), labels = table(rows.predictions);
  py::array_t<float> weights({size, static_cast<py::ssize_t>(rows.predictions)});
  py::array_t<std::int32_t> lengths(size), is_next(size);
  rows.tokens = tokens.mutable_data();
  rows.segments = segments.mutable_data();
  rows.lengths = lengths.mutable_data();
  rows.positions = positions.mutable_data();
  rows.weights = weights.mutable_data();
  rows.labels = labels.mutable_data();
  rows.is_next = is_next.mutable_data();
  {
    // The builder and the inputs are held by the caller; the outputs are not yet known to Python.
    const py::gil_scoped_release release;
    write_rows(builder, all, wanted, epoch, threads, rows);
  }
  return {std::move(tokens),
          std::move(segments),
          std::move(lengths),
          std::move(positions),
          std::move(weights),
          std::move(labels),
          builder.full ? py::object(py::none()) : py::object(std::move(is_next))};
}

// The numbers in the order of their rows' lengths, which are written to `starts` as they add up.
std::vector<std::int64_t> by_length(const Builder& builder, std::span<const Pair> pairs,
                                    std::span<const std::int64_t> numbers, std::int64_t* starts) {
  const auto length = [&](std::int64_t number) {
    return builder.full ? builder.core->full_length() : builder.core->length(pairs[number]);
  };
  std::vector<std::int64_t> sorted(numbers.begin(), numbers.end());
  if (!builder.full) {
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](std::int64_t a, std::int64_t b) { return length(a) < length(b); });
  }
  *starts = 0;
  for (const std::int64_t number : sorted) {
    starts[1] = *starts + length(number);
    ++starts;
  }
  return sorted;
}

UnpaddedBatch fill_unpadded(const Builder& builder, const std::optional<Longs>& pairs, const Longs& numbers,
                            std::uint32_t epoch, int threads) {
  const MaskedLm& core = *builder.core;
  const std::span<const std::int64_t> wanted = view(numbers);
  const std::span<const Pair> all = pairs_of(builder, pairs);
  const std::size_t count = wanted.size();
  const std::int64_t longest = builder.full ? core.full_length() : core.longest(all, wanted);
  Longs offsets(static_cast<py::ssize_t>(count + 1));
  std::int64_t* starts = offsets.mutable_data();
  const std::vector<std::int64_t> sorted = by_length(builder, all, wanted, starts);
  py::array_t<std::int32_t> tokens(starts[count]), segments(starts[count]);
  py::array_t<std::int32_t> is_next(static_cast<py::ssize_t>(count));
  BertRows rows;
  rows.starts = starts;
  rows.predictions = predictions(core.options().masks, longest);
  rows.tokens = tokens.mutable_data();
  rows.segments = segments.mutable_data();
  rows.is_next = is_next.mutable_data();
  const std::size_t room = count * static_cast<std::size_t>(rows.predictions);
  std::vector<std::int32_t> lengths(count), places(room), words(room);
  std::vector<float> weights(room);
  rows.lengths = lengths.data();
  rows.positions = places.data();
  rows.weights = weights.data();
  rows.labels = words.data();
  std::ptrdiff_t predicted = 0;
  {
    // The builder and the inputs are held by the caller; the outputs are not yet known to Python.
    const py::gil_scoped_release release;
    write_rows(builder, all, sorted, epoch, threads, rows);
    predicted = std::count(weights.begin(), weights.end(), 1.0f);
  }
  Longs positions(predicted);
  CArray<std::int32_t> labels(predicted);
  std::int64_t* position = positions.mutable_data();
  std::int32_t* label = labels.mutable_data();
  for (std::size_t i = 0, row = 0; row < count; ++row) {
    for (std::int64_t column = 0; column < rows.predictions; ++column, ++i) {
      if (weights[i] == 0.0f) continue;
      *position++ = starts[row] + places[i];
      *label++ = words[i];
    }
  }
  return {std::move(tokens),  std::move(segments),
          std::move(offsets), std::move(positions),
          std::move(labels),  builder.full ? py::object(py::none()) : py::object(std::move(is_next))};
}

}  // namespace

void register_masked_lm(py::module_& m) {
  py::class_<Builder>(m, "MaskedLm")
      .def(py::init(&make), py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(),
           py::arg("document_offsets").noconvert(), py::arg("flags").noconvert(),
           py::arg("drawable").noconvert(), "max_len"_a, "special"_a, py::kw_only(), "full"_a, "packed"_a,
           "other_document"_a, "drop_long"_a, "short_fraction"_a, "random_fraction"_a, "mask_fraction"_a,
           "most"_a, "hidden"_a, "replaced"_a, "whole_words"_a, "seed"_a)
      .def("count", &count, "epoch"_a, "threads"_a)
      .def("write", &write, "epoch"_a, py::arg("pairs").noconvert(), "threads"_a)
      .def("lengths", &lengths, py::arg("pairs").noconvert(), py::arg("numbers").noconvert())
      .def("fill", &fill, py::arg("pairs").noconvert().none(true), py::arg("numbers").noconvert(), "epoch"_a,
           "multiple"_a, "threads"_a)
      .def("fill_unpadded", &fill_unpadded, py::arg("pairs").noconvert().none(true),
           py::arg("numbers").noconvert(), "epoch"_a, "threads"_a);

  m.def(
      "shuffled",
      [](std::int64_t n, std::int64_t begin, std::int64_t end, std::uint64_t seed, std::uint32_t epoch,
         std::uint32_t number) {
        if (n < 1 || n > std::int64_t{1} << 62) refuse("n", "1 to 2^62", std::to_string(n));
        if (begin < 0 || end < begin || end > n) {
          refuse("begin and end", "0 <= begin <= end <= " + std::to_string(n),
                 std::to_string(begin) + " and " + std::to_string(end));
        }
        Longs out(static_cast<py::ssize_t>(end - begin));
        std::int64_t* place = out.mutable_data();
        const py::gil_scoped_release release;  // the output is not yet known to Python
        const Shuffled order(n, seed, epoch, number);
        for (std::int64_t i = begin; i < end; ++i) *place++ = order[i];
        return out;
      },
      "n"_a, "begin"_a, "end"_a, "seed"_a, "epoch"_a, "number"_a,
      "Places [begin, end) of a random order of 0..n-1; see csrc/sampling/shuffled.h.");
}

}  // namespace fastnlp::bindings
