// Decimal numbers as the nearest float32, ties to even: what strtof gives, at the pace of reading.
//
// Up to 19 digits make an integer w and a power of ten. Where w <= 2^53 and the power is at most 22, both are
// doubles, so w * 10^p or w / 10^p is the double nearest to the number (Clinger 1990, "How to read floating
// point numbers accurately"). Rounding is monotone and a midpoint of two float32 is a double, so the float32
// nearest to that double is also the one nearest to the number unless the double is itself a midpoint: then,
// as for all other numbers, std::from_chars decides.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastnlp {

enum class Number { kFinite, kNotFinite, kNotANumber };

// Any decimal number, all of `field`: a sign, digits with or without a point, an exponent.
Number parse_decimal(std::string_view field, float& value);

namespace decimal {

inline constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr std::uint64_t kWholePowers[] = {1,      10,      100,      1000,     10000,
                                                 100000, 1000000, 10000000, 100000000};

// The digits that the 8 bytes at `at` begin with: their number, and their value.
inline int leading_digits(const char* at, std::uint64_t& value) {
  std::uint64_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  const std::uint64_t digits = bytes ^ 0x3030303030303030u;
  // A byte that is no digit has a high nibble, or gets one by adding 6; what is carried out of it reaches
  // only bytes behind the first such one.
  const std::uint64_t other = ((digits + 0x0606060606060606u) | digits) & 0xF0F0F0F0F0F0F0F0u;
  if (other == 0) {
    std::uint64_t x = digits * 10 + (digits >> 8);
    x = (((x & 0x000000FF000000FFu) * 0x000F424000000064u) +
         (((x >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
        32;
    value = x;
    return 8;
  }
  const int count = std::countr_zero(other) >> 3;
  // Moved up behind zeros: two shifts, for one by 64 is not defined.
  std::uint64_t x = digits << 8 << (56 - 8 * count);
  x = x * 10 + (x >> 8);
  x = (((x & 0x000000FF000000FFu) * 0x000F424000000064u) +
       (((x >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
      32;
  value = x;
  return count;
}

}  // namespace decimal

// The common number at `at`, up to the space, tab or other end behind it; returns where it ends, or nullptr
// where parse_decimal has to look. At least 32 bytes from `at` on must be readable.
inline const char* parse_common_decimal(const char* at, float& value) {
  const bool negative = *at == '-';
  at += negative;
  std::uint64_t w = static_cast<unsigned char>(*at) - std::uint64_t{'0'};
  if (w > 9) return nullptr;
  ++at;
  if (static_cast<unsigned char>(*at) - unsigned{'0'} <= 9) [[unlikely]] {
    std::uint64_t digits;
    const int more = decimal::leading_digits(at, digits);
    if (more > 2) return nullptr;
    at += more;
    w = w * decimal::kWholePowers[more] + digits;
  }
  int power = 0;
  if (*at == '.') {
    std::uint64_t digits;
    const int count = decimal::leading_digits(++at, digits);
    at += count;
    w = w * decimal::kWholePowers[count] + digits;
    power = -count;
    if (count == 8) {
      const int more = decimal::leading_digits(at, digits);
      if (more == 8) return nullptr;
      at += more;
      w = w * decimal::kWholePowers[more] + digits;
      power -= more;
    }
  }
  if ((*at | 0x20) == 'e') {
    ++at;
    const bool down = *at == '-';
    at += down || *at == '+';
    if (*at < '0' || *at > '9') return nullptr;
    int exponent = *at++ - '0';
    if (*at >= '0' && *at <= '9') exponent = exponent * 10 + (*at++ - '0');
    if (*at >= '0' && *at <= '9') return nullptr;
    power += down ? -exponent : exponent;
  }
  if (w > (std::uint64_t{1} << 53) || power < -22 || power > 22) return nullptr;
  const auto exact = static_cast<double>(static_cast<std::int64_t>(w));
  const double wide = power < 0 ? exact / decimal::kPowers[-power] : exact * decimal::kPowers[power];
  if ((std::bit_cast<std::uint64_t>(wide) & 0x1FFFFFFFu) == 0x10000000u) return nullptr;
  const auto narrow = std::bit_cast<std::uint32_t>(static_cast<float>(wide));
  value = std::bit_cast<float>(narrow | (static_cast<std::uint32_t>(negative) << 31));
  return at;
}

}  // namespace fastnlp
