// Ids back to bytes.
#pragma once

#include <cstdint>
#include <span>

#include "tokenizers/bpe_model.h"

namespace fastnlp {

// The bytes of all tokens together; throws std::out_of_range with the first id that is none.
std::size_t decoded_size(const BpeModel& model, std::span<const std::int32_t> ids);

// Writes them; the ids have been checked.
void decode(const BpeModel& model, std::span<const std::int32_t> ids, char* bytes);

// Byte offsets within a text as offsets in characters: the begin of a span is rounded down to a character,
// the end up. `spans` are begins and ends in turns, both rising; they are changed in place.
void to_characters(std::string_view text, std::span<std::int64_t> spans);

}  // namespace fastnlp
