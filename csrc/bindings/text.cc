#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_text(py::module_&) {}

}  // namespace fastnlp::bindings
