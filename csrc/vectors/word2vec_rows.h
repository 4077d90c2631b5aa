// Rows of word2vec's two file formats, parsed from and written to blocks of bytes that the caller moves.
//   text:   token, then D decimal numbers, separated by spaces or tabs, a row a line. A token may hold
//   spaces:
//           the numbers are counted from the right.
//   binary: token, one space, D little-endian float32, and a line feed that word2vec.c writes and gensim does
//   not.
// Refusals start with the place ("line 7: ..." or "byte 812: ...").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fastnlp {

struct ParsedRows {
  std::int64_t consumed = 0;             // bytes of the block that are done with
  std::vector<std::string_view> tokens;  // one a row, pointing into the block
};

// Parses whole lines until the block or `out` (rows x dim) is used up; a line without its end waits for the
// next block unless this one is the last. Blank lines are allowed at the end of the file only.
//   first_line: the number, from 1, of the block's first line.
ParsedRows parse_text_rows(std::string_view block, bool last, std::int64_t dim, std::span<float> out,
                           std::int64_t first_line);

// The same for the binary format; first_byte is the block's offset in the file.
ParsedRows parse_binary_rows(std::string_view block, bool last, std::int64_t dim, std::span<float> out,
                             std::int64_t first_byte);

// Rows as text; each number is the shortest that reads back as the same float32. `pitch` floats lie between
// rows. first_row is used in refusals: a number that is not finite, a token the format cannot hold.
std::string format_text_rows(std::span<const std::string_view> tokens, const float* vectors, std::int64_t dim,
                             std::int64_t pitch, std::int64_t first_row);
std::string format_binary_rows(std::span<const std::string_view> tokens, const float* vectors,
                               std::int64_t dim, std::int64_t pitch, std::int64_t first_row);

}  // namespace fastnlp
