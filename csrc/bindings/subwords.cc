#include <tuple>

#include "bindings/bindings.h"
#include "sampling/subwords.h"
#include "support/checks.h"

namespace fastnlp::bindings {
namespace {

PackedWords packed(const py::bytes& data, const CArray<std::int64_t>& offsets) {
  return {std::string_view(data), view(offsets)};
}

template <class T>
py::array_t<T> take(Buffer<T>&& values) {
  auto* owned = new Buffer<T>(std::move(values));
  py::capsule free(owned, [](void* p) { delete static_cast<Buffer<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), free);
}
using bindings::take;

}  // namespace

void register_subwords(py::module_& m) {
  m.def(
      "fasttext_hash", [](const py::bytes& text) { return fasttext_hash(std::string_view(text)); }, "text"_a,
      "FNV-1a over signed bytes, 32 bits.");
  m.def(
      "hashed_ngrams",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets, int min_n, int max_n,
         std::int64_t buckets, int threads) {
        const PackedWords words = packed(data, offsets);
        Subwords out;
        {
          const py::gil_scoped_release release;  // the arguments hold the words, nobody knows `out` yet
          out = hashed_ngrams(words, {min_n, max_n}, buckets, threads);
        }
        return py::make_tuple(take(std::move(out.ids)), take(std::move(out.offsets)));
      },
      "data"_a, py::arg("offsets").noconvert(), "min_n"_a, "max_n"_a, "buckets"_a, "threads"_a,
      "Buckets of each word's n-grams: ids and (V + 1,) offsets.");
  m.def(
      "ngram_vocabulary",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets, int min_n, int max_n) {
        const PackedWords words = packed(data, offsets);
        NgramVocabulary out;
        {
          const py::gil_scoped_release release;  // the arguments hold the words, nobody knows `out` yet
          out = ngram_vocabulary(words, {min_n, max_n});
        }
        return py::make_tuple(py::bytes(out.data), take(std::move(out.offsets)), take(std::move(out.ids)),
                              take(std::move(out.word_offsets)));
      },
      "data"_a, py::arg("offsets").noconvert(), "min_n"_a, "max_n"_a,
      "All different n-grams (UTF-8 and offsets), and each word's n-grams (ids and offsets).");
}

}  // namespace fastnlp::bindings
