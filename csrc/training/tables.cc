#include "training/tables.h"

#include <algorithm>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {

void fill_uniform(Table table, std::int64_t dim, float bound, std::uint64_t seed, int threads) {
  if (dim < 1 || dim > table.pitch) {
    refuse("dim", "1 to the table's " + std::to_string(table.pitch) + " columns", std::to_string(dim));
  }
  for_each_block(table.rows, 4096, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float* out = table.data + row * table.pitch;
      PhiloxStream random(seed, Stream::kTables, 0, static_cast<std::uint64_t>(row));
      for (std::int64_t d = 0; d < dim; ++d) out[d] = (2.0f * unit_float(random.next()) - 1.0f) * bound;
      std::fill(out + dim, out + table.pitch, 0.0f);
    }
  });
}

}  // namespace fastnlp
