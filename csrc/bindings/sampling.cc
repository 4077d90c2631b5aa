#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_sampling(py::module_&) {}

}  // namespace fastnlp::bindings
