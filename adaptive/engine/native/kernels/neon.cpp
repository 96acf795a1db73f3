// Kernels for 64-bit Arm without the dot product (Cortex-A53, A72, A73).
#include "neonmul.h"

namespace ae {
namespace {

bool runs_here() { return true; }  // every 64-bit Arm core has these instructions

using Set = Multiplying<4, 2, 2>;

}  // namespace

const Kernels kNeon = {"neon",   runs_here, 128,  walk<Set>, depthwise<4>,
                       max_pool, average,   join, narrow, nullptr};

}  // namespace ae
