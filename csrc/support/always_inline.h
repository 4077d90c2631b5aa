// For the kernels that are compiled once per instruction set: a call between them would spill every vector
// register.
#pragma once

#define FASTNLP_INLINE [[gnu::always_inline]] inline
