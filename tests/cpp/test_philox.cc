#include "check.h"
#include "support/philox.h"

using fastnlp::Block;

// Known answers of the Random123 distribution for philox4x32-10.
TEST(philox_matches_the_published_vectors) {
  CHECK((fastnlp::philox::bijection({0, 0, 0, 0}, 0, 0) ==
         Block{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  CHECK(
      (fastnlp::philox::bijection({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, 0xffffffffu,
                                  0xffffffffu) == Block{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  CHECK(
      (fastnlp::philox::bijection({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, 0xa4093822u,
                                  0x299f31d0u) == Block{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(thresholds_keep_zero_and_one_exact) {
  CHECK(!fastnlp::accepts(fastnlp::threshold(0.0), 0u));
  CHECK(fastnlp::accepts(fastnlp::threshold(1.0), 0xFFFFFFFFu));
  CHECK(fastnlp::accepts(fastnlp::threshold(0.5), 0x7FFFFFFFu));
  CHECK(!fastnlp::accepts(fastnlp::threshold(0.5), 0x80000000u));
}
