// A text whose lines are paragraphs and whose sentences end at " . ", as the book reads WikiText-2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fastnlp {

// The lines with a full stop between spaces, as they lie in the text, which has to stay there.
class Paragraphs {
 public:
  // Lines end at "\n", "\r" or both. Throws where the text is not UTF-8.
  explicit Paragraphs(std::string_view text);

  std::int64_t count() const { return static_cast<std::int64_t>(lines_.size()); }
  // A paragraph without the ASCII white space around it.
  std::string_view operator[](std::int64_t i) const;

  // The characters beyond ASCII of the whole text, rising.
  std::vector<std::uint32_t> characters() const;
  // The paragraphs in which one of these stands.
  std::vector<std::int64_t> having(std::span<const std::uint32_t> characters) const;
  // Takes other text for a paragraph.
  void replace(std::int64_t i, std::string line);

  // How many bytes `write` makes of a paragraph, and of each of them.
  std::size_t size(std::int64_t i) const;
  std::vector<std::int64_t> sizes() const;
  // Writes paragraphs in some order, ASCII in lower case, a sentence a line and an empty line behind each
  // paragraph: "A . B ." becomes "a \n b .\n\n". Gives the end of what it has written.
  char* write(std::span<const std::int64_t> order, char* out) const;

 private:
  std::vector<std::string_view> lines_;
  std::deque<std::string> replaced_;  // what lies in it stays in its place
  std::vector<std::uint64_t> seen_;   // a bit for each character
};

}  // namespace fastnlp
