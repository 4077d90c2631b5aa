#include <pybind11/typing.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "bindings/bindings.h"
#include "support/checks.h"
#include "text/packed_words.h"
#include "text/paragraphs.h"
#include "text/phrase_counter.h"
#include "text/phrase_joiner.h"
#include "text/spelling.h"
#include "text/stream_encoder.h"
#include "text/token_counter.h"

namespace fastnlp::bindings {
namespace {

std::string_view bytes_of(const py::buffer_info& info) {
  if (info.itemsize != 1 || info.ndim != 1 || info.strides[0] != 1) {
    throw py::type_error("block: expected contiguous bytes");
  }
  return {static_cast<const char*>(info.ptr), static_cast<std::size_t>(info.size)};
}

py::array_t<std::int32_t> feed(TokenCounter& counter, const py::buffer& block) {
  const py::buffer_info info = block.request();  // keeps the memory where it is
  const std::string_view bytes = bytes_of(info);
  Buffer<std::int32_t> stream;
  {
    // Touches no Python object; the counter belongs to one caller, who waits here.
    const py::gil_scoped_release release;
    stream = counter.feed(bytes);
  }
  return take(std::move(stream));
}

// Holds the GIL throughout: it reads Python strings.
py::array_t<std::int32_t> add_sentences(TokenCounter& counter,
                                        const py::typing::List<py::typing::List<py::str>>& sentences) {
  for (const py::handle sentence : sentences) {
    const auto tokens = py::reinterpret_borrow<py::list>(sentence);
    if (!py::isinstance<py::list>(sentence)) throw py::type_error("sentences: expected lists of str");
    for (const py::handle token : tokens) {
      if (!PyUnicode_Check(token.ptr())) {
        throw py::type_error("tokens: expected str, got " + std::string(py::str(py::type::handle_of(token))));
      }
      Py_ssize_t size = 0;
      const char* data = PyUnicode_AsUTF8AndSize(token.ptr(), &size);
      if (data == nullptr) throw py::error_already_set();
      counter.add_word({data, static_cast<std::size_t>(size)});
    }
    counter.end_sentence();
  }
  return take(counter.take_sentences());
}

std::tuple<py::bytes, py::array_t<std::int64_t>, py::array_t<std::int64_t>, py::array_t<std::int32_t>> words(
    const TokenCounter& counter) {
  NumberedWords words;
  {
    // Reads the counter alone.
    const py::gil_scoped_release release;
    words = counter.words();
  }
  return {py::bytes(words.bytes), take(std::move(words.offsets)), take(std::move(words.counts)),
          take(std::move(words.number_of))};
}

std::size_t write(const Paragraphs& paragraphs, const CArray<std::int64_t>& order, CArray<std::uint8_t> out) {
  const std::span<const std::int64_t> places = view(order);
  std::size_t total = 0;
  for (const std::int64_t i : places) total += paragraphs.size(i);
  if (total > static_cast<std::size_t>(out.size())) {
    refuse("out", "room for " + std::to_string(total) + " bytes", std::to_string(out.size()));
  }
  char* const text = reinterpret_cast<char*>(out.mutable_data());
  // Fills an array that the caller holds and does not look at meanwhile.
  const py::gil_scoped_release release;
  paragraphs.write(places, text);
  return total;
}

PackedWords packed(const py::bytes& data, const CArray<std::int64_t>& offsets) {
  const PackedWords words{data, view(offsets)};
  check_offsets("offsets", words.offsets, static_cast<std::int64_t>(words.data.size()));
  return words;
}

std::tuple<py::array_t<std::int32_t>, py::array_t<std::int32_t>, py::array_t<std::int32_t>,
           py::array_t<std::int64_t>, py::array_t<std::int64_t>, py::array_t<double>, std::int64_t, int>
found_phrases(PhraseCounter& counter) {
  FoundPhrases found;
  {
    // Touches no Python object; the counter belongs to one caller, who waits here.
    const py::gil_scoped_release release;
    found = counter.take();
  }
  return {take(std::move(found.first)),   take(std::move(found.second)),
          take(std::move(found.between)), take(std::move(found.between_offsets)),
          take(std::move(found.counts)),  take(std::move(found.scores)),
          found.different_pairs,          found.passes};
}

std::tuple<py::array_t<std::int32_t>, py::array_t<std::int64_t>, py::array_t<std::int64_t>, bool> join(
    PhraseJoiner& joiner) {
  PhraseJoiner::Joined joined;
  {
    // The corpus is kept alive by the joiner, which belongs to one caller, who waits here.
    const py::gil_scoped_release release;
    joined = joiner.join();
  }
  return {take(std::move(joined.ids)), take(std::move(joined.sentence_ends)),
          take(std::move(joined.document_ends)), joined.done};
}

py::bytes spell_tokens(const CArray<std::int32_t>& ids, const CArray<std::int64_t>& sentence_offsets,
                       const CArray<std::int64_t>& document_offsets, std::int64_t begin, std::int64_t end,
                       const py::bytes& words, const CArray<std::int64_t>& word_offsets) {
  const auto tokens = view(ids);
  const auto sentences = view(sentence_offsets), documents = view(document_offsets);
  const auto offsets = view(word_offsets);
  const std::string_view data = words;
  std::string text;
  {
    // Reads arrays and bytes that the caller holds.
    const py::gil_scoped_release release;
    text = spell(tokens, sentences, documents, begin, end, data, offsets);
  }
  return text;
}

template <class T>
std::vector<T> copy(const CArray<T>& array) {
  const std::span<const T> values = view(array);
  return {values.begin(), values.end()};
}

}  // namespace

void register_text(py::module_& m) {
  py::class_<TokenCounter>(m, "TokenCounter",
                           "Splits a text at white space, counts its words and streams provisional ids.")
      .def(py::init<int, std::uint64_t, bool>(), "threads"_a, "salt"_a, "replace"_a)
      .def("begin_source", &TokenCounter::begin_source, "skip_mark"_a,
           "Starts a file: offsets and lines of messages count from here.")
      .def("feed", &feed, "block"_a,
           "Takes the next bytes, cut anywhere; gives the stream as far as it is known.")
      .def(
          "end_source",
          [](TokenCounter& counter) {
            Buffer<std::int32_t> stream;
            {
              // As for `feed`.
              const py::gil_scoped_release release;
              stream = counter.end_source();
            }
            return take(std::move(stream));
          },
          "Ends the file; gives the rest of its stream.")
      .def("add_sentences", &add_sentences, "sentences"_a, "Takes sentences that are split already.")
      .def("merge", &TokenCounter::merge, "limit"_a, py::call_guard<py::gil_scoped_release>(),
           "Brings the threads' words together, at most `limit` a call; True when done.")
      .def(
          "words", &words,
          "UTF-8 of the distinct words by first appearance, their offsets and counts, and the number of each "
          "provisional id (-1: none).");

  py::class_<StreamEncoder>(m, "StreamEncoder", "Turns provisional ids into a corpus.")
      .def(py::init([](const CArray<std::int32_t>& final_ids, const CArray<std::int64_t>& part_offsets,
                       const CArray<std::int32_t>& parts, std::int64_t size, std::int32_t documents) {
             if (documents < 0 || documents > 2) refuse("documents", "0, 1 or 2", std::to_string(documents));
             return StreamEncoder(copy(final_ids), copy(part_offsets), copy(parts), size,
                                  static_cast<Documents>(documents));
           }),
           py::arg("final_ids").noconvert(), py::arg("part_offsets").noconvert(),
           py::arg("parts").noconvert(), "size"_a, "documents"_a)
      .def(
          "encode",
          [](StreamEncoder& encoder, const CArray<std::int32_t>& stream, int threads, std::int64_t piece) {
            StreamEncoder::Encoded out;
            const std::span<const std::int32_t> entries = view(stream);
            {
              // `stream` is held by the caller; the encoder belongs to one caller, who waits here.
              const py::gil_scoped_release release;
              out = encoder.encode(entries, threads, piece);
            }
            return py::make_tuple(take(std::move(out.ids)), take(std::move(out.sentence_ends)),
                                  take(std::move(out.document_ends)));
          },
          py::arg("stream").noconvert(), "threads"_a = 1, "piece"_a = 1 << 16,
          "Ids of the next entries, ends of sentences in tokens, ends of documents in sentences.");

  py::class_<Paragraphs>(m, "Paragraphs", "The lines of a text that have a full stop between spaces.")
      .def(py::init([](const CArray<std::uint8_t>& text) {
             const std::span<const std::uint8_t> bytes = view(text);
             // Reads an array that the caller holds.
             const py::gil_scoped_release release;
             return std::make_unique<Paragraphs>(
                 std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
           }),
           py::arg("text").noconvert(), py::keep_alive<1, 2>())
      .def("__len__", &Paragraphs::count)
      .def(
          "__getitem__",
          [](const Paragraphs& paragraphs, std::int64_t i) { return py::bytes(paragraphs[i]); }, "i"_a,
          "A paragraph without the ASCII white space around it.")
      .def(
          "characters", [](const Paragraphs& paragraphs) { return take(paragraphs.characters()); },
          "The characters of the text beyond ASCII, rising.")
      .def(
          "having",
          [](const Paragraphs& paragraphs, const CArray<std::uint32_t>& characters) {
            return take(paragraphs.having(view(characters)));
          },
          py::arg("characters").noconvert(), "The paragraphs in which one of these characters stands.")
      .def(
          "replace",
          [](Paragraphs& paragraphs, std::int64_t i, const py::bytes& line) { paragraphs.replace(i, line); },
          "i"_a, "line"_a, "Takes other text for a paragraph.")
      .def(
          "sizes", [](const Paragraphs& paragraphs) { return take(paragraphs.sizes()); },
          "How many bytes `write` makes of each.")
      .def("write", &write, py::arg("order").noconvert(), py::arg("out").noconvert(),
           "Paragraphs in some order: ASCII in lower case, a sentence a line, an empty line behind each. "
           "Gives "
           "how many bytes they are.");

  m.def(
      "take_words",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets, const CArray<std::int64_t>& places) {
        TakenWords taken = take_words(packed(data, offsets), view(places));
        return py::make_tuple(py::bytes(taken.data), take(std::move(taken.offsets)));
      },
      "data"_a, py::arg("offsets").noconvert(), py::arg("places").noconvert(),
      "Bytes and offsets of the words at some places.");
  m.def(
      "word_lines",
      [](const py::bytes& data, const CArray<std::int64_t>& offsets) {
        return py::bytes(word_lines(packed(data, offsets)));
      },
      "data"_a, py::arg("offsets").noconvert(), "Each word with a line feed behind it.");

  py::class_<PhraseCounter>(m, "PhraseCounter", "Counts neighbouring words and finds those that are phrases.")
      .def(py::init([](const CArray<std::int32_t>& ids, const CArray<std::int64_t>& sentence_offsets,
                       std::int64_t vocabulary, const CArray<std::int32_t>& connectors,
                       const CArray<std::int32_t>& apart, std::int32_t scoring, std::int64_t min_count,
                       double threshold, int threads, std::int64_t memory, std::uint64_t salt) {
             if (scoring < 0 || scoring > 2) refuse("scoring", "0, 1 or 2", std::to_string(scoring));
             const PhraseRule rule{static_cast<PhraseScoring>(scoring), min_count, threshold};
             return std::make_unique<PhraseCounter>(view(ids), view(sentence_offsets), vocabulary,
                                                    view(connectors), view(apart), rule, threads, memory,
                                                    salt);
           }),
           py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(), "vocabulary"_a,
           py::arg("connectors").noconvert(), py::arg("apart").noconvert(), "scoring"_a, "min_count"_a,
           "threshold"_a, "threads"_a, "memory"_a, "salt"_a, py::keep_alive<1, 2>(), py::keep_alive<1, 3>())
      // The counter belongs to one caller, who waits; the corpus is kept alive by it.
      .def("advance", &PhraseCounter::advance, "seconds"_a, py::call_guard<py::gil_scoped_release>(),
           "Counts for so many seconds; True when done.")
      .def("take", &found_phrases,
           "First and second words, connector words and their offsets, counts, scores; how many different "
           "pairs there are, and how often the ids were read for them.");

  py::class_<PhraseJoiner>(m, "PhraseJoiner", "Puts a token in the place of each phrase of a corpus.")
      .def(py::init([](const CArray<std::int32_t>& ids, const CArray<std::int64_t>& sentence_offsets,
                       const CArray<std::int64_t>& document_offsets, std::int64_t vocabulary,
                       std::int64_t size, const CArray<std::int32_t>& connectors,
                       const CArray<std::int32_t>& first, const CArray<std::int32_t>& second,
                       const CArray<std::int32_t>& between, const CArray<std::int64_t>& between_offsets,
                       const CArray<std::int32_t>& becomes, int threads) {
             const PhraseList phrases{view(first), view(second), view(between), view(between_offsets),
                                      view(becomes)};
             return std::make_unique<PhraseJoiner>(view(ids), view(sentence_offsets), view(document_offsets),
                                                   vocabulary, size, view(connectors), phrases, threads);
           }),
           py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(),
           py::arg("document_offsets").noconvert(), "vocabulary"_a, "size"_a,
           py::arg("connectors").noconvert(), py::arg("first").noconvert(), py::arg("second").noconvert(),
           py::arg("between").noconvert(), py::arg("between_offsets").noconvert(),
           py::arg("becomes").noconvert(), "threads"_a, py::keep_alive<1, 2>(), py::keep_alive<1, 3>(),
           py::keep_alive<1, 4>())
      // As for the counter.
      .def("tally", &PhraseJoiner::tally, "seconds"_a, py::call_guard<py::gil_scoped_release>(),
           "Counts the tokens for so many seconds; True when done.")
      .def(
          "counts",
          [](const PhraseJoiner& joiner) { return take(std::vector<std::int64_t>(joiner.counts())); },
          "How often each token occurs.")
      .def(
          "places",
          [](const PhraseJoiner& joiner) { return take(std::vector<std::int64_t>(joiner.places())); },
          "Where each token occurs first; -1 for none.")
      .def(
          "number",
          [](PhraseJoiner& joiner, const CArray<std::int32_t>& final_ids, std::int64_t kept) {
            joiner.number(view(final_ids), kept);
          },
          py::arg("final_ids").noconvert(), "kept"_a, "Sets the id of each token, -1 to drop it.")
      .def("join", &join,
           "Ids of the next few million tokens, ends of sentences in tokens, ends of documents in sentences, "
           "and whether these are the last.");

  m.def("spell", &spell_tokens, py::arg("ids").noconvert(), py::arg("sentence_offsets").noconvert(),
        py::arg("document_offsets").noconvert(), "begin"_a, "end"_a, "words"_a,
        py::arg("word_offsets").noconvert(),
        "UTF-8 of the tokens in [begin, end): a sentence a line, an empty line between documents.");

  m.def(
      "check_ids",
      [](const std::string& argument, const CArray<std::int32_t>& ids, std::int64_t size) {
        const std::span<const std::int32_t> values = view(ids);
        // Reads an array that the caller holds.
        const py::gil_scoped_release release;
        check_ids(argument.c_str(), values, size);
      },
      "argument"_a, py::arg("ids").noconvert(), "size"_a,
      "Refuses ids outside [0, size) with the first place.");
  m.def(
      "check_offsets",
      [](const std::string& argument, const CArray<std::int64_t>& offsets, std::int64_t total) {
        const std::span<const std::int64_t> values = view(offsets);
        // Reads an array that the caller holds.
        const py::gil_scoped_release release;
        check_offsets(argument.c_str(), values, total);
      },
      "argument"_a, py::arg("offsets").noconvert(), "total"_a,
      "Refuses offsets that do not start at 0, fall, or do not end at `total`.");
}

}  // namespace fastnlp::bindings
