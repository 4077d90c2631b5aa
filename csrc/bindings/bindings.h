// Shared by the binding files, the only ones that see pybind11.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/checks.h"

namespace fastnlp::bindings {

namespace py = pybind11;
using py::literals::operator""_a;

// Exact dtype, C order, never a hidden copy: bind with `py::arg("x").noconvert()`.
template <class T>
using CArray = py::array_t<T, py::array::c_style>;

// NumPy can hand out numbers at any byte of a buffer; compiled loops assume the type's own alignment.
template <class T>
T* aligned(const char* argument, T* data) {
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) {
    refuse(argument, "memory aligned to " + std::to_string(alignof(T)) + " bytes",
           "an array that is not; copy it first");
  }
  return data;
}

template <class T>
std::span<const T> view(const CArray<T>& array) {
  return {aligned("array", array.data()), static_cast<std::size_t>(array.size())};
}

// A NumPy array that owns the vector's memory.
template <class T, class Allocator>
py::array_t<T> take(std::vector<T, Allocator>&& values) {
  auto* owned = new std::vector<T, Allocator>(std::move(values));
  py::capsule free(owned, [](void* p) { delete static_cast<std::vector<T, Allocator>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), free);
}

void register_support(py::module_& m);
void register_text(py::module_& m);
void register_tokenizers(py::module_& m);
void register_bpe_codec(py::module_& m);
void register_sampling(py::module_& m);
void register_subwords(py::module_& m);
void register_masked_lm(py::module_& m);
void register_cooccurrence(py::module_& m);
void register_training(py::module_& m);
void register_glove(py::module_& m);
void register_vectors(py::module_& m);
void register_vector_files(py::module_& m);

}  // namespace fastnlp::bindings
