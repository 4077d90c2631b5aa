#if defined(__x86_64__)
#include "vectors/topk_kernel.h"

namespace fastnlp {

constinit const NearestKernels kNearestAvx2 = make_kernels<8, 6>("avx2");

}  // namespace fastnlp
#endif
