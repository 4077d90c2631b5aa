#include "training/glove_kernel.h"

namespace fastnlp {

GloveKernel glove_kernel_baseline() { return {&train_unit, "baseline"}; }

}  // namespace fastnlp
