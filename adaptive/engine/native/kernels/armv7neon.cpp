// Kernels for 32-bit Arm with NEON (Cortex-A7, A8, A9, A15, A17).
#include <sys/auxv.h>

#include "neonwoven.h"

namespace ae {
namespace {

constexpr unsigned long kNeonUnit = 1ul << 12;  // HWCAP_NEON

bool runs_here() { return (getauxval(AT_HWCAP) & kNeonUnit) != 0; }

using Set = Multiplying<2, 1, 2>;

}  // namespace

const Kernels kArmv7Neon = {"armv7neon", runs_here, 128,  convolve<Set, Woven<1, 3>>, depthwise<1>,
                            max_pool,    average,   join, narrow, 1, weave};

}  // namespace ae
