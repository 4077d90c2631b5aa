#include <tuple>

#include "bindings/bindings.h"
#include "sampling/subwords.h"
#include "support/checks.h"
#include "vectors/fasttext_words.h"
#include "vectors/subword_vectors.h"

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

using Bytes = py::array_t<std::uint8_t>;

// (N, 4 D) bytes as N rows of D floats; rows may lie apart and anywhere.
FloatRows float_rows(const char* name, const Bytes& array, std::int64_t dim) {
  if (array.ndim() != 2 || array.shape(1) != 4 * dim || (array.size() > 0 && array.strides(1) != 1)) {
    refuse(name, "rows of " + std::to_string(4 * dim) + " bytes beside each other", "another layout");
  }
  return {reinterpret_cast<const std::byte*>(array.data()), array.shape(0), array.strides(0)};
}

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
  m.def(
      "compose_vectors",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets, const CArray<std::int64_t>& rows,
         const Bytes& words, const Bytes& ngrams, const CArray<std::int32_t>& row_bucket,
         std::int64_t buckets, int min_n, int max_n, bool mean, CArray<float>& out, int threads) {
        if (out.ndim() != 2 || out.shape(0) != rows.size())
          refuse("out", "one row per word", "another shape");
        const std::int64_t dim = out.shape(1);
        const SubwordTable table{.words = float_rows("words", words, dim),
                                 .ngrams = float_rows("ngrams", ngrams, dim),
                                 .row_bucket = view(row_bucket),
                                 .buckets = buckets,
                                 .rule = {min_n, max_n},
                                 .mean = mean};
        const PackedWords named = packed(data, offsets);
        float* const to = aligned("out", out.mutable_data());
        const std::span<const std::int64_t> own = view(rows);
        const py::gil_scoped_release release;  // the arguments hold all arrays; only the caller knows `out`
        compose_vectors(table, named, own, dim, to, threads);
      },
      "data"_a, py::arg("offsets").noconvert(), py::arg("rows").noconvert(), py::arg("words").noconvert(),
      py::arg("ngrams").noconvert(), py::arg("row_bucket").noconvert(), "buckets"_a, "min_n"_a, "max_n"_a,
      "mean"_a, py::arg("out").noconvert(), "threads"_a,
      "Means or sums of the rows of words (-1 for none of their own) and of their n-grams.");
  m.def(
      "parse_fasttext_words",
      [](const CArray<std::uint8_t>& bytes, std::int64_t entries, std::int64_t place) {
        const std::string_view view(reinterpret_cast<const char*>(bytes.data()),
                                    static_cast<std::size_t>(bytes.size()));
        FastTextWords out;
        {
          const py::gil_scoped_release release;  // the argument holds the bytes
          out = parse_fasttext_words(view, entries, place);
        }
        return py::make_tuple(py::bytes(out.data), take(std::move(out.offsets)), take(std::move(out.counts)),
                              out.labels, out.consumed);
      },
      py::arg("bytes").noconvert(), "entries"_a, "place"_a,
      "Words of a fastText model: their bytes, offsets and counts, the number of labels, bytes read.");
  m.def(
      "format_fasttext_words",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets, const CArray<std::int64_t>& counts) {
        const PackedWords words = packed(data, offsets);
        std::string out;
        {
          const py::gil_scoped_release release;  // the arguments hold the words
          out = format_fasttext_words(words, view(counts));
        }
        return py::bytes(out);
      },
      "data"_a, py::arg("offsets").noconvert(), py::arg("counts").noconvert(),
      "Words and counts as they stand in a fastText model.");
}

}  // namespace fastnlp::bindings
