#include "text/phrase_words.h"

#include <string>

#include "support/checks.h"

namespace fastnlp {

std::vector<Role> phrase_roles(std::int64_t vocabulary, std::span<const std::int32_t> connectors,
                               std::span<const std::int32_t> apart) {
  if (vocabulary < 0 || vocabulary > 0x7FFFFFFF) {
    refuse("vocabulary", "0 to 2^31 - 1 words", std::to_string(vocabulary));
  }
  if (connectors.size() >= kNoPhrase) {
    refuse("connectors", "fewer than " + std::to_string(kNoPhrase), std::to_string(connectors.size()));
  }
  check_ids("apart", apart, vocabulary);
  std::vector<Role> roles(static_cast<std::size_t>(vocabulary));
  for (std::size_t i = 0; i < connectors.size(); ++i) {
    if (connectors[i] == -1) continue;
    check_ids("connectors", connectors.subspan(i, 1), vocabulary);
    Role& role = roles[static_cast<std::size_t>(connectors[i])];
    if (role != 0) refuse("connectors", "distinct ids", std::to_string(connectors[i]) + " twice");
    role = static_cast<Role>(i + 1);
  }
  for (const std::int32_t id : apart) roles[static_cast<std::size_t>(id)] = kNoPhrase;
  return roles;
}

}  // namespace fastnlp
