#include <optional>

#include "bindings/bindings.h"
#include "support/checks.h"
#include "training/tables.h"
#include "training/word2vec.h"

namespace fastnlp::bindings {
namespace {

using FloatTable = py::array_t<float, py::array::c_style>;

Table table(const char* name, FloatTable& array) {
  if (array.ndim() != 2) refuse(name, "a (V, pitch) table", std::to_string(array.ndim()) + " dimensions");
  return {aligned(name, array.mutable_data()), array.shape(0), array.shape(1)};
}

Architecture architecture_named(const std::string& name) {
  if (name == "skipgram") return Architecture::kSkipGram;
  if (name == "cbow") return Architecture::kCbow;
  refuse("architecture", "'skipgram' or 'cbow'", name);
}

Sharing sharing_named(const std::string& name) {
  if (name == "pair") return Sharing::kPair;
  if (name == "center") return Sharing::kCenter;
  if (name == "group") return Sharing::kGroup;
  if (name == "distant") return Sharing::kDistant;
  refuse("shared_by", "'pair', 'center', 'group' or 'distant'", name);
}

ContextScale context_scale_named(const std::string& name) {
  if (name == "mean") return {.mean_forward = true, .mean_backward = true};
  if (name == "word2vec") return {.mean_forward = true, .mean_backward = false};
  if (name == "sum") return {.mean_forward = false, .mean_backward = false};
  refuse("cbow_contexts", "'mean', 'word2vec' or 'sum'", name);
}

}  // namespace

void register_training(py::module_& m) {
  py::class_<SliceReport>(m, "SliceReport", "What one slice of training did.")
      .def_readonly("next_unit", &SliceReport::next_unit)
      .def_readonly("kept", &SliceReport::kept)
      .def_readonly("pairs", &SliceReport::pairs)
      .def_readonly("loss_pairs", &SliceReport::loss_pairs)
      .def_readonly("loss", &SliceReport::loss);

  py::class_<Word2Vec>(m, "Word2Vec", "word2vec on the CPU; see csrc/training/word2vec.h.")
      .def(py::init([](const CArray<std::int32_t>& ids, const CArray<std::int64_t>& sentence_offsets,
                       const CArray<double>& keep, const std::optional<CArray<double>>& noise,
                       const std::optional<CArray<std::int32_t>>& path,
                       const std::optional<CArray<std::int64_t>>& path_offsets,
                       const std::optional<CArray<std::int32_t>>& parts,
                       const std::optional<CArray<std::int64_t>>& part_offsets, std::int64_t input_rows,
                       bool mean, std::int64_t dim, int window, bool shrink, int negatives,
                       const std::string& architecture, const std::string& shared_by,
                       const std::string& cbow_contexts, bool deterministic, std::uint64_t seed, double lr,
                       double min_lr, std::int64_t epochs, const std::string& simd) {
             WordParts composed{.parts = {}, .offsets = {}, .rows = input_rows, .mean = mean};
             if (parts && part_offsets) {
               composed.parts = view(*parts);
               composed.offsets = view(*part_offsets);
             }
             WordTree tree;
             if (path && path_offsets) tree = {view(*path), view(*path_offsets)};
             const std::span<const double> weights = noise ? view(*noise) : std::span<const double>{};
             return Word2Vec(view(ids), view(sentence_offsets), view(keep), weights,
                             {.dim = dim,
                              .window = window,
                              .shrink = shrink,
                              .negatives = negatives,
                              .architecture = architecture_named(architecture),
                              .sharing = sharing_named(shared_by),
                              .context_scale = context_scale_named(cbow_contexts),
                              .deterministic = deterministic,
                              .seed = seed,
                              .lr = lr,
                              .min_lr = min_lr,
                              .epochs = epochs},
                             simd.empty() ? nullptr : simd.c_str(), composed, tree);
           }),
           "ids"_a.noconvert(), "sentence_offsets"_a.noconvert(), "keep"_a.noconvert(),
           py::arg("noise").noconvert() = py::none(), py::arg("path").noconvert() = py::none(),
           py::arg("path_offsets").noconvert() = py::none(), py::arg("parts").noconvert() = py::none(),
           py::arg("part_offsets").noconvert() = py::none(), py::kw_only(), "input_rows"_a = 0,
           "mean"_a = true, "dim"_a, "window"_a, "shrink"_a, "negatives"_a, "architecture"_a = "skipgram",
           "shared_by"_a = "center", "cbow_contexts"_a = "mean", "deterministic"_a = false, "seed"_a, "lr"_a,
           "min_lr"_a, "epochs"_a, "simd"_a = "", py::keep_alive<1, 2>(), py::keep_alive<1, 3>(),
           py::keep_alive<1, 6>(), py::keep_alive<1, 7>(), py::keep_alive<1, 8>(), py::keep_alive<1, 9>())
      .def_property_readonly("units", &Word2Vec::units)
      .def_property_readonly("unit_size", &Word2Vec::unit_size)
      .def_property_readonly("piece_size", &Word2Vec::piece_size)
      .def("lr_at", &Word2Vec::lr_at, "epoch"_a, "unit"_a)
      .def(
          "train",
          [](const Word2Vec& model, FloatTable& input, FloatTable& output, std::int64_t epoch,
             std::int64_t unit, int threads, double seconds, std::optional<std::int64_t> stop) {
            const Table in = table("input", input), out = table("output", output);
            // Safe: the caller's references keep both tables alive, and the model keeps the corpus alive.
            py::gil_scoped_release unlocked;
            return model.train(in, out, epoch, unit, threads, seconds, stop);
          },
          "input"_a.noconvert(), "output"_a.noconvert(), "epoch"_a, "unit"_a, "threads"_a, "seconds"_a,
          "stop"_a = py::none())
      .def_property_readonly("set_size", &Word2Vec::set_size, "How many centers share negatives.")
      .def_property_readonly("set_step", &Word2Vec::set_step, "How far apart those centers stand.")
      .def_property_readonly(
          "shared_by",
          [](const Word2Vec& model) {
            switch (model.sharing()) {
              case Sharing::kPair:
                return "pair";
              case Sharing::kCenter:
                return "center";
              case Sharing::kGroup:
                return "group";
              default:
                return "distant";
            }
          },
          "Who shares negatives: what was asked for, but 'center' where several are too many for "
          "the vocabulary.");
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
  m.def("simd_supported", &word2vec_supported,
        "The instruction sets that the kernels of this machine can use, the fastest first.");
}

}  // namespace fastnlp::bindings
