// Fuzzes the numbers of text: what parse_common_decimal takes is what parse_decimal and strtof make of the
// same characters, bit for bit.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "vectors/decimal.h"

using namespace fastnlp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr char kAlphabet[] = "0123456789.-+eE ";
  std::string text;
  for (std::size_t i = 0; i < size && i < 60; ++i) text += kAlphabet[data[i] & 15];
  text += " 00000000000000000000000000000000";
  float common = 0.0f, any = 0.0f;
  const char* end = parse_common_decimal(text.data(), common);
  if (end == nullptr) return 0;
  const std::string field(std::as_const(text).data(), end);
  if (parse_decimal(field, any) != Number::kFinite) std::abort();
  if (std::bit_cast<std::uint32_t>(common) != std::bit_cast<std::uint32_t>(any)) std::abort();
  char* stop = nullptr;
  const float expected = std::strtof(field.c_str(), &stop);
  if (*stop != '\0' || std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(any))
    std::abort();
  return 0;
}
