#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_tokenizers(py::module_&) {}

}  // namespace fastnlp::bindings
