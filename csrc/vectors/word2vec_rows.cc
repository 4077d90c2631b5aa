#include "vectors/word2vec_rows.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "vectors/decimal.h"

namespace fastnlp {
namespace {

static_assert(std::endian::native == std::endian::little, "the binary format is written by copying float32");

[[noreturn]] void refuse_at(const char* unit, std::int64_t place, const std::string& what) {
  throw std::invalid_argument(std::string(unit) + " " + std::to_string(place) + ": " + what);
}

// A field as it can be printed: other bytes than visible ASCII as \xNN, cut after 40.
std::string quoted(std::string_view field) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char c : field.substr(0, 40)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + (field.size() > 40 ? "...'" : "'");
}

bool is_gap(char c) { return c == ' ' || c == '\t'; }
bool is_end(char c) { return is_gap(c) || c == '\r' || c == '\v' || c == '\f'; }

bool reads_as_number(std::string_view field) {
  float value;
  return parse_decimal(field, value) != Number::kNotANumber;
}

// What parse_common_decimal may read from the start of a number on.
constexpr std::ptrdiff_t kReadAhead = 32;

// The common line: no space in the token. False where it is anything else, and nothing is said about why.
//   readable: the end of the bytes that may be looked at, behind the line.
bool parse_plain_line(std::string_view line, const char* readable, std::int64_t dim, float* row,
                      std::string_view& token) {
  const char* at = line.data();
  const char* const stop = at + line.size();
  while (at != stop && !is_gap(*at)) ++at;
  token = {line.data(), static_cast<std::size_t>(at - line.data())};
  if (token.empty()) return false;
  for (std::int64_t d = 0; d < dim; ++d) {
    if (at == stop) return false;
    do ++at;
    while (at != stop && is_gap(*at));
    const char* const start = at;
    const char* end = readable - at >= kReadAhead ? parse_common_decimal(at, row[d]) : nullptr;
    if (end == nullptr || (end != stop && !is_gap(*end))) {
      for (end = start; end != stop && !is_gap(*end);) ++end;
      if (parse_decimal({start, static_cast<std::size_t>(end - start)}, row[d]) != Number::kFinite) {
        return false;
      }
    }
    at = end;
  }
  return at == stop;
}

// Any line, from the right; refuses with the reason.
void parse_any_line(std::string_view line, std::int64_t number, std::int64_t dim, float* row,
                    std::string_view& token) {
  const std::string wanted = std::to_string(dim) + (dim == 1 ? " number" : " numbers");
  std::size_t stop = line.size();
  for (std::int64_t d = dim; d-- > 0;) {
    std::size_t start = stop;
    while (start > 0 && !is_gap(line[start - 1])) --start;
    const std::string_view field = line.substr(start, stop - start);
    if (start == 0) {
      refuse_at("line", number,
                "expected a word and " + wanted + ", got " + std::to_string(dim - d) +
                    (dim - d == 1 ? " field" : " fields"));
    }
    switch (parse_decimal(field, row[d])) {
      case Number::kFinite:
        break;
      case Number::kNotFinite:
        refuse_at("line", number,
                  "expected finite numbers, got " + quoted(field) + " as number " + std::to_string(d + 1));
      case Number::kNotANumber:
        refuse_at("line", number,
                  "expected a word and " + wanted + ", got " + quoted(field) + " as number " +
                      std::to_string(d + 1));
    }
    stop = start;
    while (stop > 0 && is_gap(line[stop - 1])) --stop;
  }
  token = line.substr(0, stop);
  if (token.empty() || is_gap(token.front())) {
    refuse_at("line", number,
              "expected a word before the " + wanted + ", got " + (token.empty() ? "none" : quoted(token)));
  }
  const std::size_t space = token.find_last_of(" \t");
  if (space != std::string_view::npos && reads_as_number(token.substr(space + 1))) {
    refuse_at("line", number, "expected " + wanted + " after the word, got more");
  }
}

std::string row_name(std::int64_t row) { return "row " + std::to_string(row); }

void check_row(std::string_view token, const float* vector, std::int64_t dim, std::int64_t row) {
  if (token.empty()) throw std::invalid_argument(row_name(row) + ": expected a word, got an empty one");
  if (token.find('\n') != std::string_view::npos || token.find('\0') != std::string_view::npos) {
    throw std::invalid_argument(row_name(row) + ": the word " + quoted(token) +
                                " holds a line feed or NUL, which the word2vec formats cannot store");
  }
  for (std::int64_t d = 0; d < dim; ++d) {
    if (!std::isfinite(vector[d])) {
      throw std::invalid_argument(
          row_name(row) + ": expected finite numbers, got NaN or infinity in the vector of " + quoted(token));
    }
  }
}

}  // namespace

