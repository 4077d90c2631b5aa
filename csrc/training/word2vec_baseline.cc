#include "training/word2vec_kernel.h"

namespace fastnlp {

Word2VecKernels word2vec_kernels_baseline() {
  return {&keep_tokens, &draw_all, &train_kept, &merge_copies, "baseline"};
}

}  // namespace fastnlp
