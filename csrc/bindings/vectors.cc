#include <pybind11/typing.h>

#include <optional>
#include <variant>

#include "bindings/bindings.h"
#include "support/checks.h"
#include "vectors/analogies.h"
#include "vectors/sketch.h"
#include "vectors/topk.h"
#include "vectors/word2vec_rows.h"

namespace fastnlp::bindings {

namespace {

// Exact dtype, but rows may lie apart: a padded table or a column range of one is searched where it lies.
template <class T>
using StridedOf = py::array_t<T, 0>;
using Strided = StridedOf<float>;
// float32, the bits of float16, or int8 with a scale a row.
using Stored = std::variant<Strided, StridedOf<std::uint16_t>, StridedOf<std::int8_t>>;
using Scales = std::optional<CArray<float>>;
using Words = py::typing::List<py::str>;

template <class T>
StoredRows strided_rows(StoredRows::Storage storage, const StridedOf<T>& vectors, const float* scales) {
  if (vectors.ndim() != 2) refuse("vectors", "2 dimensions", std::to_string(vectors.ndim()));
  const auto size = static_cast<py::ssize_t>(sizeof(T));
  const py::ssize_t count = vectors.shape(0), dim = vectors.shape(1);
  const bool unit = count == 0 || dim <= 1 || vectors.strides(1) == size;
  const bool apart = count <= 1 || (vectors.strides(0) >= dim * size && vectors.strides(0) % size == 0);
  if (!unit || !apart) {
    refuse(
        "vectors", "rows of adjacent numbers that do not overlap",
        "strides (" + std::to_string(vectors.strides(0)) + ", " + std::to_string(vectors.strides(1)) + ")");
  }
  const std::int64_t pitch = count <= 1 ? dim : vectors.strides(0) / size;
  return {storage, aligned("vectors", vectors.data()), scales, count, dim, pitch};
}

Rows rows_of(const Strided& vectors) {
  return strided_rows(StoredRows::Storage::kFloat32, vectors, nullptr).block(0, vectors.shape(0), nullptr);
}

StoredRows rows_of(const Stored& vectors, const Scales& scales) {
  using Storage = StoredRows::Storage;
  const auto* const whole = std::get_if<StridedOf<std::int8_t>>(&vectors);
  if ((whole != nullptr) != scales.has_value()) refuse("scales", "them with int8 alone", "others");
  if (whole != nullptr) {
    const StoredRows rows = strided_rows(Storage::kInt8, *whole, view(*scales).data());
    if (scales->size() != rows.count) refuse("scales", "one a row", std::to_string(scales->size()));
    return rows;
  }
  if (const auto* const halves = std::get_if<StridedOf<std::uint16_t>>(&vectors))
    return strided_rows(Storage::kFloat16, *halves, nullptr);
  return strided_rows(Storage::kFloat32, std::get<Strided>(vectors), nullptr);
}

// The number of queries.
std::int64_t queries_of(const CArray<float>& queries, const CArray<std::int32_t>& exclude) {
  if (queries.ndim() != 2) refuse("queries", "2 dimensions", std::to_string(queries.ndim()));
  if (exclude.ndim() != 2 || exclude.shape(0) != queries.shape(0))
    refuse("exclude", "one row per query", "others");
  return queries.shape(0);
}

using FoundArrays = std::pair<py::array_t<std::int32_t>, py::array_t<float>>;

FoundArrays arrays(Nearest&& found, std::int64_t queries, std::int64_t k) {
  const std::vector<py::ssize_t> shape{queries, k};
  return {take(std::move(found.indices)).reshape(shape), take(std::move(found.scores)).reshape(shape)};
}

using EarlierArrays = std::optional<std::pair<CArray<std::int32_t>, CArray<float>>>;

std::optional<Nearest> found_so_far(const EarlierArrays& arrays) {
  if (!arrays) return std::nullopt;
  const auto indices = view(arrays->first);
  const auto scores = view(arrays->second);
  return Nearest{{indices.begin(), indices.end()}, {scores.begin(), scores.end()}};
}

std::span<float> writable(CArray<float>& out, std::int64_t dim) {
  if (dim < 1) refuse("dim", "at least 1", std::to_string(dim));
  if (out.ndim() != 2 || out.shape(1) != dim) refuse("out", "(rows, dim) float32", "another shape");
  return {aligned("out", out.mutable_data()), static_cast<std::size_t>(out.size())};
}

std::string_view bytes_of(const py::bytes& block) {
  char* data = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(block.ptr(), &data, &size) != 0) throw py::error_already_set();
  return {data, static_cast<std::size_t>(size)};
}

// The tokens as str. A token that is not UTF-8 is refused with its place, or decoded as `errors` says.
Words decoded(const ParsedRows& rows, const std::string& errors, const char* unit, std::int64_t first,
              const char* block) {
  Words out(rows.tokens.size());
  for (std::size_t i = 0; i < rows.tokens.size(); ++i) {
    const std::string_view token = rows.tokens[i];
    PyObject* text =
        PyUnicode_DecodeUTF8(token.data(), static_cast<Py_ssize_t>(token.size()), errors.c_str());
    if (text == nullptr) {
      if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) throw py::error_already_set();
      PyErr_Clear();
      const std::int64_t place = block == nullptr ? static_cast<std::int64_t>(i) : token.data() - block;
      throw std::invalid_argument(
          std::string(unit) + " " + std::to_string(first + place) +
          ": the word is not valid UTF-8; unicode_errors='replace' or 'ignore' reads it");
    }
    out[i] = py::reinterpret_steal<py::str>(text);
  }
  return out;
}

