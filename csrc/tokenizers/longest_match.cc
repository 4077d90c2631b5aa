#include "tokenizers/longest_match.h"

#include <bit>

namespace fastnlp {

LongestMatch::LongestMatch(const BpeModel& model, const std::vector<std::int32_t>& special) {
  std::vector<bool> is_special(static_cast<std::size_t>(model.size()));
  for (const std::int32_t id : special) is_special[static_cast<std::size_t>(id)] = true;
  std::size_t bytes = 0;
  for (std::int32_t id = 0; id < model.size(); ++id) bytes += model.token(id).size();
  edges_.assign(std::bit_ceil(2 * bytes + 2), {0, 0, kNoToken});
  std::uint32_t nodes = 1;
  for (std::int32_t id = 0; id < model.size(); ++id) {
    if (is_special[static_cast<std::size_t>(id)]) continue;
    std::uint32_t node = 0;
    Edge* edge = nullptr;
    for (const char c : model.token(id)) {
      const std::uint64_t key = (static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(c)) + 1;
      edge = &edges_[slot(key)];
      if (edge->key == 0) *edge = {key, nodes++, kNoToken};
      node = edge->target;
    }
    edge->id = id;
  }
}

std::size_t LongestMatch::slot(std::uint64_t key) const {
  const std::size_t mask = edges_.size() - 1;
  std::size_t i = (key * 0x9E3779B97F4A7C15u >> 32) & mask;
  while (edges_[i].key != 0 && edges_[i].key != key) i = (i + 1) & mask;
  return i;
}

LongestMatch::Match LongestMatch::at(std::string_view rest) const {
  Match match{kNoToken, 0};
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const Edge& edge =
        edges_[slot((static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(rest[i])) + 1)];
    if (edge.key == 0) break;
    node = edge.target;
    if (edge.id != kNoToken) match = {edge.id, i + 1};
  }
  return match;
}

}  // namespace fastnlp
