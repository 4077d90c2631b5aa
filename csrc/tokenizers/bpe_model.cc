#include "tokenizers/bpe_model.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>

#include "support/checks.h"

namespace fastnlp {
namespace {

std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325u ^ bytes.size();
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash ^ hash >> 29;
}

// Slots for n entries at a load of at most a half.
std::size_t table_slots(std::size_t n) { return std::bit_ceil(std::max<std::size_t>(16, 2 * n)); }

std::string place(const char* argument, std::size_t i) {
  return std::string(argument) + "[" + std::to_string(i) + "]";
}

}  // namespace

const std::array<char, 256> BpeModel::kBytes = [] {
  std::array<char, 256> bytes{};
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}();

BpeModel::BpeModel(std::string data, std::vector<std::int64_t> offsets, std::span<const std::int32_t> merges,
                   std::span<const std::int32_t> merged, std::span<const std::int32_t> special,
                   BpeSettings settings)
    : data_(std::move(data)), offsets_(std::move(offsets)), settings_(std::move(settings)) {
  check_offsets("offsets", offsets_, static_cast<std::int64_t>(data_.size()));
  if (offsets_.size() > 0x7FFFFFFF) refuse("tokens", "fewer than 2^31", std::to_string(offsets_.size() - 1));
  check_ids("special", special, size());
  check_ids("merges", merges, size());
  check_ids("merged", merged, size());
  if (merges.size() != 2 * merged.size()) {
    refuse("merges", "two parts for each of " + std::to_string(merged.size()) + " merges",
           std::to_string(merges.size()));
  }
  if (settings_.unknown >= size() || settings_.unknown < kNoToken) {
    refuse("unknown", "an id below " + std::to_string(size()), std::to_string(settings_.unknown));
  }
  index_tokens(special);
  index_symbols();
  index_merges(merges, merged);
}

void BpeModel::index_tokens(std::span<const std::int32_t> special) {
  const auto n = static_cast<std::size_t>(size());
  std::vector<bool> is_special(n);
  for (const std::int32_t id : special) is_special[static_cast<std::size_t>(id)] = true;
  const std::size_t slots = table_slots(n);
  table_.assign(slots, kNoToken);
  table_mask_ = slots - 1;
  for (std::size_t id = 0; id < n; ++id) {
    const std::string_view bytes = token(static_cast<std::int32_t>(id));
    if (is_special[id]) continue;
    if (bytes.empty()) refuse(place("tokens", id), "at least one byte", "an empty token");
    longest_ = std::max(longest_, bytes.size());
    std::size_t i = hash_bytes(bytes) & table_mask_;
    while (table_[i] != kNoToken) {
      if (token(table_[i]) == bytes) {
        refuse(place("tokens", id), "distinct tokens",
               shown(bytes) + " again, which is tokens[" + std::to_string(table_[i]) + "] too");
      }
      i = (i + 1) & table_mask_;
    }
    table_[i] = static_cast<std::int32_t>(id);
  }
}

void BpeModel::index_joints(std::string_view token) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(token.data());
  if (token.size() < 2) return;
  for (std::size_t i = 0; i + 1 < token.size(); ++i) pair_uses_[pair_place(bytes + i)] |= kInside;
  pair_uses_[pair_place(bytes)] |= kBegins;
  pair_uses_[pair_place(bytes + token.size() - 2)] |= kEnds;
  for (std::size_t i = 0; i + 2 < token.size(); ++i) {
    const std::size_t place = triple_bit(bytes + i);
    triples_[place >> 6] |= std::uint64_t{1} << (place & 63);
  }
}

void BpeModel::index_wide_joints() {
  wide_begins_.assign(64 * 64, 0);
  wide_ends_.assign(16 * 64, 0);
  const auto continuing = [](std::size_t low) { return static_cast<unsigned char>(0x80 | low); };
  for (std::size_t last = 0; last < 64; ++last) {
    for (std::size_t lead = 0; lead < 16; ++lead) {
      const auto first = static_cast<unsigned char>(0xE0 | lead);
      const unsigned char pair[2] = {continuing(last), first};
      const std::uint8_t uses = pair_uses(pair);
      if (uses == 0) continue;
      for (std::size_t other = 0; other < 64; ++other) {
        const unsigned char before[3] = {continuing(other), continuing(last), first};
        if ((uses & kBegins) || triple(before))
          wide_begins_[other << 6 | last] |= static_cast<std::uint16_t>(1u << lead);
        const unsigned char behind[3] = {continuing(last), first, continuing(other)};
        if ((uses & kEnds) || triple(behind)) wide_ends_[lead << 6 | other] |= std::uint64_t{1} << last;
      }
    }
  }
}