std::vector<std::string_view> encoded(const Words& tokens) {
  std::vector<std::string_view> out;
  out.reserve(tokens.size());
  for (const py::handle token : tokens) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(token.ptr(), &size);
    if (data == nullptr) throw py::error_already_set();
    out.emplace_back(data, static_cast<std::size_t>(size));
  }
  return out;
}

using Format = std::string (*)(std::span<const std::string_view>, const float*, std::int64_t, std::int64_t,
                               std::int64_t);

py::bytes format_rows(Format format, const Words& tokens, const Strided& vectors, std::int64_t first_row) {
  const Rows rows = rows_of(vectors);
  const std::vector<std::string_view> views = encoded(tokens);
  if (rows.count != static_cast<std::int64_t>(views.size())) {
    refuse("vectors", std::to_string(views.size()) + " rows, one a token", std::to_string(rows.count));
  }
  std::string text;
  {
    py::gil_scoped_release release;  // the list keeps the strings alive, the array its memory
    text = format(views, rows.row(0), rows.dim, rows.pitch, first_row);
  }
  return py::bytes(text);
}

}  // namespace

void register_vectors(py::module_& m) {
  m.def("nearest_instruction_set", &nearest_instruction_set, "The instruction set that `nearest` runs on.");
  m.def(
      "row_norms",
      [](const Stored& vectors, const Scales& scales, int threads) {
        const StoredRows rows = rows_of(vectors, scales);
        std::vector<float> norms;
        {
          py::gil_scoped_release release;  // the argument holds the array while its memory is read
          norms = row_norms(rows, threads);
        }
        return take(std::move(norms));
      },
      py::arg("vectors").noconvert(), py::arg("scales").noconvert(), "threads"_a,
      "Euclidean length of each row.");
  m.def(
      "nearest",
      [](const Stored& vectors, const Scales& scales, const CArray<float>& inverse_norms,
         const CArray<float>& queries, std::int64_t k, const CArray<std::int32_t>& exclude, int threads,
         std::int64_t first_row, const EarlierArrays& so_far) {
        const StoredRows rows = rows_of(vectors, scales);
        const std::int64_t count = queries_of(queries, exclude);
        const std::optional<Nearest> earlier = found_so_far(so_far);
        Nearest found;
        {
          py::gil_scoped_release release;  // the arguments hold their arrays while their memory is read
          found = nearest(rows, view(inverse_norms), view(queries), count, k, view(exclude), threads,
                          first_row, earlier ? &*earlier : nullptr);
        }
        return arrays(std::move(found), count, k);
      },
      py::arg("vectors").noconvert(), py::arg("scales").noconvert(), py::arg("inverse_norms").noconvert(),
      py::arg("queries").noconvert(), "k"_a, py::arg("exclude").noconvert(), "threads"_a, "first_row"_a = 0,
      py::arg("found").noconvert() = py::none(),
      "The k rows of highest cosine with each query: indices (B, k) and scores (B, k). Of a table given in "
      "blocks, each call gets the number of its first row and what the blocks before gave.");
  m.def(
      "sketch_rows",
      [](const Stored& vectors, const Scales& scales, const CArray<float>& inverse_norms, int threads) {
        const StoredRows rows = rows_of(vectors, scales);
        Sketch sketch;
        {
          py::gil_scoped_release release;  // the arguments hold their arrays while their memory is read
          sketch = sketch_rows(rows, view(inverse_norms), threads);
        }
        const std::int64_t width = sketch_width(rows.dim);
        const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(sketch.codes.size()) / width, width};
        return std::tuple(py::array_t<std::int8_t>(take(std::move(sketch.codes)).reshape(shape)),
                          take(std::move(sketch.scales)), take(std::move(sketch.errors)));
      },
      py::arg("vectors").noconvert(), py::arg("scales").noconvert(), py::arg("inverse_norms").noconvert(),
      "threads"_a,
      "Rows as whole numbers of 8 bits, for nearest_by_sketch: codes (none for rows of int8), scales and "
      "errors.");
  m.def(
      "nearest_by_sketch",
      [](const Stored& vectors, const Scales& scales, const CArray<float>& inverse_norms,
         const CArray<std::int8_t>& codes, const CArray<float>& code_scales, const CArray<float>& errors,
         const CArray<float>& queries, std::int64_t k, const CArray<std::int32_t>& exclude, int threads) {
        const StoredRows rows = rows_of(vectors, scales);
        const std::int64_t count = queries_of(queries, exclude);
        Nearest found;
        {
          py::gil_scoped_release release;  // the arguments hold their arrays while their memory is read
          found = nearest_by_sketch(rows, view(inverse_norms), {view(codes), view(code_scales), view(errors)},
                                    view(queries), count, k, view(exclude), threads);
        }
        return arrays(std::move(found), count, k);
      },
      py::arg("vectors").noconvert(), py::arg("scales").noconvert(), py::arg("inverse_norms").noconvert(),
      py::arg("codes").noconvert(), py::arg("code_scales").noconvert(), py::arg("errors").noconvert(),
      py::arg("queries").noconvert(), "k"_a, py::arg("exclude").noconvert(), "threads"_a,
      "What `nearest` gives for a query or a few, from a sketch of the rows and the few rows that it "
      "leaves.");
  m.def(
      "answer_analogies",
      [](const Stored& vectors, const Scales& scales, const CArray<float>& inverse_norms,
         const CArray<float>& words, const CArray<std::int32_t>& word_rows, const CArray<std::int32_t>& asked,
         bool by_products, std::int64_t k, int threads, std::int64_t first_row, const EarlierArrays& so_far) {
        const StoredRows rows = rows_of(vectors, scales);
        if (asked.ndim() != 2 || asked.shape(1) != 3) refuse("asked", "shape (N, 3)", "another");
        const std::optional<Nearest> earlier = found_so_far(so_far);
        const AnalogyQuestions questions{view(words), view(word_rows), view(asked)};
        Nearest found;
        {
          py::gil_scoped_release release;  // the arguments hold their arrays while their memory is read
          found = answer_analogies(rows, view(inverse_norms), questions,
                                   by_products ? AnalogyScore::kProduct : AnalogyScore::kSum, k, threads,
                                   first_row, earlier ? &*earlier : nullptr);
        }
        return arrays(std::move(found), asked.shape(0), k);
      },
      py::arg("vectors").noconvert(), py::arg("scales").noconvert(), py::arg("inverse_norms").noconvert(),
      py::arg("words").noconvert(), py::arg("word_rows").noconvert(), py::arg("asked").noconvert(),
      "by_products"_a, "k"_a, "threads"_a, "first_row"_a = 0, py::arg("found").noconvert() = py::none(),
      "The k rows that answer each analogy best: indices (N, k) and scores (N, k), by blocks as in "
      "`nearest`.");
  m.def(
      "parse_text_rows",
      [](const py::bytes& block, bool last, std::int64_t dim, CArray<float>& out, std::int64_t first_line,
         const std::string& errors) {
        const std::string_view bytes = bytes_of(block);
        const std::span<float> rows = writable(out, dim);
        ParsedRows parsed;
        {
          py::gil_scoped_release release;  // bytes never change, and only the caller knows of `out`
          parsed = parse_text_rows(bytes, last, dim, rows, first_line);
        }
        return std::pair(parsed.consumed, decoded(parsed, errors, "line", first_line, nullptr));
      },
      "block"_a, "last"_a, "dim"_a, py::arg("out").noconvert(), "first_line"_a, "errors"_a,
      "Bytes consumed and tokens of the whole rows of word2vec text at the start of a block.");
  m.def(
      "parse_binary_rows",
      [](const py::bytes& block, bool last, std::int64_t dim, CArray<float>& out, std::int64_t first_byte,
         const std::string& errors) {
        const std::string_view bytes = bytes_of(block);
        const std::span<float> rows = writable(out, dim);
        ParsedRows parsed;
        {
          py::gil_scoped_release release;  // bytes never change, and only the caller knows of `out`
          parsed = parse_binary_rows(bytes, last, dim, rows, first_byte);
        }
        return std::pair(parsed.consumed, decoded(parsed, errors, "byte", first_byte, bytes.data()));
      },
      "block"_a, "last"_a, "dim"_a, py::arg("out").noconvert(), "first_byte"_a, "errors"_a,
      "Bytes consumed and tokens of the whole rows of word2vec binary at the start of a block.");
  m.def(
      "format_text_rows",
      [](const Words& tokens, const Strided& vectors, std::int64_t first_row) {
        return format_rows(&format_text_rows, tokens, vectors, first_row);
      },
      "tokens"_a, py::arg("vectors").noconvert(), "first_row"_a,
      "Rows as word2vec text; first_row is what refusals call the first one.");
  m.def(
      "format_binary_rows",
      [](const Words& tokens, const Strided& vectors, std::int64_t first_row) {
        return format_rows(&format_binary_rows, tokens, vectors, first_row);
      },
      "tokens"_a, py::arg("vectors").noconvert(), "first_row"_a,
      "Rows as word2vec binary; first_row is what refusals call the first one.");
}

}  // namespace fastnlp::bindings
