#include "bindings/bindings.h"

namespace fastnlp::bindings {

void register_training(py::module_&) {}

}  // namespace fastnlp::bindings
