#include "vectors/topk_kernel.h"

namespace fastnlp {

constinit const NearestKernels kNearestBaseline = make_kernels<4, 4>("baseline");

}  // namespace fastnlp
