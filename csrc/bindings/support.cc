#include "bindings/bindings.h"
#include "support/philox.h"

namespace fastnlp::bindings {

void register_support(py::module_& m) {
  m.def(
      "philox",
      [](std::uint64_t seed, std::uint32_t stream, std::uint32_t epoch, std::uint64_t position,
         std::uint32_t block) {
        return philox::block(seed, static_cast<Stream>(stream), epoch, position, block);
      },
      "seed"_a, "stream"_a, "epoch"_a, "position"_a, "block"_a,
      "Four 32-bit words of a Philox4x32-10 stream; see csrc/support/philox.h for the counter layout.");
}

}  // namespace fastnlp::bindings
