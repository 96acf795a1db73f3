// AVX2 kernels.
#include "finish.h"
#include "simple.h"

namespace ae {
namespace {
bool runs_here() { return false; }
}  // namespace
const Kernels kAvx2 = {"avx2",   runs_here, 0,    kPortable.convolve, kPortable.depthwise,
                       max_pool, average,   join, narrow};
}  // namespace ae
