// AVX512-VNNI kernels.
#include "finish.h"
#include "simple.h"

namespace ae {
namespace {
bool runs_here() { return false; }
}  // namespace
const Kernels kAvx512Vnni = {"avx512vnni",   runs_here, 0,    kPortable.convolve, kPortable.depthwise,
                       max_pool, average,   join, narrow};
}  // namespace ae
