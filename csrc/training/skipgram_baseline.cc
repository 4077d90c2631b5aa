#include "training/skipgram_kernel.h"

namespace fastnlp {

SkipGramKernels skipgram_kernels_baseline() { return {&keep_tokens, &train_kept, "baseline"}; }

}  // namespace fastnlp
