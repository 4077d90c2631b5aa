#if defined(__x86_64__)  // CMake compiles this file with the flags of its instruction set

#include "training/skipgram_kernel.h"

namespace fastnlp {

SkipGramKernels skipgram_kernels_avx2() { return {&keep_tokens, &train_kept, "avx2"}; }

}  // namespace fastnlp
#endif
