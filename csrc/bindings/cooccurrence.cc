#include <optional>

#include "bindings/bindings.h"
#include "sampling/cooccurrence.h"
#include "sampling/record_sorter.h"
#include "support/file.h"

namespace fastnlp::bindings {
namespace {

using Ids = CArray<std::int32_t>;
using Offsets = CArray<std::int64_t>;
using Doubles = CArray<double>;
using Paths = std::array<std::string, 3>;  // of row offsets, columns and counts

MatrixFiles files(const Paths& paths) {
  return {File::change(paths[0]), File::change(paths[1]), File::change(paths[2])};
}

}  // namespace

void register_cooccurrence(py::module_& m) {
  py::class_<CooccurrenceCounter>(m, "CooccurrenceCounter",
                                  "Counts co-occurrences out of core; see csrc/sampling/cooccurrence.h.")
      .def(py::init([](const Ids& ids, const Offsets& bounds, std::int64_t vocabulary, const Ids& left_out,
                       const Paths& paths, std::int64_t header, const std::string& temporary, int window,
                       bool symmetric, bool by_distance, std::int64_t memory, int threads) {
             // Safe: the arguments hold the arrays, and nobody knows the counter yet.
             const py::gil_scoped_release unlocked;
             return std::make_unique<CooccurrenceCounter>(view(ids), view(bounds), vocabulary, view(left_out),
                                                          CooccurrenceOptions{.window = window,
                                                                              .symmetric = symmetric,
                                                                              .by_distance = by_distance,
                                                                              .memory = memory,
                                                                              .threads = threads},
                                                          files(paths), header, temporary);
           }),
           py::arg("ids").noconvert(), py::arg("bounds").noconvert(), "vocabulary"_a,
           py::arg("left_out").noconvert(), py::kw_only(), "paths"_a, "header"_a, "temporary"_a, "window"_a,
           "symmetric"_a, "by_distance"_a, "memory"_a, "threads"_a, py::keep_alive<1, 2>(),
           py::keep_alive<1, 3>())
      // Safe: the counter keeps its arrays alive; a counter is used by one Python thread at a time.
      .def("step", &CooccurrenceCounter::step, "seconds"_a, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("entries", &CooccurrenceCounter::entries)
      .def_property_readonly("chunks", &CooccurrenceCounter::chunks);

  py::class_<RecordSorter>(m, "RecordSorter",
                           "Sorts co-occurrence records out of core; see csrc/sampling/record_sorter.h.")
      .def(py::init([](std::int64_t vocabulary, std::int64_t memory, const Paths& paths, std::int64_t header,
                       const std::string& temporary) {
             return std::make_unique<RecordSorter>(vocabulary, memory, files(paths), header, temporary);
           }),
           "vocabulary"_a, py::kw_only(), "memory"_a, "paths"_a, "header"_a, "temporary"_a)
      .def(
          "add",
          [](RecordSorter& sorter, const Ids& rows, const Ids& columns, const Doubles& values) {
            const std::span<const std::int32_t> r = view(rows), c = view(columns);
            const std::span<const double> v = view(values);
            const py::gil_scoped_release unlocked;  // safe: the arguments hold the arrays
            sorter.add(r, c, v);
          },
          py::arg("rows").noconvert(), py::arg("columns").noconvert(), py::arg("values").noconvert())
      // Safe: a sorter is used by one Python thread at a time.
      .def("finish", &RecordSorter::finish, "seconds"_a, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("entries", &RecordSorter::entries);
}

}  // namespace fastnlp::bindings
