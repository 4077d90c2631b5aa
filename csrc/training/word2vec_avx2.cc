#if defined(__x86_64__)  // CMake compiles this file with the flags of its instruction set

#include "training/word2vec_kernel.h"

namespace fastnlp {

Word2VecKernels word2vec_kernels_avx2() {
  return {&keep_tokens, &draw_all, &train_kept, &merge_copies, "avx2"};
}

}  // namespace fastnlp
#endif
