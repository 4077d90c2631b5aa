#include "text/stream_encoder.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "support/checks.h"
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

StreamEncoder::Encoded StreamEncoder::encode(std::span<const std::int32_t> stream) {
  Encoded out;
  out.ids.resize(stream.size());
  std::int32_t* to = out.ids.data();
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const std::int32_t entry = stream[i];
    if (entry >= 0) {
      if (static_cast<std::size_t>(entry) >= final_ids_.size()) {
        refuse("stream[" + std::to_string(i) + "]",
               "a provisional id below " + std::to_string(final_ids_.size()), std::to_string(entry));
      }
      blank_ = false;
      const std::int32_t id = final_ids_[static_cast<std::size_t>(entry)];
      *to = id;
      to += id >= 0;
      tokens_ += id >= 0;
      if (id < -1) [[unlikely]] {
        const auto several = static_cast<std::size_t>(-2 - static_cast<std::int64_t>(id));
        const auto first = parts_.begin() + part_offsets_[several];
        const auto last = parts_.begin() + part_offsets_[several + 1];
        const std::ptrdiff_t used = to - out.ids.data();
        out.ids.resize(out.ids.size() + static_cast<std::size_t>(last - first));
        to = std::copy(first, last, out.ids.data() + used);
        tokens_ += last - first;
      }
    } else if (entry == kEndOfLine) {
      const bool closes = documents_ == Documents::kLine || (documents_ == Documents::kBlankLine && blank_);
      end_sentence(out);
      if (closes) end_document(out);
      blank_ = true;
    } else if (entry == kEndOfSource) {
      end_sentence(out);
      end_document(out);
      blank_ = true;
    } else {
      refuse("stream[" + std::to_string(i) + "]", "a provisional id or the end of a line or source",
             std::to_string(entry));
    }
  }
  out.ids.resize(static_cast<std::size_t>(to - out.ids.data()));
  return out;
}

void StreamEncoder::end_sentence(Encoded& out) {
  if (tokens_ == sentence_start_) return;
  sentence_start_ = tokens_;
  ++sentences_;
  out.sentence_ends.push_back(tokens_);
}

void StreamEncoder::end_document(Encoded& out) {
  if (sentences_ == document_start_) return;
  document_start_ = sentences_;
  out.document_ends.push_back(sentences_);
}

}  // namespace fastnlp
