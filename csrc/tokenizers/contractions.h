// English contractions, which GPT's patterns keep together.
#pragma once

namespace fastnlp {

// The bytes of 's 't 're 've 'm 'll 'd by the two that follow the apostrophe, 0 for none of them. Of internal
// linkage, as it is compiled for several instruction sets.
static constexpr int contraction(char first, char second) {
  switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return second == 'e' ? 3 : 0;
    case 'l':
      return second == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

}  // namespace fastnlp
