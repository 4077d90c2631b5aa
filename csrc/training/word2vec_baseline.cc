#include "training/word2vec_kernel.h"

namespace fastnlp {

Word2VecKernels word2vec_kernels_baseline() { return {&keep_tokens, &train_kept, "baseline"}; }

}  // namespace fastnlp
