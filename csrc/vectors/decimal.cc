#include "vectors/decimal.h"

#include <charconv>
#include <cmath>
#include <optional>

namespace fastnlp {
namespace {

// A decimal number outside float's normal range: 0 or a subnormal where it is small, nothing where it is
// large.
std::optional<float> parse_extreme(const char* first, const char* last) {
  double wide = 0.0;
  const auto [end, error] = std::from_chars(first, last, wide);
  if (end != last) return std::nullopt;
  if (error == std::errc()) {
    const auto narrow = static_cast<float>(wide);
    return std::isfinite(narrow) ? std::optional<float>(narrow) : std::nullopt;
  }
  // Beyond double too: it is small if its exponent is negative, or it has none and its integer part is 0.
  const std::string_view text(first, static_cast<std::size_t>(last - first));
  const std::size_t exponent = text.find_first_of("eE");
  const bool small = exponent != std::string_view::npos ? text.substr(exponent + 1).starts_with('-')
                                                        : text.find_first_of("123456789") > text.find('.');
  return small ? std::optional<float>(text.starts_with('-') ? -0.0f : 0.0f) : std::nullopt;
}

}  // namespace

Number parse_decimal(std::string_view field, float& value) {
  const char* first = field.data();
  const char* const last = first + field.size();
  if (last - first > 1 && *first == '+' && first[1] != '-') ++first;
  const auto [end, error] = std::from_chars(first, last, value);
  if (end != last || first == last) return Number::kNotANumber;
  if (error == std::errc::result_out_of_range) {
    const std::optional<float> extreme = parse_extreme(first, last);
    if (!extreme) return Number::kNotFinite;
    value = *extreme;
  } else if (error != std::errc()) {
    return Number::kNotANumber;
  }
  return std::isfinite(value) ? Number::kFinite : Number::kNotFinite;
}

}  // namespace fastnlp
