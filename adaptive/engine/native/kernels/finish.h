// What follows the sums of one output position and one block of channels, in scalar code.
#pragma once

#include "../kernels.h"

namespace ae {

static inline int32_t load_code(const uint8_t *at, ptrdiff_t low) {
  return *at * 256 + (low ? at[low] : kPlainLow) - kPlaneOffset;
}

static inline void store_code(uint8_t *at, ptrdiff_t low, int32_t code) {
  const int32_t t = code + kPlaneOffset;
  at[0] = static_cast<uint8_t>(t >> 8);
  if (low) at[low] = static_cast<uint8_t>(t);
}

// Requantises one accumulator to a 16-bit code.
static inline int32_t finish_code(const Constants &k, int64_t total, int channel) {
  const int32_t code =
      requantise(add64(total, k.bias[channel]), k.multiplier[channel], k.pre_shift[channel],
                 k.shift[channel], k.least, k.greatest, k.zero);
  return code * (1 << (16 - k.bits));
}

// Writes the channels of one block that exist; `total` holds kBlock accumulators.
static inline void finish_block(const Convolution &c, const int64_t *total, int block,
                                uint8_t *target, const uint8_t *other) {
  const int first = block * kBlock;
  const int count = clamp(c.channels - first, 0, kBlock);
  for (int i = 0; i < count; ++i) {
    int32_t code = finish_code(c.constants, total[i], first + i);
    if (c.adds) code = rescale(c.addition, code, load_code(other + first + i, c.other.low));
    store_code(target + first + i, c.target.low, code);
  }
}

static inline void finish_depthwise(const Depthwise &d, const int64_t *total, int block,
                                    uint8_t *target) {
  const int first = block * kBlock;
  const int count = clamp(d.channels - first, 0, kBlock);
  for (int i = 0; i < count; ++i) {
    store_code(target + first + i, d.target.low, finish_code(d.constants, total[i], first + i));
  }
}

}  // namespace ae
