// Refusals. The core throws standard exceptions that name the argument, the value and the place; the bindings
// turn std::invalid_argument into ValueError and std::out_of_range into IndexError.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace fastnlp {

[[noreturn]] inline void refuse(const std::string& argument, const std::string& expected,
                                const std::string& got) {
  throw std::invalid_argument(argument + ": expected " + expected + ", got " + got);
}

// Every id in [0, size); throws with the first bad position, counted from `first` on.
void check_ids(const char* argument, std::span<const std::int32_t> ids, std::int64_t size,
               std::int64_t first = 0);

// Offsets start at 0, never fall, and end at `total`.
void check_offsets(const char* argument, std::span<const std::int64_t> offsets, std::int64_t total);

// Weights are finite, not negative, and not all zero.
void check_weights(const char* argument, std::span<const double> weights);

}  // namespace fastnlp
