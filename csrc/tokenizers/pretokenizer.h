// Pre-tokenizers cut a text into the pieces that byte-pair encoding works on: no merge reaches across a cut.
// Each is a class with
//
//   static const char* next(const char* p, const char* end);
//
// the end of the piece that begins at p < end, where [.., end) is a whole document and p a cut. They give
// exactly the matches of the regular expressions beside them; every byte is in one piece.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "support/checks.h"
#include "tokenizers/characters.h"
#include "tokenizers/contractions.h"

namespace fastnlp {
namespace patterns {

// A run of white space, from its first character on.
struct Spaces {
  const char* end;
  const char* last;         // its last character
  const char* newline_end;  // behind its last \r or \n; nullptr where it has none
};

inline Spaces spaces_at(const char* p, const char* end) {
  Spaces run{p, p, nullptr};
  while (run.end < end) {
    const Character c = character_at(run.end, end);
    if (!(c.classes & kSpace)) break;
    run.last = run.end;
    run.end += c.length;
    if (*run.last == '\n' || *run.last == '\r') run.newline_end = run.end;
  }
  return run;
}

// \s+(?!\S)|\s: a run gives its last character to what follows it.
inline const char* after_spaces(const Spaces& run, const char* p, const char* end) {
  return run.end == end || run.last == p ? run.end : run.last;
}

// How many bytes of 's 't 're 've 'm 'll 'd stand at p, which is an apostrophe; 0 for none of them.
template <bool kAnyCase>
int contraction(const char* p, const char* end) {
  const auto letter = [&](int i) {
    const char c = end - p > i ? p[i] : '\0';
    return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  // U+017F, the long s, is an s to a regular expression that ignores case.
  if (kAnyCase && letter(1) == '\xC5') return letter(2) == '\xBF' ? 3 : 0;
  return fastnlp::contraction(letter(1), letter(2));
}

}  // namespace patterns

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
struct Gpt2Pattern {
  static constexpr bool kRunsOfOneClass = true;
  static const char* next(const char* p, const char* end) {
    if (*p == '\'') {
      if (const int length = patterns::contraction<false>(p, end)) return p + length;
    }
    const char* q = *p == ' ' ? p + 1 : p;
    if (const std::uint32_t letters = few_letters(q, end)) return q + letters;
    if (q == end) return end;
    const Character c = character_at(q, end);
    if (c.classes & kLetter) return after_letters(q + c.length, end);
    if (c.classes & kNumber) return after_run(q + c.length, end, kNumber);
    if (c.classes & kSpace) return patterns::after_spaces(patterns::spaces_at(p, end), p, end);
    return after_run_without(q + c.length, end, kLetter | kNumber | kSpace);
  }
};

// '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
// ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s, for `kEnd`; else without \s+$, so that white space
// at the end of a text is cut as elsewhere.
template <bool kEnd>
struct Cl100kPattern {
  static constexpr bool kRunsOfOneClass = false;
  static const char* next(const char* p, const char* end) {
    if (*p == '\'') {
      if (const int length = patterns::contraction<true>(p, end)) return p + length;
    }
    const char* word = *p == ' ' ? p + 1 : p;
    if (const std::uint32_t letters = few_letters(word, end)) return word + letters;
    const Character first = character_at(p, end);
    if (first.classes & kLetter) return after_letters(p + first.length, end);
    if (first.classes & kNumber) return after_numbers(p + first.length, end);
    const char* q = p + first.length;
    if (q < end && *p != '\r' && *p != '\n') {
      const Character second = character_at(q, end);
      if (second.classes & kLetter) return after_letters(q + second.length, end);
      if (*p == ' ' && !(second.classes & (kNumber | kSpace))) return after_others(q + second.length, end);
    }
    if (!(first.classes & kSpace)) return after_others(q, end);
    const patterns::Spaces run = patterns::spaces_at(p, end);
    if (kEnd && run.end == end) return end;
    return run.newline_end != nullptr ? run.newline_end : patterns::after_spaces(run, p, end);
  }

  static const char* after_numbers(const char* p, const char* end) {
    for (int more = 2; more > 0 && p < end; --more) {
      const Character c = character_at(p, end);
      if (!(c.classes & kNumber)) break;
      p += c.length;
    }
    return p;
  }

