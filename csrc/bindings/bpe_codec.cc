#include <pybind11/typing.h>

#include <memory>
#include <optional>
#include <string_view>
#include <tuple>

#include "bindings/bindings.h"
#include "support/growing_memory.h"
#include "tokenizers/bpe_decoder.h"
#include "tokenizers/bpe_encoder.h"
#include "tokenizers/bpe_model.h"
#include "tokenizers/encoding_job.h"
#include "tokenizers/wordpiece_encoder.h"

namespace fastnlp::bindings {
namespace {

py::array_t<std::int32_t> hand_over(GrowingMemory<std::int32_t>&& values) {
  auto owned = std::make_unique<GrowingMemory<std::int32_t>>(std::move(values));
  const auto size = static_cast<py::ssize_t>(owned->size());
  auto* data = owned->data();
  const py::capsule free(owned.release(),
                         [](void* p) { delete static_cast<GrowingMemory<std::int32_t>*>(p); });
  return py::array_t<std::int32_t>(size, data, free);
}

// The UTF-8 of a str, or bytes; lives as long as the object.
std::string_view text_of(const py::handle& text) {
  if (PyBytes_Check(text.ptr())) {
    return {PyBytes_AS_STRING(text.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(text.ptr()))};
  }
  if (!PyUnicode_Check(text.ptr())) {
    throw py::type_error("text: expected str or bytes, got " +
                         std::string(py::str(py::type::handle_of(text).attr("__name__"))));
  }
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (data == nullptr) throw py::error_already_set();
  return {data, static_cast<std::size_t>(size)};
}

// A job with the texts that it reads.
struct Job {
  py::object held;
  std::unique_ptr<EncodingJob> job;
};

EncodingRequest request_of(const std::string& mode, double dropout, std::uint64_t seed, std::uint32_t epoch,
                           bool spans, const std::vector<int>& specials) {
  EncodingRequest request;
  if (mode == "dropout") {
    request.mode = EncodingMode::kDropout;
    if (!(dropout >= 0.0 && dropout <= 1.0)) refuse("dropout", "a probability", std::to_string(dropout));
    request.dropped = threshold(dropout);
  } else if (mode == "longest") {
    request.mode = EncodingMode::kLongest;
  } else if (mode != "merges") {
    refuse("mode", "'merges', 'longest' or 'dropout'", "'" + mode + "'");
  }
  request.seed = seed;
  request.epoch = epoch;
  request.spans = spans;
  for (const int use : specials) {
    if (use < 0 || use > 2) refuse("specials", "0, 1 or 2", std::to_string(use));
    request.specials.push_back(static_cast<SpecialUse>(use));
  }
  return request;
}

std::unique_ptr<Job> job_of_texts(TextEncoder& encoder, const py::typing::List<py::object>& texts,
                                  int threads, const std::string& mode, double dropout, std::uint64_t seed,
                                  std::uint32_t epoch, bool spans, const std::vector<int>& specials) {
  auto held = py::tuple(texts);  // keeps each text, whatever becomes of the list
  std::vector<std::string_view> documents;
  documents.reserve(held.size());
  for (const py::handle text : held) documents.push_back(text_of(text));
  auto request = request_of(mode, dropout, seed, epoch, spans, specials);
  auto job = std::make_unique<EncodingJob>(encoder, std::move(request), std::move(documents), threads);
  return std::make_unique<Job>(Job{std::move(held), std::move(job)});
}

std::unique_ptr<Job> job_of_bytes(TextEncoder& encoder, const py::bytes& data,
                                  const CArray<std::int64_t>& offsets, int threads, const std::string& mode,
                                  double dropout, std::uint64_t seed, std::uint32_t epoch, bool spans,
                                  const std::vector<int>& specials) {
  const std::string_view bytes = data;
  const auto bounds = view(offsets);
  check_offsets("offsets", bounds, static_cast<std::int64_t>(bytes.size()));
  std::vector<std::string_view> documents;
  documents.reserve(bounds.size() - 1);
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    documents.push_back(bytes.substr(static_cast<std::size_t>(bounds[i]),
                                     static_cast<std::size_t>(bounds[i + 1] - bounds[i])));
  }
  auto request = request_of(mode, dropout, seed, epoch, spans, specials);
  auto job = std::make_unique<EncodingJob>(encoder, std::move(request), std::move(documents), threads);
  return std::make_unique<Job>(Job{data, std::move(job)});
}

std::tuple<py::array_t<std::int32_t>, py::array_t<std::int64_t>, py::array_t<std::int64_t>> take_result(
    Job& job) {
  EncodingJob::Result result;
  {
    // Reads what the job has written.
    const py::gil_scoped_release release;
    result = job.job->take();
  }
  return {hand_over(std::move(result.ids)), take(std::move(result.offsets)), take(std::move(result.spans))};
}

std::unique_ptr<BpeEncoder> make_bpe(
    const py::bytes& data, const CArray<std::int64_t>& offsets, const CArray<std::int32_t>& merges,
    const CArray<std::int32_t>& merged, const std::string& pretokenizer,
    const std::vector<std::tuple<std::string, std::int32_t, bool, bool>>& special,
    const std::vector<std::int32_t>& missing, bool characters, const std::string& end_of_word,
    bool mark_is_symbol, std::int32_t unknown, bool byte_fallback, bool fuse_unknown, bool whole_words,
    bool shared_ranks) {
  std::vector<SpecialToken> tokens;
  std::vector<std::int32_t> ids = missing;
  for (const auto& [text, id, before, behind] : special) {
    tokens.push_back({text, id, before, behind});
    ids.push_back(id);
  }
  const std::string_view bytes = data;
  const auto bounds = view(offsets);
  const auto parts = view(merges), results = view(merged);
  // Reads arrays and bytes that the caller holds.
  const py::gil_scoped_release release;
  auto model = std::make_shared<const BpeModel>(
      std::string(bytes), std::vector<std::int64_t>(bounds.begin(), bounds.end()), parts, results, ids,
      BpeSettings{characters, end_of_word, mark_is_symbol, unknown, byte_fallback, fuse_unknown, whole_words,
                  shared_ranks});
  return std::make_unique<BpeEncoder>(std::move(model), pretokenizer, std::move(tokens));
}

std::unique_ptr<WordPieceEncoder> make_wordpiece(
    const py::bytes& data, const CArray<std::int64_t>& offsets,
    const std::vector<std::tuple<std::string, std::int32_t>>& special, bool lowercase, bool strip_accents,
    std::int32_t unknown, const std::string& prefix, std::size_t longest_word) {
  std::vector<SpecialToken> tokens;
  for (const auto& [text, id] : special) tokens.push_back({text, id});
  const std::string_view bytes = data;
  const auto bounds = view(offsets);
  // Reads an array and bytes that the caller holds.
  const py::gil_scoped_release release;
  return std::make_unique<WordPieceEncoder>(
      bytes, bounds, std::move(tokens),
      WordPieceSettings{{lowercase, strip_accents}, unknown, prefix, longest_word});
}

bool step(Job& job, double seconds) {
  const auto signalled = [] {
    const py::gil_scoped_acquire held;
    return PyErr_CheckSignals() != 0;
  };
  try {
    // The job holds its texts, and the encoder is kept alive by it; signals are looked for with the lock
    // held.
    const py::gil_scoped_release release;
    return job.job->step(seconds, signalled);
  } catch (const Interruption::Stopped&) {
    throw py::error_already_set();  // what the signal raised
  }
}

py::bytes decode_ids(const BpeEncoder& encoder, const CArray<std::int32_t>& ids) {
  const auto values = view(ids);
  std::size_t size = 0;
  {
    // Reads an array that the caller holds, and the model, which never changes.
    const py::gil_scoped_release release;
    size = decoded_size(encoder.model(), values);
  }
  auto bytes =
      py::reinterpret_steal<py::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!bytes) throw py::error_already_set();
  char* const data = PyBytes_AS_STRING(bytes.ptr());
  {
    // As above; nobody else knows the new bytes yet.
    const py::gil_scoped_release release;
    decode(encoder.model(), values, data);
  }
  return bytes;
}

}  // namespace

