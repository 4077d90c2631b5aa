#include "support/checks.h"

#include <algorithm>
#include <cmath>

namespace fastnlp {

void check_ids(const char* argument, std::span<const std::int32_t> ids, std::int64_t size,
               std::int64_t first) {
  std::uint32_t largest = 0;  // a negative id is a huge unsigned one, so one maximum sees both ends
  for (const std::int32_t id : ids) largest = std::max(largest, static_cast<std::uint32_t>(id));
  if (ids.empty() || static_cast<std::int64_t>(largest) < size) return;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= size) {
      throw std::out_of_range(
          std::string(argument) + "[" + std::to_string(first + static_cast<std::int64_t>(i)) +
          "]: expected an id in [0, " + std::to_string(size) + "), got " + std::to_string(ids[i]));
    }
  }
}

void check_offsets(const char* argument, std::span<const std::int64_t> offsets, std::int64_t total) {
  const std::string name(argument);
  if (offsets.empty()) refuse(name, "at least one offset", "none");
  if (offsets.front() != 0) refuse(name + "[0]", "0", std::to_string(offsets.front()));
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] < offsets[i - 1]) {
      refuse(name + "[" + std::to_string(i) + "]", "at least " + std::to_string(offsets[i - 1]),
             std::to_string(offsets[i]));
    }
  }
  if (offsets.back() != total) {
    refuse(name + "[-1]", std::to_string(total) + " (the length of what it divides)",
           std::to_string(offsets.back()));
  }
}

void check_weights(const char* argument, std::span<const double> weights) {
  const std::string name(argument);
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i]) || weights[i] < 0.0) {
      refuse(name + "[" + std::to_string(i) + "]", "a finite weight >= 0", std::to_string(weights[i]));
    }
    sum += weights[i];
  }
  if (!(sum > 0.0) || !std::isfinite(sum)) {
    refuse(name, "weights with a positive, finite sum", std::to_string(sum));
  }
}

}  // namespace fastnlp
