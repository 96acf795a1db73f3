// Kernels for 64-bit Arm without the dot product (Cortex-A53, A72, A73).
#include "neonwoven.h"

namespace ae {
namespace {

bool runs_here() { return true; }  // every 64-bit Arm core has these instructions

using Set = Multiplying<4, 2, 2>;

}  // namespace

const Kernels kNeon = {"neon",   runs_here, 128,  convolve<Set, Woven<4, 2>>, depthwise<4>,
                       max_pool, average,   join, narrow, 1, weave};

}  // namespace ae