void BpeModel::index_symbols() {
  bytes_.fill(kNoToken);
  for (auto& row : ascii_) row.fill(kNoToken);
  if (!settings_.characters) {
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      bytes_[static_cast<std::size_t>(byte)] = find({&c, 1});
      if (bytes_[static_cast<std::size_t>(byte)] == kNoToken) {
        refuse("tokens", "one for each of the 256 bytes", "none for " + shown({&c, 1}));
      }
    }
    return;
  }
  if (settings_.byte_fallback) {
    fallback_.assign(static_cast<std::size_t>(size()), -1);
    for (std::size_t byte = 0; byte < 256; ++byte) {
      constexpr char kDigits[] = "0123456789ABCDEF";
      const std::string name = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
      bytes_[byte] = find(name);
      if (bytes_[byte] == kNoToken) {
        refuse("tokens", "<0x00> to <0xFF> for the bytes of unknown characters", "none that is " + name);
      }
      fallback_[static_cast<std::size_t>(bytes_[byte])] = static_cast<std::int16_t>(byte);
    }
  }
  if (!settings_.end_of_word.empty() && settings_.mark_is_symbol) {
    mark_ = find(settings_.end_of_word);
    if (mark_ == kNoToken) refuse("end_of_word", "a token", shown(settings_.end_of_word) + ", which is none");
  }
  for (int c = 0; c < 128; ++c) {
    const std::string character(1, static_cast<char>(c));
    ascii_[0][static_cast<std::size_t>(c)] = find(character);
    ascii_[1][static_cast<std::size_t>(c)] =
        settings_.mark_is_symbol ? find(character) : find(character + settings_.end_of_word);
  }
}

void BpeModel::index_merges(std::span<const std::int32_t> merges, std::span<const std::int32_t> merged) {
  std::vector<std::int32_t> numbers(table_slots(merged.size()), -1);  // of merges, by their pairs
  std::vector<RankedToken> found(merged.size());
  symbols_.assign(static_cast<std::size_t>(size()), 1);
  if (!settings_.characters) {
    for (std::size_t id = 0; id < symbols_.size(); ++id) {
      symbols_[id] =
          static_cast<std::int32_t>(std::min<std::int64_t>(offsets_[id + 1] - offsets_[id], 0x7FFFFFFF));
    }
  }
  merged_.assign(merged.begin(), merged.end());
  pair_uses_.assign(65536, 0);
  triples_.assign(8192, 0);
  for (std::size_t k = 0; k < merged.size(); ++k) {
    const std::int32_t left = merges[2 * k], right = merges[2 * k + 1], result = merged[k];
    const std::string_view a = token(left), b = token(right), both = token(result);
    if (both.size() != a.size() + b.size() || !both.starts_with(a) || !both.ends_with(b)) {
      refuse(place("merges", k), shown(a) + " and " + shown(b) + " to make the token of both", shown(both));
    }
    index_joints(both);
    std::size_t i = MergeTable::hash(left, right) & (numbers.size() - 1);
    for (; numbers[i] >= 0; i = (i + 1) & (numbers.size() - 1)) {
      const auto other = static_cast<std::size_t>(numbers[i]);
      if (merges[2 * other] == left && merges[2 * other + 1] == right) {
        refuse(place("merges", k), "distinct merges",
               shown(a) + " and " + shown(b) + " again, which is merge " + std::to_string(other) + " too");
      }
    }
    numbers[i] = static_cast<std::int32_t>(k);
    const bool shared = settings_.shared_ranks && k > 0 && merged[k - 1] == result;
    found[k] = {shared ? found[k - 1].rank : static_cast<std::uint32_t>(k), result};
  }
  pairs_ = MergeTable(merges, found);
  if (settings_.characters) {
    count_characters(merges, merged);
    return;
  }
  index_wide_joints();
  byte_pairs_.resize(65536);
  for (std::size_t pair = 0; pair < 65536; ++pair)
    byte_pairs_[pair] = pairs_.find(bytes_[pair >> 8], bytes_[pair & 255]);
}

// A merge may come before those that make its parts, so tokens are counted from the shortest on.
void BpeModel::count_characters(std::span<const std::int32_t> merges, std::span<const std::int32_t> merged) {
  std::vector<std::size_t> order(merged.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return token(merged[a]).size() < token(merged[b]).size();
  });
  std::vector<bool> made(static_cast<std::size_t>(size()));
  for (const std::size_t k : order) {
    const auto result = static_cast<std::size_t>(merged[k]);
    const std::int32_t count = symbols(merges[2 * k]) + symbols(merges[2 * k + 1]);
    if (made[result] && symbols_[result] != count) {
      refuse(place("merges", k),
             shown(token(merged[k])) + " to be made of " + std::to_string(symbols_[result]) +
                 " symbols, as by another",
             std::to_string(count));
    }
    symbols_[result] = count;
    made[result] = true;
  }
}

std::int32_t BpeModel::character_token(std::string_view character, bool last) const {
  if (character.size() == 1 && static_cast<unsigned char>(character[0]) < 128) {
    return ascii_[last][static_cast<std::size_t>(character[0])];
  }
  if (!last || settings_.mark_is_symbol || settings_.end_of_word.empty()) return find(character);
  std::string marked(character);
  return find(marked += settings_.end_of_word);
}

std::int32_t BpeModel::find(std::string_view bytes) const {
  for (std::size_t i = hash_bytes(bytes) & table_mask_; table_[i] != kNoToken; i = (i + 1) & table_mask_) {
    if (token(table_[i]) == bytes) return table_[i];
  }
  return kNoToken;
}

}  // namespace fastnlp