void register_bpe_codec(py::module_& m) {
  py::class_<TextEncoder>(m, "TextEncoder", "What turns text into ids.");

  py::class_<BpeEncoder, TextEncoder>(m, "BpeEncoder", "Tokens and merges, ready to encode and decode.")
      .def(py::init(&make_bpe), "data"_a, "offsets"_a.noconvert(), "merges"_a.noconvert(),
           "merged"_a.noconvert(), "pretokenizer"_a, "special_tokens"_a, "missing"_a, "characters"_a,
           "end_of_word"_a, "mark_is_symbol"_a, "unknown"_a, "byte_fallback"_a, "fuse_unknown"_a,
           "whole_words"_a, "shared_ranks"_a)
      .def("decode", &decode_ids, "ids"_a.noconvert(), "The bytes of ids.");

  py::class_<WordPieceEncoder, TextEncoder>(m, "WordPieceEncoder", "Word pieces, ready to encode.")
      .def(py::init(&make_wordpiece), "data"_a, "offsets"_a.noconvert(), "special_tokens"_a, "lowercase"_a,
           "strip_accents"_a, "unknown"_a, "prefix"_a, "longest_word"_a);

  py::class_<Job>(m, "EncodingJob", "The encoding of texts, step by step.")
      .def(py::init(&job_of_texts), "encoder"_a, "texts"_a, "threads"_a, "mode"_a, "dropout"_a, "seed"_a,
           "epoch"_a, "spans"_a, "specials"_a, py::keep_alive<1, 2>())
      .def_static("of_bytes", &job_of_bytes, "encoder"_a, "data"_a, "offsets"_a.noconvert(), "threads"_a,
                  "mode"_a, "dropout"_a, "seed"_a, "epoch"_a, "spans"_a, "specials"_a, py::keep_alive<0, 1>(),
                  "The same for texts that stand one after another, with offsets (N + 1, int64).")
      .def("step", &step, "seconds"_a,
           "Works for about so long; True when all is done. What a signal raises in the middle of a long "
           "word ends "
           "the job.")
      .def("take", &take_result,
           "All ids, offsets of the texts in them, and, if asked for, begin and end of each id in bytes.");

  m.def(
      "bpe_to_characters",
      [](const py::object& text, CArray<std::int64_t> spans) {
        const std::string_view bytes = text_of(text);
        const std::span<std::int64_t> values(aligned("spans", spans.mutable_data()),
                                             static_cast<std::size_t>(spans.size()));
        // Reads a text that the caller holds and writes an array that it gave for that.
        const py::gil_scoped_release release;
        to_characters(bytes, values);
      },
      "text"_a, "spans"_a.noconvert(), "Turns spans in bytes into spans in characters, in place.");
}

}  // namespace fastnlp::bindings
