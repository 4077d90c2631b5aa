#if defined(__x86_64__)
#include "vectors/topk_kernel.h"

namespace fastnlp {

constinit const NearestKernels kNearestAvx512 = make_kernels<16, 12>("avx512");

}  // namespace fastnlp
#endif
