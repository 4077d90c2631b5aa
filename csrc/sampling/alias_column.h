#pragma once

#include <cstdint>

namespace fastnlp {

// Index i keeps a draw that falls on its column when the threshold accepts it; otherwise `alias` gets it.
struct AliasColumn {
  std::uint32_t threshold;
  std::int32_t alias;
};

}  // namespace fastnlp
