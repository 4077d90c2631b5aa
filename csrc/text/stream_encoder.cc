#include "text/stream_encoder.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "support/checks.h"
#include "support/parallel.h"
#include "text/token_counter.h"

namespace fastnlp {

StreamEncoder::StreamEncoder(std::vector<std::int32_t> final_ids, std::vector<std::int64_t> part_offsets,
                             std::vector<std::int32_t> parts, std::int64_t size, Documents documents)
    : final_ids_(std::move(final_ids)),
      part_offsets_(std::move(part_offsets)),
      parts_(std::move(parts)),
      documents_(documents) {
  check_offsets("part_offsets", part_offsets_, static_cast<std::int64_t>(parts_.size()));
  check_ids("parts", parts_, size);
  const auto several = static_cast<std::int64_t>(part_offsets_.size()) - 1;
  for (std::size_t i = 0; i < final_ids_.size(); ++i) {
    const std::int64_t id = final_ids_[i];
    if (id >= size || -2 - id >= several) {
      throw std::out_of_range("final_ids[" + std::to_string(i) + "]: expected an id in [" +
                              std::to_string(-1 - several) + ", " + std::to_string(size) + "), got " +
                              std::to_string(id));
    }
  }
}

// Lines on their way to a corpus, counted from where they begin. Whether sentences of a document stand in
// front of them is not known here.
class StreamEncoder::Lines {
 public:
  Lines(const StreamEncoder& encoder, bool blank, std::int64_t open_tokens)
      : encoder_(encoder), blank_(blank), sentence_start_(-open_tokens) {}

  // `first` is the place of the entries in the stream.
  void take(std::span<const std::int32_t> entries, std::int64_t first) {
    out_.ids.resize(entries.size());
    std::int32_t* to = out_.ids.data();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::int32_t entry = entries[i];
      if (entry >= 0) {
        if (static_cast<std::size_t>(entry) >= encoder_.final_ids_.size()) {
          refuse_entry(entry, first + static_cast<std::int64_t>(i),
                       "a provisional id below " + std::to_string(encoder_.final_ids_.size()));
        }
        blank_ = false;
        const std::int32_t id = encoder_.final_ids_[static_cast<std::size_t>(entry)];
        *to = id;
        to += id >= 0;
        if (id < -1) [[unlikely]]
          to = take_parts(id, to);
      } else if (entry == kEndOfLine) {
        const Documents documents = encoder_.documents_;
        const bool closes = documents == Documents::kLine || (documents == Documents::kBlankLine && blank_);
        end_sentence(to);
        if (closes) end_document();
        blank_ = true;
      } else if (entry == kEndOfSource) {
        end_sentence(to);
        end_document();
        blank_ = true;
      } else {
        refuse_entry(entry, first + static_cast<std::int64_t>(i),
                     "a provisional id or the end of a line or source");
      }
    }
    out_.ids.resize(static_cast<std::size_t>(to - out_.ids.data()));
  }

  Encoded& out() { return out_; }
  bool blank() const { return blank_; }
  // Whether a document ends in front of the first sentence.
  bool ends_at_once() const { return ends_at_once_; }
  std::int64_t tokens() const { return static_cast<std::int64_t>(out_.ids.size()); }
  std::int64_t sentences() const { return static_cast<std::int64_t>(out_.sentence_ends.size()); }

 private:
  [[noreturn]] static void refuse_entry(std::int32_t entry, std::int64_t place, const std::string& wanted) {
    refuse("stream[" + std::to_string(place) + "]", wanted, std::to_string(entry));
  }

  std::int32_t* take_parts(std::int32_t id, const std::int32_t* to) {
    const auto several = static_cast<std::size_t>(-2 - static_cast<std::int64_t>(id));
    const auto first = encoder_.parts_.begin() + encoder_.part_offsets_[several];
    const auto last = encoder_.parts_.begin() + encoder_.part_offsets_[several + 1];
    const std::ptrdiff_t used = to - out_.ids.data();
    out_.ids.resize(out_.ids.size() + static_cast<std::size_t>(last - first));
    return std::copy(first, last, out_.ids.data() + used);
  }

  void end_sentence(const std::int32_t* to) {
    const std::int64_t tokens = to - out_.ids.data();
    if (tokens == sentence_start_) return;
    sentence_start_ = tokens;
    out_.sentence_ends.push_back(tokens);
  }

  void end_document() {
    if (sentences() == 0) ends_at_once_ = true;
    if (sentences() == document_start_) return;
    document_start_ = sentences();
    out_.document_ends.push_back(document_start_);
  }

  const StreamEncoder& encoder_;
  Encoded out_;
  bool blank_;
  bool ends_at_once_ = false;
  std::int64_t sentence_start_;
  std::int64_t document_start_ = 0;
};

StreamEncoder::Encoded StreamEncoder::encode(std::span<const std::int32_t> stream, int threads,
                                             std::int64_t piece) {
  const auto size = static_cast<std::int64_t>(stream.size());
  const std::int64_t most = std::min<std::int64_t>(threads, size / std::max<std::int64_t>(1, piece));
  // A piece ends behind the end of a line: its words are of sentences that begin in it.
  std::vector<std::int64_t> cuts{0};
  for (std::int64_t k = 1; k < most; ++k) {
    std::int64_t cut = std::max(cuts.back(), size * k / most);
    while (cut < size && stream[static_cast<std::size_t>(cut)] >= 0) ++cut;
    if (cut == size) break;
    cuts.push_back(cut + 1);
  }
  cuts.push_back(size);
  std::vector<Lines> pieces;
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    pieces.emplace_back(*this, k > 0 || blank_, k > 0 ? 0 : tokens_ - sentence_start_);
  }
  const auto count = static_cast<std::int64_t>(pieces.size());
  for_each_block(count, 1, threads, [&](std::int64_t k, std::int64_t, std::int64_t) {
    const auto at = static_cast<std::size_t>(k);
    pieces[at].take(
        stream.subspan(static_cast<std::size_t>(cuts[at]), static_cast<std::size_t>(cuts[at + 1] - cuts[at])),
        cuts[at]);
  });

  std::vector<std::int64_t> begins{0};  // of the pieces among the new ids
  Encoded out;
  for (std::size_t k = 0; k < pieces.size(); ++k) {
    Lines& lines = pieces[k];
    if (lines.ends_at_once() && sentences_ > document_start_) {
      document_start_ = sentences_;
      out.document_ends.push_back(sentences_);
    }
    for (const std::int64_t end : lines.out().sentence_ends) out.sentence_ends.push_back(tokens_ + end);
    for (const std::int64_t end : lines.out().document_ends) out.document_ends.push_back(sentences_ + end);
    tokens_ += lines.tokens();
    sentences_ += lines.sentences();
    if (!out.sentence_ends.empty()) sentence_start_ = out.sentence_ends.back();
    if (!out.document_ends.empty()) document_start_ = out.document_ends.back();
    begins.push_back(begins.back() + lines.tokens());
  }
  blank_ = pieces.back().blank();
  if (count == 1) {
    out.ids = std::move(pieces.front().out().ids);
    return out;
  }
  out.ids.resize(static_cast<std::size_t>(begins.back()));
  for_each_block(count, 1, threads, [&](std::int64_t k, std::int64_t, std::int64_t) {
    const auto at = static_cast<std::size_t>(k);
    std::copy(pieces[at].out().ids.begin(), pieces[at].out().ids.end(), out.ids.begin() + begins[at]);
  });
  return out;
}

}  // namespace fastnlp
