#if defined(__x86_64__)  // CMake compiles this file with the flags of its instruction set

#include "training/glove_kernel.h"

namespace fastnlp {

GloveKernel glove_kernel_avx2() { return {&train_unit, "avx2"}; }

}  // namespace fastnlp
#endif
