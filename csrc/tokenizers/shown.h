// A text as messages show it: cut short, other bytes than printable ASCII as \x and two digits.
#pragma once

#include <string>
#include <string_view>

namespace fastnlp {

inline std::string shown(std::string_view bytes) {
  constexpr std::size_t kMost = 60;
  std::string text = "'";
  for (const char c : bytes.substr(0, kMost)) {
    if (c >= 0x20 && c < 0x7F) {
      text += c;
    } else {
      constexpr char kDigits[] = "0123456789abcdef";
      text += {'\\', 'x', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    }
  }
  return text + (bytes.size() > kMost ? "...'" : "'");
}

}  // namespace fastnlp
