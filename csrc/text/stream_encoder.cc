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

bool StreamEncoder::closes_document(std::int32_t marker, bool blank) const {
  return marker == kEndOfSource || documents_ == Documents::kLine ||
         (documents_ == Documents::kBlankLine && blank);
}

// A piece of the stream on its way to a corpus, counted from where it begins. What stands in front of it is
// not known here, so its first marker is left for later.
class StreamEncoder::Piece {
 public:
  Piece(const StreamEncoder& encoder, Buffer<std::int32_t>& ids) : encoder_(encoder), ids_(ids) {}

  // `first` is the place of the entries in the stream.
  void take(std::span<const std::int32_t> entries, std::int64_t first) {
    ids_.resize(entries.size());
    std::int32_t* to = ids_.data();
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
      } else if (entry == kEndOfLine || entry == kEndOfSource) {
        if (head_.marker == 0) {
          head_ = {entry, to - ids_.data(), blank_};
          sentence_start_ = head_.tokens;
        } else {
          end_sentence(to);
          if (encoder_.closes_document(entry, blank_)) end_document();
        }
        blank_ = true;
      } else {
        refuse_entry(entry, first + static_cast<std::int64_t>(i),
                     "a provisional id or the end of a line or source");
      }
    }
    ids_.resize(static_cast<std::size_t>(to - ids_.data()));
  }

  struct Head {
    std::int32_t marker = 0;  // the first; 0: there is none
    std::int64_t tokens = 0;  // before it
    bool blank = true;        // no word before it
  };
  const Head& head() const { return head_; }
  // Whether a document ends behind the first marker, in front of the next sentence.
  bool ends_at_once() const { return ends_at_once_; }
  // Of the sentences and documents behind the first marker.
  const std::vector<std::int64_t>& sentence_ends() const { return sentence_ends_; }
  const std::vector<std::int64_t>& document_ends() const { return document_ends_; }
  bool blank() const { return blank_; }

 private:
  [[noreturn]] static void refuse_entry(std::int32_t entry, std::int64_t place, const std::string& wanted) {
    refuse("stream[" + std::to_string(place) + "]", wanted, std::to_string(entry));
  }

  std::int32_t* take_parts(std::int32_t id, const std::int32_t* to) {
    const auto several = static_cast<std::size_t>(-2 - static_cast<std::int64_t>(id));
    const auto first = encoder_.parts_.begin() + encoder_.part_offsets_[several];
    const auto last = encoder_.parts_.begin() + encoder_.part_offsets_[several + 1];
    const std::ptrdiff_t used = to - ids_.data();
    ids_.resize(ids_.size() + static_cast<std::size_t>(last - first));
    return std::copy(first, last, ids_.data() + used);
  }

  void end_sentence(const std::int32_t* to) {
    const std::int64_t tokens = to - ids_.data();
    if (tokens == sentence_start_) return;
    sentence_start_ = tokens;
    sentence_ends_.push_back(tokens);
  }

  void end_document() {
    const auto sentences = static_cast<std::int64_t>(sentence_ends_.size());
    if (sentences == 0) ends_at_once_ = true;
    if (sentences == document_start_) return;
    document_start_ = sentences;
    document_ends_.push_back(sentences);
  }

  const StreamEncoder& encoder_;
  Buffer<std::int32_t>& ids_;
  std::vector<std::int64_t> sentence_ends_;
  std::vector<std::int64_t> document_ends_;
  Head head_;
  bool blank_ = true;
  bool ends_at_once_ = false;
  std::int64_t sentence_start_ = 0;
  std::int64_t document_start_ = 0;
};

StreamEncoder::Encoded StreamEncoder::encode(std::span<const std::int32_t> stream, int threads,
                                             std::int64_t piece) {
  const auto size = static_cast<std::int64_t>(stream.size());
  const std::int64_t count =
      std::clamp<std::int64_t>(size / std::max<std::int64_t>(1, piece), 1, std::max(1, threads));
  if (pieces_.size() < static_cast<std::size_t>(count)) pieces_.resize(static_cast<std::size_t>(count));
  std::vector<Piece> pieces;
  for (std::int64_t k = 0; k < count; ++k) pieces.emplace_back(*this, pieces_[static_cast<std::size_t>(k)]);
  take_turns(count, threads, [&](std::int64_t k, int) {
    const std::int64_t begin = size * k / count;
    const std::int64_t end = size * (k + 1) / count;
    pieces[static_cast<std::size_t>(k)].take(
        stream.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), begin);
  });

  Encoded out;
  const auto end_sentence = [&](std::int64_t end) {
    if (end == sentence_start_) return;
    sentence_start_ = end;
    ++sentences_;
    out.sentence_ends.push_back(end);
  };
  const auto end_document = [&](std::int64_t end) {
    if (end == document_start_) return;
    document_start_ = end;
    out.document_ends.push_back(end);
  };
  std::vector<std::int64_t> begins{0};  // of the pieces among the new ids
  for (std::size_t k = 0; k < pieces.size(); ++k) {
    const Piece& done = pieces[k];
    const Piece::Head& head = done.head();
    if (head.marker != 0) {
      end_sentence(tokens_ + head.tokens);
      if (closes_document(head.marker, blank_ && head.blank)) end_document(sentences_);
    }
    if (done.ends_at_once()) end_document(sentences_);
    const std::int64_t sentences = sentences_;
    for (const std::int64_t end : done.sentence_ends()) end_sentence(tokens_ + end);
    for (const std::int64_t end : done.document_ends()) end_document(sentences + end);
    blank_ = done.blank() && (head.marker != 0 || blank_);
    const auto tokens = static_cast<std::int64_t>(pieces_[k].size());
    tokens_ += tokens;
    begins.push_back(begins.back() + tokens);
  }
  if (count == 1) {
    out.ids = std::exchange(pieces_.front(), {});
    return out;
  }
  out.ids.resize(static_cast<std::size_t>(begins.back()));
  take_turns(count, threads, [&](std::int64_t k, int) {
    const auto at = static_cast<std::size_t>(k);
    std::copy(pieces_[at].begin(), pieces_[at].end(), out.ids.begin() + begins[at]);
  });
  return out;
}

}  // namespace fastnlp
