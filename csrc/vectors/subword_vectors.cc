#include "vectors/subword_vectors.h"

#include <algorithm>
#include <limits>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kWordsAtOnce = 256;

typedef float loose_float __attribute__((aligned(1), may_alias));

void add_row(const FloatRows& rows, std::int64_t row, std::int64_t dim, float* out) {
  // Spelled out, as auto would lose the alignment.
  const loose_float* const from = reinterpret_cast<const loose_float*>(rows.data + row * rows.pitch);
  for (std::int64_t d = 0; d < dim; ++d) out[d] += from[d];
}

void check(const SubwordTable& table, PackedWords words, std::span<const std::int64_t> rows,
           std::int64_t dim) {
  check_offsets("offsets", words.offsets, static_cast<std::int64_t>(words.data.size()));
  check_ngram_rule(table.rule);
  if (dim < 1) refuse("dim", "1 or more", std::to_string(dim));
  if (static_cast<std::int64_t>(rows.size()) != words.size()) {
    refuse("rows", "one per word (" + std::to_string(words.size()) + ")", std::to_string(rows.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= table.words.rows) {
      throw std::out_of_range("rows[" + std::to_string(i) + "]: expected less than " +
                              std::to_string(table.words.rows) + ", got " + std::to_string(rows[i]));
    }
  }
  if (table.rule.max_n == 0) return;
  if (table.buckets < 1 || table.buckets > std::numeric_limits<std::int32_t>::max()) {
    refuse("buckets", "1 to 2^31 - 1", std::to_string(table.buckets));
  }
  const std::int64_t named =
      table.row_bucket.empty() ? table.buckets : static_cast<std::int64_t>(table.row_bucket.size());
  // No rows at all for the n-grams is right where no bucket has one.
  if (table.ngrams.rows != named && !(table.row_bucket.empty() && table.ngrams.rows == 0)) {
    refuse("ngrams", std::to_string(named) + " rows", std::to_string(table.ngrams.rows));
  }
}

}  // namespace

void compose_vectors(const SubwordTable& table, PackedWords words, std::span<const std::int64_t> rows,
                     std::int64_t dim, float* out, int threads) {
  check(table, words, rows, dim);
  const auto buckets = static_cast<std::uint32_t>(table.buckets);
  const auto& named = table.row_bucket;
  const auto row_of = [&](std::int32_t bucket) -> std::int64_t {
    if (named.empty()) return table.ngrams.rows > 0 ? bucket : -1;
    const auto found = std::lower_bound(named.begin(), named.end(), bucket);
    return found != named.end() && *found == bucket ? found - named.begin() : -1;
  };
  for_each_block(words.size(), kWordsAtOnce, threads, [&](auto, std::int64_t begin, std::int64_t end) {
    std::string marked;
    for (std::int64_t i = begin; i < end; ++i) {
      float* sum = out + i * dim;
      std::fill(sum, sum + dim, 0.0f);
      std::int64_t count = 0;
      if (rows[static_cast<std::size_t>(i)] >= 0) {
        add_row(table.words, rows[static_cast<std::size_t>(i)], dim, sum);
        ++count;
      }
      if (words[i] != kEndOfSentence) {
        mark_word(marked, words[i]);
        for_each_ngram(marked, table.rule, [&](std::size_t, std::size_t, std::uint32_t hash) {
          const std::int64_t row = row_of(static_cast<std::int32_t>(hash % buckets));
          if (row >= 0) add_row(table.ngrams, row, dim, sum);
          ++count;
        });
      }
      if (table.mean && count > 0) {
        const float share = static_cast<float>(1.0 / static_cast<double>(count));
        for (std::int64_t d = 0; d < dim; ++d) sum[d] *= share;
      }
    }
  });
}

}  // namespace fastnlp