  static const char* after_others(const char* p, const char* end) {
    p = after_run_without(p, end, kLetter | kNumber | kSpace);
    while (p < end && (*p == '\r' || *p == '\n')) ++p;
    return p;
  }
};

using Gpt4Pattern = Cl100kPattern<true>;
using Llama3Pattern = Cl100kPattern<false>;

// [^\r\n\p{L}\p{N}]?U*W+C?|[^\r\n\p{L}\p{N}]?U+W*C?|\p{N}{1,3}|
// ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W =
// [\p{Ll}\p{Lm}\p{Lo}\p{M}] and C the contractions of GPT-4.
struct O200kPattern {
  static constexpr bool kRunsOfOneClass = false;
  static const char* next(const char* p, const char* end) {
    const char* const letters = *p == ' ' ? p + 1 : p;
    if (const char* word = plain_letters(letters, end); word != nullptr && word != letters) return word;
    const Character first = character_at(p, end);
    const char* const behind = p + first.length;
    const bool sign = !(first.classes & (kLetter | kNumber)) && *p != '\r' && *p != '\n';
    for (const auto word : {small_word, large_word}) {
      const char* found = sign ? word(behind, end) : nullptr;
      if (found == nullptr) found = word(p, end);
      if (found == nullptr) continue;
      return found < end && *found == '\'' ? found + patterns::contraction<true>(found, end) : found;
    }
    if (first.classes & kNumber) return Gpt4Pattern::after_numbers(behind, end);
    if (!(first.classes & kSpace)) return after_others(behind, end);
    if (*p == ' ' && behind < end) {
      const Character second = character_at(behind, end);
      if (!(second.classes & (kLetter | kNumber | kSpace))) return after_others(behind + second.length, end);
    }
    const patterns::Spaces run = patterns::spaces_at(p, end);
    return run.newline_end != nullptr ? run.newline_end : patterns::after_spaces(run, p, end);
  }

 private:
  static bool upper(Character c) {
    return (c.classes & kMark) || (c.classes & (kLetter | kLower)) == kLetter;
  }
  static bool lower(Character c) {
    return (c.classes & kMark) || (c.classes & (kLetter | kUpper)) == kLetter;
  }
  static const char* after_lower(const char* p, const char* end) {
    while (p < end) {
      const Character c = character_at(p, end);
      if (!lower(c)) break;
      p += c.length;
    }
    return p;
  }

  // The end of U*W+ at p, nullptr for none: where nothing of W follows U*, it gives back what is of U alone.
  static const char* small_word(const char* p, const char* end) {
    const char* given_back = nullptr;
    for (const char* q = p; q < end;) {
      const Character c = character_at(q, end);
      if (!upper(c)) return lower(c) ? after_lower(q + c.length, end) : given_back;
      q += c.length;
      if (lower(c)) given_back = q;
    }
    return given_back;
  }
  // The end of U+W* at p, where U*W+ is none.
  static const char* large_word(const char* p, const char* end) {
    const char* q = p;
    while (q < end) {
      const Character c = character_at(q, end);
      if (!upper(c)) break;
      q += c.length;
    }
    return q == p ? nullptr : q;
  }
  static const char* after_others(const char* p, const char* end) {
    p = after_run_without(p, end, kLetter | kNumber | kSpace);
    while (p < end && (*p == '\r' || *p == '\n' || *p == '/')) ++p;
    return p;
  }
};

// \s+|\S+
struct WhitespacePattern {
  static constexpr bool kRunsOfOneClass = false;
  static const char* next(const char* p, const char* end) {
    const Character c = character_at(p, end);
    return c.classes & kSpace ? after_run(p + c.length, end, kSpace)
                              : after_run_without(p + c.length, end, kSpace);
  }
};

// A document is one piece.
struct WholePattern {
  static constexpr bool kRunsOfOneClass = false;
  static const char* next(const char*, const char* end) { return end; }
};

// Whether words surely end between a letter and this character that follows it, at p, whatever stands around:
// with o200k a mark or a contraction may go on with a word.
template <class Pattern>
bool ends_letters(Character c, const char* p) {
  if constexpr (std::is_same_v<Pattern, O200kPattern>) {
    return !(c.classes & (kLetter | kMark)) && *p != '\'';
  }
  return !(c.classes & kLetter);
}

// Calls f(pattern) with the pattern of that name.
template <class F>
decltype(auto) with_pattern(std::string_view name, F&& f) {
  if (name == "gpt2") return f(Gpt2Pattern{});
  if (name == "gpt4") return f(Gpt4Pattern{});
  if (name == "llama3") return f(Llama3Pattern{});
  if (name == "o200k") return f(O200kPattern{});
  if (name == "whitespace") return f(WhitespacePattern{});
  if (name == "none") return f(WholePattern{});
  refuse("pretokenizer", "'gpt2', 'gpt4', 'llama3', 'o200k', 'whitespace' or 'none'",
         std::string("'").append(name).append("'"));
}

}  // namespace fastnlp