ParsedRows parse_text_rows(std::string_view block, bool last, std::int64_t dim, std::span<float> out,
                           std::int64_t first_line) {
  ParsedRows parsed;
  const std::size_t capacity = out.size() / static_cast<std::size_t>(dim);
  std::size_t at = 0;
  while (parsed.tokens.size() < capacity && at < block.size()) {
    const std::size_t feed = block.find('\n', at);
    if (feed == std::string_view::npos && !last) break;
    std::string_view line = block.substr(at, feed == std::string_view::npos ? feed : feed - at);
    while (!line.empty() && is_end(line.back())) line.remove_suffix(1);
    const std::int64_t number = first_line + static_cast<std::int64_t>(parsed.tokens.size());
    if (line.empty()) {
      if (block.find_first_not_of(" \t\r\v\f\n", at) != std::string_view::npos) {
        refuse_at("line", number,
                  "expected a word and " + std::to_string(dim) + " numbers, got a blank line");
      }
      if (last) at = block.size();
      break;
    }
    float* row = out.data() + parsed.tokens.size() * static_cast<std::size_t>(dim);
    std::string_view token;
    if (!parse_plain_line(line, block.data() + block.size(), dim, row, token))
      parse_any_line(line, number, dim, row, token);
    if (token.find('\0') != std::string_view::npos) {
      refuse_at("line", number, "expected a word, got " + quoted(token) + " with a NUL byte");
    }
    parsed.tokens.push_back(token);
    at = feed == std::string_view::npos ? block.size() : feed + 1;
  }
  parsed.consumed = static_cast<std::int64_t>(at);
  return parsed;
}

ParsedRows parse_binary_rows(std::string_view block, bool last, std::int64_t dim, std::span<float> out,
                             std::int64_t first_byte) {
  ParsedRows parsed;
  const std::size_t capacity = out.size() / static_cast<std::size_t>(dim);
  const std::size_t vector_bytes = static_cast<std::size_t>(dim) * sizeof(float);
  std::size_t at = 0;
  while (parsed.tokens.size() < capacity) {
    std::size_t start = at;
    while (start < block.size() && block[start] == '\n') ++start;
    const std::size_t space = start < block.size() ? block.find(' ', start) : std::string_view::npos;
    const auto place = first_byte + static_cast<std::int64_t>(start);
    if (space == std::string_view::npos || block.size() - space - 1 < vector_bytes) {
      if (last && start < block.size()) refuse_at("byte", place, "the file ends inside a row");
      break;
    }
    const std::string_view token = block.substr(start, space - start);
    if (token.empty() || token.find('\n') != std::string_view::npos ||
        token.find('\0') != std::string_view::npos) {
      refuse_at("byte", place,
                "expected a word, got " + quoted(token) +
                    "; the file is damaged or has another number of dimensions");
    }
    float* row = out.data() + parsed.tokens.size() * static_cast<std::size_t>(dim);
    std::memcpy(row, block.data() + space + 1, vector_bytes);
    for (std::int64_t d = 0; d < dim; ++d) {
      if (!std::isfinite(row[d])) {
        refuse_at("byte", first_byte + static_cast<std::int64_t>(space) + 1 + d * 4,
                  "expected finite numbers, got NaN or infinity in the vector of " + quoted(token));
      }
    }
    parsed.tokens.push_back(token);
    at = space + 1 + vector_bytes;
  }
  parsed.consumed = static_cast<std::int64_t>(at);
  return parsed;
}

std::string format_text_rows(std::span<const std::string_view> tokens, const float* vectors, std::int64_t dim,
                             std::int64_t pitch, std::int64_t first_row) {
  std::string out;
  out.reserve(tokens.size() * static_cast<std::size_t>(dim * 12 + 12));
  std::array<char, 32> digits;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view token = tokens[i];
    const std::int64_t row = first_row + static_cast<std::int64_t>(i);
    const float* vector = vectors + static_cast<std::int64_t>(i) * pitch;
    check_row(token, vector, dim, row);
    const std::size_t space = token.find_last_of(" \t");
    if (is_gap(token.front()) || is_end(token.back()) ||
        (space != std::string_view::npos && reads_as_number(token.substr(space + 1)))) {
      throw std::invalid_argument(row_name(row) + ": the word " + quoted(token) +
                                  " cannot be told from the numbers after it in word2vec's text format");
    }
    out += token;
    for (std::int64_t d = 0; d < dim; ++d) {
      const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), vector[d]);
      out += ' ';
      out.append(digits.data(), end);
    }
    out += '\n';
  }
  return out;
}

std::string format_binary_rows(std::span<const std::string_view> tokens, const float* vectors,
                               std::int64_t dim, std::int64_t pitch, std::int64_t first_row) {
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const float* vector = vectors + static_cast<std::int64_t>(i) * pitch;
    const std::int64_t row = first_row + static_cast<std::int64_t>(i);
    check_row(tokens[i], vector, dim, row);
    if (tokens[i].find(' ') != std::string_view::npos) {
      throw std::invalid_argument(
          row_name(row) + ": the word " + quoted(tokens[i]) +
          " holds a space, which ends a word in word2vec's binary format; save as text");
    }
    out += tokens[i];
    out += ' ';
    out.append(reinterpret_cast<const char*>(vector), static_cast<std::size_t>(dim) * sizeof(float));
    out += '\n';
  }
  return out;
}

}  // namespace fastnlp
