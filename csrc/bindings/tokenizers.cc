#include <pybind11/typing.h>

#include <optional>
#include <tuple>

#include "bindings/bindings.h"
#include "text/packed_words.h"
#include "tokenizers/bpe_trainer.h"
#include "tokenizers/piece_counter.h"
#include "tokenizers/pretokenizer.h"

namespace fastnlp::bindings {
namespace {

std::string_view bytes_of(const py::buffer_info& info) {
  if (info.itemsize != 1 || info.ndim != 1 || info.strides[0] != 1) {
    throw py::type_error("block: expected contiguous bytes");
  }
  return {static_cast<const char*>(info.ptr), static_cast<std::size_t>(info.size)};
}

void feed(PieceCounter& counter, const py::buffer& block) {
  const py::buffer_info info = block.request();  // keeps the memory where it is
  const std::string_view bytes = bytes_of(info);
  // Touches no Python object; the counter belongs to one caller, who waits here.
  const py::gil_scoped_release release;
  counter.feed(bytes);
}

PackedWords packed(const char* argument, const py::bytes& data, const CArray<std::int64_t>& offsets) {
  const std::string_view bytes = data;
  check_offsets(argument, view(offsets), static_cast<std::int64_t>(bytes.size()));
  return {bytes, view(offsets)};
}

py::array_t<std::int64_t> piece_ends(const std::string& pretokenizer, const py::bytes& text) {
  const std::string_view bytes = text;
  std::vector<std::int64_t> ends;
  {
    // Reads the bytes alone, which the caller holds.
    const py::gil_scoped_release release;
    with_pattern(pretokenizer, [&](auto pattern) {
      const char* const end = bytes.data() + bytes.size();
      for (const char* p = bytes.data(); p < end;) {
        p = decltype(pattern)::next(p, end);
        ends.push_back(p - bytes.data());
      }
    });
  }
  return take(std::move(ends));
}

std::unique_ptr<BpeTrainer> make_trainer(PieceCounter& counter, const std::string& kind,
                                         const std::string& semantics,
                                         std::vector<std::string> special_tokens, std::string end_of_word,
                                         std::int64_t vocab_size, std::int64_t merges,
                                         std::int64_t min_frequency, std::int64_t max_token_length,
                                         std::int64_t limit_alphabet) {
  BpeOptions options;
  options.characters = kind == "char";
  options.replace = semantics == "replace";
  options.ties = options.characters ? Ties::kFirstSeen : Ties::kSmallestIds;
  options.special_tokens = std::move(special_tokens);
  options.end_of_word = std::move(end_of_word);
  options.vocab_size = vocab_size;
  options.limit_alphabet = limit_alphabet;
  options.limits.merges = merges;
  options.limits.min_frequency = min_frequency;
  options.limits.max_length = max_token_length;
  return std::make_unique<BpeTrainer>(counter.take_table(), std::move(options));
}

py::typing::List<py::bytes> first_tokens(const BpeTrainer& trainer) {
  py::typing::List<py::bytes> tokens;
  for (const std::string& token : trainer.first_tokens()) tokens.append(py::bytes(token));
  return tokens;
}

std::tuple<py::array_t<std::int32_t>, py::array_t<std::int64_t>> merges(const BpeTrainer& trainer) {
  const std::vector<Merge>& done = trainer.merges();
  py::array_t<std::int32_t> ids({static_cast<py::ssize_t>(done.size()), py::ssize_t{3}});
  py::array_t<std::int64_t> counts(static_cast<py::ssize_t>(done.size()));
  auto id = ids.mutable_unchecked<2>();
  auto count = counts.mutable_unchecked<1>();
  for (std::size_t i = 0; i < done.size(); ++i) {
    const auto row = static_cast<py::ssize_t>(i);
    id(row, 0) = done[i].left;
    id(row, 1) = done[i].right;
    id(row, 2) = done[i].merged;
    count(row) = done[i].count;
  }
  return {ids, counts};
}

// The strings that the ids of a training by replacing number.
std::optional<py::typing::List<py::bytes>> replaced_strings(const BpeTrainer& trainer) {
  if (trainer.replacing() == nullptr) return std::nullopt;
  py::typing::List<py::bytes> strings;
  for (const std::string& string : trainer.replacing()->strings()) strings.append(py::bytes(string));
  return strings;
}

}  // namespace

void register_tokenizers(py::module_& m) {
  m.def("piece_ends", &piece_ends, "pretokenizer"_a, "text"_a,
        "Where the pieces of a document end, in bytes: (N,) int64.");

  py::class_<PieceCounter> piece_counter(m, "PieceCounter",
                                         "Counts the pieces that a pre-tokenizer cuts texts into.");
  piece_counter
      .def(py::init<std::string, bool, bool, int, std::uint64_t>(), "pretokenizer"_a, "by_line"_a, "strict"_a,
           "threads"_a, "salt"_a)
      .def("feed", &feed, "block"_a, "The next bytes of a source.")
      .def("end_source", &PieceCounter::end_source,
           // Touches no Python object; the counter belongs to one caller, who waits here.
           py::call_guard<py::gil_scoped_release>())
      .def(
          "add_documents",
          [](PieceCounter& counter, const py::bytes& data, const CArray<std::int64_t>& offsets) {
            const PackedWords documents = packed("offsets", data, offsets);
            // Reads the bytes and offsets, which the caller holds.
            const py::gil_scoped_release release;
            counter.add_documents(documents);
          },
          "data"_a, py::arg("offsets").noconvert(), "Whole documents, one behind the other.")
      .def(
          "add_pieces",
          [](PieceCounter& counter, const py::bytes& data, const CArray<std::int64_t>& offsets,
             const CArray<std::int64_t>& counts) {
            const PackedWords pieces = packed("offsets", data, offsets);
            const auto times = view(counts);
            // Reads the bytes, offsets and counts, which the caller holds.
            const py::gil_scoped_release release;
            counter.add_pieces(pieces, times);
          },
          "data"_a, py::arg("offsets").noconvert(), py::arg("counts").noconvert(),
          "Pieces that are cut already.")
      .def("merge", &PieceCounter::merge, "limit"_a, "Brings the threads' tables together. True when done.",
           // Touches no Python object; the counter belongs to one caller, who waits here.
           py::call_guard<py::gil_scoped_release>());

  piece_counter.def(
      "pieces",
      [](const PieceCounter& self) {
        PieceCounter::Pieces pieces;
        {
          // Reads the counter alone.
          const py::gil_scoped_release release;
          pieces = self.pieces();
        }
        return std::tuple(py::bytes(pieces.bytes), take(std::move(pieces.offsets)),
                          take(std::move(pieces.counts)));
      },
      "Bytes, (N + 1,) int64 offsets into them and (N,) int64 counts, by first appearance.");

  py::class_<BpeTrainer>(m, "BpeTrainer", "Learns a byte-pair encoding from counted pieces, in short steps.")
      .def(py::init(&make_trainer), "counter"_a, py::kw_only(), "kind"_a, "semantics"_a, "special_tokens"_a,
           "end_of_word"_a, "vocab_size"_a, "merges"_a, "min_frequency"_a, "max_token_length"_a,
           "limit_alphabet"_a, "Takes the pieces out of the counter, which is done with then.")
      .def("run", &BpeTrainer::run, "seconds"_a, "Goes on for about so long. True when all is done.",
           // Touches no Python object; the trainer belongs to one caller, who waits here.
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("merges_done", &BpeTrainer::merges_done)
      .def("first_tokens", &first_tokens, "Special tokens and the alphabet, by id.")
      .def("merges", &merges, "(M, 3) int32 left, right and merged ids; (M,) int64 counts.")
      .def("replaced_strings", &replaced_strings,
           "What the ids of training with semantics='replace' stand for; None otherwise.");
}

}  // namespace fastnlp::bindings
