// Which compiled kernels this machine can run. The names match the flags that CMake compiles *_avx512.cc and
// *_avx2.cc with: every extension a compiler may use there is asked for here.
#pragma once

namespace fastnlp {

#if defined(__x86_64__)
inline bool runs_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
inline bool runs_avx512() {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
inline bool runs_avx512_vbmi2() { return runs_avx512() && __builtin_cpu_supports("avx512vbmi2"); }
#endif

}  // namespace fastnlp
