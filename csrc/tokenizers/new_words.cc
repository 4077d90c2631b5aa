#include "tokenizers/new_words.h"

#include <algorithm>

namespace fastnlp {

void NewWords::insert(EncodedIds& output) {
  std::size_t more = 0;
  for (std::size_t k = 0; k < places_; ++k) more += word_[place_[k].word].count;
  output.reserve(more);
  // From the last one on, as everything moves to the right.
  std::int32_t* const ids = output.ids.data();
  std::size_t from = output.used, to = output.used += more;
  for (std::size_t k = places_; k-- > 0;) {
    const Word& word = word_[place_[k].word];
    const std::size_t behind = from - place_[k].before;
    from -= behind;
    to -= behind;
    std::memmove(ids + to, ids + from, behind * sizeof *ids);
    to -= word.count;
    std::copy_n(word.ids, word.count, ids + to);
  }
  clear();
}

}  // namespace fastnlp
