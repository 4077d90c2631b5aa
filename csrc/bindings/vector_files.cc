#include <pybind11/typing.h>

#include "bindings/bindings.h"
#include "support/checks.h"
#include "vectors/compact_rows.h"
#include "vectors/word_index.h"

namespace fastnlp::bindings {

namespace {

using Words = py::typing::List<py::str>;

PackedWords packed(const CArray<std::uint8_t>& data, const CArray<std::int64_t>& offsets) {
  return {{reinterpret_cast<const char*>(data.data()), static_cast<std::size_t>(data.size())}, view(offsets)};
}

std::string_view utf8_of(const py::handle& word) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(word.ptr(), &size);
  if (data == nullptr) throw py::error_already_set();
  return {data, static_cast<std::size_t>(size)};
}

// Words and index with the arrays that they lie in.
struct IndexedArrays {
  IndexedArrays(const CArray<std::uint8_t>& given_data, const CArray<std::int64_t>& given_offsets,
                const CArray<std::uint64_t>& given_slots, std::uint64_t salt)
      : data(given_data),
        offsets(given_offsets),
        slots(given_slots),
        words(packed(data, offsets), view(slots), salt) {}

  CArray<std::uint8_t> data;
  CArray<std::int64_t> offsets;
  CArray<std::uint64_t> slots;
  IndexedWords words;
};

Words slice(const IndexedArrays& index, std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 0 || first > index.words.size() - count) {
    refuse("first", "a range of rows within " + std::to_string(index.words.size()),
           "[" + std::to_string(first) + ", " + std::to_string(first + count) + ")");
  }
  Words out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string_view word = index.words.word(first + i);
    PyObject* text = PyUnicode_DecodeUTF8(word.data(), static_cast<Py_ssize_t>(word.size()), "strict");
    if (text == nullptr) {
      if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) throw py::error_already_set();
      PyErr_Clear();
      throw std::invalid_argument("damaged words: word " + std::to_string(first + i) + " is not valid UTF-8");
    }
    out[static_cast<std::size_t>(i)] = py::reinterpret_steal<py::str>(text);
  }
  return out;
}

}  // namespace

void register_vector_files(py::module_& m) {
  m.def(
      "build_word_index",
      [](const CArray<std::uint8_t>& data, const CArray<std::int64_t>& offsets) {
        const PackedWords words = packed(data, offsets);
        WordIndex index;
        {
          py::gil_scoped_release release;  // the arguments hold the arrays while their memory is read
          index = build_word_index(words);
        }
        return std::pair(index.salt, take(std::move(index.slots)));
      },
      py::arg("data").noconvert(), py::arg("offsets").noconvert(),
      "Salt and slots of a hash table over different words.");
  py::class_<IndexedArrays>(m, "IndexedWords",
                            "Words and their hash table in arrays, checked as they are used.")
      .def(py::init<const CArray<std::uint8_t>&, const CArray<std::int64_t>&, const CArray<std::uint64_t>&,
                    std::uint64_t>(),
           py::arg("data").noconvert(), py::arg("offsets").noconvert(), py::arg("slots").noconvert(),
           "salt"_a)
      .def("__len__", [](const IndexedArrays& index) { return index.words.size(); })
      .def(
          "find",
          [](const IndexedArrays& index, const py::str& word) {
            const std::string_view bytes = utf8_of(word);
            return index.words.find(bytes);
          },
          "word"_a, "The row of a word, or -1.")
      .def("words", &slice, "first"_a, "count"_a, "The words of rows [first, first + count).");
  m.def(
      "decode_half",
      [](const CArray<std::uint16_t>& values, CArray<float>& out, int threads) {
        const std::span<const std::uint16_t> from = view(values);
        const std::span<float> to{aligned("out", out.mutable_data()), static_cast<std::size_t>(out.size())};
        py::gil_scoped_release release;  // the arguments hold the arrays; only the caller knows of `out`
        decode_half(from, to, threads);
      },
      py::arg("values").noconvert(), py::arg("out").noconvert(), "threads"_a,
      "IEEE binary16, given as uint16, to float32.");
  m.def(
      "decode_int8",
      [](const CArray<std::int8_t>& values, const CArray<float>& scales, CArray<float>& out, int threads) {
        const std::span<const std::int8_t> from = view(values);
        const std::span<const float> factors = view(scales);
        const std::span<float> to{aligned("out", out.mutable_data()), static_cast<std::size_t>(out.size())};
        py::gil_scoped_release release;  // the arguments hold the arrays; only the caller knows of `out`
        decode_int8(from, factors, to, threads);
      },
      py::arg("values").noconvert(), py::arg("scales").noconvert(), py::arg("out").noconvert(), "threads"_a,
      "Whole numbers times the scale of their row.");
  m.def(
      "encode_int8",
      [](const CArray<float>& rows, std::int64_t first_row) {
        if (rows.ndim() != 2) refuse("rows", "2 dimensions", std::to_string(rows.ndim()));
        py::array_t<std::int8_t> values(std::vector<py::ssize_t>{rows.shape(0), rows.shape(1)});
        py::array_t<float> scales(rows.shape(0));
        const std::span<const float> from = view(rows);
        const std::span<std::int8_t> to{values.mutable_data(), static_cast<std::size_t>(values.size())};
        const std::span<float> factors{scales.mutable_data(), static_cast<std::size_t>(scales.size())};
        const std::int64_t dim = rows.shape(1);
        {
          py::gil_scoped_release release;  // Python knows nothing of the results yet
          encode_int8(from, dim, first_row, to, factors);
        }
        return std::pair(values, scales);
      },
      py::arg("rows").noconvert(), "first_row"_a,
      "(N, D) whole numbers in [-127, 127] and (N,) scales whose products are nearest to rows.");
}

}  // namespace fastnlp::bindings
