#include <optional>

#include "bindings/bindings.h"
#include "support/checks.h"
#include "training/skipgram.h"
#include "training/tables.h"

namespace fastnlp::bindings {
namespace {

using FloatTable = py::array_t<float, py::array::c_style>;

Table table(const char* name, FloatTable& array) {
  if (array.ndim() != 2) refuse(name, "a (V, pitch) table", std::to_string(array.ndim()) + " dimensions");
  return {aligned(name, array.mutable_data()), array.shape(0), array.shape(1)};
}

}  // namespace

void register_training(py::module_& m) {
  py::class_<SliceReport>(m, "SliceReport", "What one slice of training did.")
      .def_readonly("next_unit", &SliceReport::next_unit)
      .def_readonly("kept", &SliceReport::kept)
      .def_readonly("pairs", &SliceReport::pairs)
      .def_readonly("loss_pairs", &SliceReport::loss_pairs)
      .def_readonly("loss", &SliceReport::loss);

  py::class_<SkipGram>(m, "SkipGram",
                       "Skip-gram with negative sampling on the CPU; see csrc/training/skipgram.h.")
      .def(py::init([](const CArray<std::int32_t>& ids, const CArray<std::int64_t>& sentence_offsets,
                       const CArray<double>& keep, const CArray<double>& noise, std::int64_t dim, int window,
                       bool shrink, int negatives, bool shared, std::uint64_t seed, double lr, double min_lr,
                       std::int64_t epochs, const std::string& simd,
                       const std::optional<CArray<std::int32_t>>& parts,
                       const std::optional<CArray<std::int64_t>>& part_offsets, std::int64_t input_rows,
                       bool mean) {
             WordParts composed{.parts = {}, .offsets = {}, .rows = input_rows, .mean = mean};
             if (parts && part_offsets) {
               composed.parts = view(*parts);
               composed.offsets = view(*part_offsets);
             }
             return SkipGram(view(ids), view(sentence_offsets), view(keep), view(noise),
                             {.dim = dim,
                              .window = window,
                              .shrink = shrink,
                              .negatives = negatives,
                              .shared = shared,
                              .seed = seed,
                              .lr = lr,
                              .min_lr = min_lr,
                              .epochs = epochs},
                             simd.empty() ? nullptr : simd.c_str(), composed);
           }),
           "ids"_a.noconvert(), "sentence_offsets"_a.noconvert(), "keep"_a.noconvert(), "noise"_a.noconvert(),
           py::kw_only(), "dim"_a, "window"_a, "shrink"_a, "negatives"_a, "shared"_a, "seed"_a, "lr"_a,
           "min_lr"_a, "epochs"_a, "simd"_a = "", py::arg("parts").noconvert() = py::none(),
           py::arg("part_offsets").noconvert() = py::none(), "input_rows"_a = 0, "mean"_a = true,
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 16>(), py::keep_alive<1, 17>())
      .def_property_readonly("units", &SkipGram::units)
      .def_property_readonly("unit_size", &SkipGram::unit_size)
      .def_property_readonly("piece_size", &SkipGram::piece_size)
      .def("lr_at", &SkipGram::lr_at, "epoch"_a, "unit"_a)
      .def(
          "train",
          [](const SkipGram& model, FloatTable& input, FloatTable& output, std::int64_t epoch,
             std::int64_t unit, int threads, double seconds) {
            const Table in = table("input", input), out = table("output", output);
            // Safe: the caller's references keep both tables alive, and the model keeps the corpus alive.
            py::gil_scoped_release unlocked;
            return model.train(in, out, epoch, unit, threads, seconds);
          },
          "input"_a.noconvert(), "output"_a.noconvert(), "epoch"_a, "unit"_a, "threads"_a, "seconds"_a);
  m.def(
      "fill_uniform",
      [](FloatTable& array, std::int64_t dim, float bound, std::uint64_t seed, int threads) {
        const Table filled = table("table", array);
        py::gil_scoped_release unlocked;  // safe: the caller's reference keeps the table alive
        fill_uniform(filled, dim, bound, seed, threads);
      },
      "table"_a.noconvert(), "dim"_a, "bound"_a, "seed"_a, "threads"_a,
      "Fills the first dim columns with numbers uniform in [-bound, bound), keyed by the row, the rest with "
      "zeros.");
  m.def("simd_supported", &skipgram_supported,
        "The instruction sets that the kernels of this machine can use, the fastest first.");
}

}  // namespace fastnlp::bindings
