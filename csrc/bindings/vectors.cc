#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_vectors(py::module_&) {}

}  // namespace fastnlp::bindings
