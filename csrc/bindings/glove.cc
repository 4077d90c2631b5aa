#include "training/glove.h"

#include <array>
#include <memory>
#include <optional>
#include <tuple>

#include "bindings/bindings.h"

namespace fastnlp::bindings {
namespace {

using FloatTable = py::array_t<float, py::array::c_style>;
using Paths = std::array<std::string, 3>;  // of row offsets, columns and counts

Table table(FloatTable& array) {
  if (array.ndim() != 2) refuse("table", "(V, 4 * pitch)", std::to_string(array.ndim()) + " dimensions");
  return {aligned("table", array.mutable_data()), array.shape(0), array.shape(1)};
}

}  // namespace

void register_glove(py::module_& m) {
  py::class_<Glove>(m, "Glove", "GloVe on the CPU; see csrc/training/glove.h.")
      .def(py::init([](const Paths& paths, std::int64_t header, std::int64_t vocabulary, std::int64_t dim,
                       bool symmetric, double x_max, double alpha, double lr, double clip, std::uint64_t seed,
                       std::int64_t memory, const std::string& temporary, const std::string& simd) {
             return std::make_unique<Glove>(
                 MatrixFiles{File::open(paths[0]), File::open(paths[1]), File::open(paths[2])}, header,
                 vocabulary,
                 GloveOptions{.dim = dim,
                              .symmetric = symmetric,
                              .x_max = x_max,
                              .alpha = alpha,
                              .lr = lr,
                              .clip = clip,
                              .seed = seed,
                              .memory = memory},
                 temporary, simd.empty() ? nullptr : simd.c_str());
           }),
           "paths"_a, "header"_a, "vocabulary"_a, py::kw_only(), "dim"_a, "symmetric"_a, "x_max"_a, "alpha"_a,
           "lr"_a, "clip"_a, "seed"_a, "memory"_a, "temporary"_a, "simd"_a = "")
      // Safe: a model is used by one Python thread at a time, and holds nothing of Python.
      .def("prepare", &Glove::prepare, "seconds"_a, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("units", &Glove::units)
      .def_property_readonly("records", &Glove::records)
      .def(
          "train",
          [](Glove& model, FloatTable& parameters, std::int64_t epoch, std::int64_t unit, int threads,
             double seconds, std::optional<std::int64_t> stop) {
            const Table trained = table(parameters);
            const py::gil_scoped_release unlocked;  // safe: the caller's reference keeps the table alive
            return model.train(trained, epoch, unit, threads, seconds, stop);
          },
          "table"_a.noconvert(), "epoch"_a, "unit"_a, "threads"_a, "seconds"_a, "stop"_a = py::none())
      .def(
          "read",
          [](Glove& model, std::int64_t epoch, std::int64_t unit) {
            GloveUnit read;
            std::vector<std::int32_t> rows, firsts, sizes, columns;
            std::vector<float> counts;
            {
              const py::gil_scoped_release unlocked;  // safe: nothing of Python is touched
              model.read(epoch, unit, read);
              std::int64_t entries = 0;
              for (const GloveRun& run : read.runs) {
                rows.push_back(run.row);
                firsts.push_back(static_cast<std::int32_t>(run.first));
                sizes.push_back(run.size);
                entries += run.size;
              }
              columns.assign(read.columns, read.columns + entries);
              counts.assign(read.counts, read.counts + entries);
            }
            return std::make_tuple(take(std::move(rows)), take(std::move(firsts)), take(std::move(sizes)),
                                   take(std::move(columns)), take(std::move(counts)));
          },
          "epoch"_a, "unit"_a,
          "A unit: of its runs in the order of training the row, the first entry and how many there are; of "
          "its entries the columns and counts.");
  m.def("glove_pitch", &glove_pitch, "dim"_a, "Floats of a row of GloVe's table, for vectors of D.");
  m.def(
      "fill_glove",
      [](FloatTable& array, std::int64_t dim, std::uint64_t seed, int threads) {
        const Table filled = table(array);
        const py::gil_scoped_release unlocked;  // safe: the caller's reference keeps the table alive
        fill_glove(filled, dim, seed, threads);
      },
      "table"_a.noconvert(), "dim"_a, "seed"_a, "threads"_a,
      "Writes the parameters that training begins with.");
}

}  // namespace fastnlp::bindings
