#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_bpe_codec(py::module_&) {}

}  // namespace fastnlp::bindings
