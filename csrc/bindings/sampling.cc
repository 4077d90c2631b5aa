#include <algorithm>
#include <optional>
#include <tuple>

#include "bindings/bindings.h"
#include "sampling/alias.h"
#include "sampling/batches.h"
#include "sampling/huffman.h"
#include "sampling/negatives.h"
#include "sampling/subsample.h"
#include "sampling/windows.h"
#include "support/checks.h"

namespace fastnlp::bindings {
namespace {

using Ids = CArray<std::int32_t>;
using Offsets = CArray<std::int64_t>;
using Doubles = CArray<double>;

// A NumPy array that owns the buffer's memory.
template <class T>
py::array_t<T> take(Buffer<T>&& values) {
  auto* owned = new Buffer<T>(std::move(values));
  py::capsule free(owned, [](void* p) { delete static_cast<Buffer<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), free);
}

template <class T>
std::span<const T> view(const std::optional<CArray<T>>& array) {
  return array ? bindings::view(*array) : std::span<const T>{};
}
using bindings::view;

SubsampleRule subsample_rule(const std::string& name) {
  if (name == "book") return SubsampleRule::kBook;
  if (name == "word2vec") return SubsampleRule::kWord2vec;
  refuse("rule", "\"book\" or \"word2vec\"", "\"" + name + "\"");
}

py::array_t<std::int32_t> alias_draw(const AliasTable& table, std::int64_t n, std::uint64_t seed,
                                     std::uint64_t position, std::uint32_t epoch) {
  constexpr std::int64_t kMost = std::int64_t{1} << 25;
  if (n < 0 || n > kMost) {
    refuse("n", "0 to 2^25 draws (a stream holds no more; take another position)", std::to_string(n));
  }
  Buffer<std::int32_t> out(static_cast<std::size_t>(n));
  {
    const py::gil_scoped_release release;  // the table is immutable, `out` is not yet known to Python
    PhiloxStream words(seed, Stream::kNegatives, epoch, position);
    for (std::int32_t& id : out) {
      const std::uint32_t column = words.next();
      id = table.draw(column, words.next());
    }
  }
  return take(std::move(out));
}

using Batch = std::tuple<py::array, py::array, py::array, py::array>;

template <class Id, class Flag>
Batch padded(const Examples& examples, std::span<const std::int64_t> rows) {
  const std::int64_t width = padded_width(examples, rows);
  const auto batch = static_cast<py::ssize_t>(rows.size());
  py::array_t<Id> centers({batch, py::ssize_t{1}}), words({batch, py::ssize_t{width}});
  py::array_t<Flag> masks({batch, py::ssize_t{width}}), labels({batch, py::ssize_t{width}});
  {
    // The inputs are held by the caller's arguments; the outputs are not yet known to Python.
    const py::gil_scoped_release release;
    fill_padded(examples, rows, width, centers.mutable_data(), words.mutable_data(), masks.mutable_data(),
                labels.mutable_data());
  }
  return {std::move(centers), std::move(words), std::move(masks), std::move(labels)};
}

Batch padded_batch(const Ids& centers, const Ids& contexts, const Offsets& context_offsets,
                   const Ids& negatives, const std::optional<Offsets>& negative_offsets, const Offsets& rows,
                   const std::string& dtype, const std::string& mask_dtype) {
  Examples e{.centers = view(centers),
             .contexts = view(contexts),
             .context_offsets = view(context_offsets),
             .negatives = view(negatives),
             .negative_offsets = view(negative_offsets)};
  if (!e.contexts.empty()) e.k = static_cast<std::int64_t>(e.negatives.size() / e.contexts.size());
  const std::span<const std::int64_t> r = view(rows);
  const auto flags = [&]<class Id>(Id) {
    if (mask_dtype == "bool") return padded<Id, bool>(e, r);
    if (mask_dtype == "int32") return padded<Id, std::int32_t>(e, r);
    if (mask_dtype == "int64") return padded<Id, std::int64_t>(e, r);
    if (mask_dtype == "float32") return padded<Id, float>(e, r);
    refuse("mask_dtype", "bool, int32, int64 or float32", mask_dtype);
  };
  if (dtype == "int32") return flags(std::int32_t{});
  if (dtype == "int64") return flags(std::int64_t{});
  refuse("dtype", "int32 or int64", dtype);
}

}  // namespace

// Functions over whole corpora release the GIL: their inputs are held by the caller's arguments, their
// outputs are not known to Python before they return.
void register_sampling(py::module_& m) {
  m.def(
      "keep_probabilities",
      [](const Offsets& counts, double t, const std::string& rule) {
        return bindings::take(keep_probabilities(view(counts), t, subsample_rule(rule)));
      },
      py::arg("counts").noconvert(), "t"_a, "rule"_a);

  m.def(
      "subsample",
      [](const Ids& ids, const Offsets& sentence_offsets, const Doubles& keep, std::uint64_t seed,
         std::uint32_t epoch, int threads) {
        std::optional<Subsample> out;
        {
          const py::gil_scoped_release release;
          out = subsample(view(ids), view(sentence_offsets), view(keep), seed, epoch, threads);
        }
        return py::make_tuple(take(std::move(out->ids)), take(std::move(out->sentence_offsets)),
                              take(std::move(out->positions)));
      },
      py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(), py::arg("keep").noconvert(),
      "seed"_a, "epoch"_a, "threads"_a);

  m.def(
      "windows",
      [](const Ids& ids, const Offsets& sentence_offsets, const std::optional<Offsets>& positions,
         std::int32_t window, bool shrink, bool keep_lone, std::uint64_t seed, std::uint32_t epoch,
         int threads) {
        std::optional<Windows> out;
        {
          const py::gil_scoped_release release;
          out = windows(view(ids), view(sentence_offsets), view(positions),
                        {.window = window, .shrink = shrink, .keep_lone = keep_lone}, seed, epoch, threads);
        }
        return py::make_tuple(take(std::move(out->centers)), take(std::move(out->contexts)),
                              take(std::move(out->context_offsets)), take(std::move(out->positions)));
      },
      py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(), py::arg("positions").noconvert(),
      "window"_a, "shrink"_a, "keep_lone"_a, "seed"_a, "epoch"_a, "threads"_a);

  py::class_<AliasTable>(m, "AliasTable")
      .def(py::init([](const Doubles& weights) { return AliasTable(view(weights)); }),
           py::arg("weights").noconvert())
      .def("draw", &alias_draw, "n"_a, "seed"_a, "position"_a, "epoch"_a)
      .def("probabilities", [](const AliasTable& table) { return bindings::take(table.probabilities()); })
      .def_property_readonly("thresholds",
                             [](const AliasTable& table) { return bindings::take(table.thresholds()); })
      .def_property_readonly("aliases",
                             [](const AliasTable& table) { return bindings::take(table.aliases()); })
      .def_property_readonly("support", &AliasTable::support)
      .def("__len__", &AliasTable::size);

  m.def(
      "negatives",
      [](const Ids& contexts, const Offsets& context_offsets, const Offsets& positions,
         const std::optional<Ids>& exclude_centers, const AliasTable& table, std::int64_t k,
         std::uint64_t seed, std::uint32_t epoch, int threads) {
        Buffer<std::int32_t> out;
        {
          const py::gil_scoped_release release;  // the table is immutable
          out = negatives(view(contexts), view(context_offsets), view(positions), view(exclude_centers),
                          table, k, seed, epoch, threads);
        }
        return take(std::move(out));
      },
      py::arg("contexts").noconvert(), py::arg("context_offsets").noconvert(),
      py::arg("positions").noconvert(), py::arg("exclude_centers").noconvert(), "table"_a, "k"_a, "seed"_a,
      "epoch"_a, "threads"_a);

  m.def("padded_batch", &padded_batch, py::arg("centers").noconvert(), py::arg("contexts").noconvert(),
        py::arg("context_offsets").noconvert(), py::arg("negatives").noconvert(),
        py::arg("negative_offsets").noconvert(), py::arg("rows").noconvert(), "dtype"_a, "mask_dtype"_a);

  m.def(
      "permutation",
      [](std::int64_t n, std::uint64_t seed, std::uint32_t epoch) {
        Buffer<std::int64_t> out;
        {
          const py::gil_scoped_release release;
          out = permutation(n, seed, epoch);
        }
        return take(std::move(out));
      },
      "n"_a, "seed"_a, "epoch"_a);
  m.def(
      "huffman_links",
      [](const CArray<std::int64_t>& counts) {
        Buffer<std::int32_t> links;
        {
          py::gil_scoped_release unlocked;  // safe: the caller's reference keeps the counts alive
          links = huffman_links(view(counts));
        }
        return take(std::move(links));
      },
      "counts"_a.noconvert(), "The Huffman tree of V words as 2V - 1 links; see csrc/sampling/huffman.h.");
  m.def(
      "tree_paths",
      [](const CArray<std::int32_t>& links, std::int64_t vocabulary) {
        TreePaths paths;
        {
          py::gil_scoped_release unlocked;  // safe: the caller's reference keeps the links alive
          paths = tree_paths(view(links), vocabulary);
        }
        return std::pair(take(std::move(paths.path)), take(std::move(paths.offsets)));
      },
      "links"_a.noconvert(), "vocabulary"_a,
      "The way from the root to each word, 2 * node + code a step, and the (V + 1,) offsets of the words.");
}

}  // namespace fastnlp::bindings
