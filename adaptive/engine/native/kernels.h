// What a kernel set offers: one table of functions for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arithmetic.h"

namespace ae {

constexpr int kLine = 64;   // bytes that planes are a multiple of
constexpr int kBlock = 16;  // output channels packed together
constexpr int kQuad = 4;    // products summed together

// Constants of a layer at one precision, for each channel padded to whole blocks. The first four
// are the sums' starting values: they undo the offsets of the stored bytes.
struct Constants {
  const int32_t *high, *cross, *cross_plain, *low;
  const int64_t *bias;
  const int32_t *multiplier, *pre_shift, *shift;
  // `narrow`: every sum with its bias fits 31 bits, shifted right by `pre_shift`, then left by
  // `lift` so that `high_shift` is 1 or more. `start` is `high` plus the bias and half of what the
  // pre-shift drops.
  bool narrow;
  const int32_t *start, *lift;
  // `split`: at 16 bits, where the bias with half of what the pre-shift drops is
  // `bias_high` 2^16 + `bias_middle` 2^8 + `bias_low`, carries between the three sums leave 32 bits,
  // and what exceeds 31 bits saturates to the last code.
  bool split;
  const int32_t *bias_high, *bias_middle, *bias_low;
  // Where `narrow` or `split`, what lies above the lower 32 bits of a product says all: it takes
  // `rounding` (half of what is dropped, and the stored form of the output's zero point scaled up),
  // and `high_shift` turns it into a stored code.
  const int32_t *rounding, *high_shift;
  // Some `pre_shift` or `lift` is not zero where `narrow`; some pre-shift is above 16 where `split`.
  bool deep;
  bool pairs;  // no high weight is -128: two products of bytes fit 16 bits
  int32_t zero, least, greatest;  // in codes of `bits`; least and greatest before the zero point
  int32_t stored_least;           // of what is stored: a code plus 128, or plus 32896 at 16 bits
  int bits;                       // of the output
};

// Byte products that are summed for each pair of a weight and an activation.
enum class Products : int {
  kHigh = 1,   // 8 bits: high x high
  kPlain = 2,  // 16-bit weights, activations of 8 bits: high x high, high x low
  kFast = 3,   // both 16 bits, without low x low
  kExact = 4,  // both 16 bits
};

// A signal's planes: `low` is the distance from a high byte to its low byte, 0 where there is none.
struct Planes {
  uint8_t *at;  // position (0, 0), channel 0
  ptrdiff_t low, row, column;
};

// A convolution of one group, its bias, and what follows: an addition, or nothing.
struct Convolution {
  const uint8_t *source;  // the window of output (0, 0)
  ptrdiff_t source_low, step_y, step_x;
  // The same window of woven codes, two bytes each, or NULL; and the ends, in quads, of segments of
  // the sum: what each is more than 2^16 times its high x high fits 32 bits.
  const uint8_t *woven;
  const int32_t *segments;
  int segment_count;
  void *scratch;  // a kernel set's own
  const int32_t *runs;  // where each run of bytes begins, from the window's first byte
  int run_count, run_quads;
  ptrdiff_t run_skip;  // bytes of weights behind each run that are not read
  const int8_t *weight_high, *weight_low;  // [block][quad][kBlock][kQuad]
  ptrdiff_t panel;                         // bytes of one block
  int blocks;
  const int8_t *following;  // weights that the next layer reads first
  ptrdiff_t following_bytes;
  Products products;
  bool wide;           // sums may leave 32 bits: the portable set alone takes them
  uint8_t source_zero;  // high byte of the source's zero point
  Constants constants;
  Planes target;
  int target_width, channels;
  bool adds;
  Planes other;
  Rescale addition;  // of this output and of `other`, in this order
};

// A convolution of each channel by itself; weights are [block][kx][ky / 4][kBlock][4].
struct Depthwise {
  Planes source;  // at the window of output (0, 0)
  uint8_t source_zero;
  int kernel_y, kernel_x, stride_y, stride_x;
  const int8_t *weight_high, *weight_low;
  ptrdiff_t panel;
  Products products;
  Constants constants;
  Planes target;
  int target_width, channels;
};

// Both planes of a whole buffer brought together: codes plus 128, of 16 bits each.
struct Weave {
  const uint8_t *high, *low;
  uint8_t *target;
};

// The greatest code of each window; padding is never the greatest.
struct MaxPool {
  Planes source, target;
  int source_height, source_width, target_width, channels;
  int kernel_y, kernel_x, stride_y, stride_x, pad_top, pad_left;
};

// The mean of each window, requantised to 16 bits.
struct Average {
  Planes source, target;
  int target_width, channels;
  int kernel_y, kernel_x, stride_y, stride_x;
  int64_t offset;  // minus what the zero point adds to a sum of stored values
  int32_t multiplier, pre_shift, shift, zero;
};

// Brings one signal, or the sum of two, to another scale; `same` where the codes do not change.
struct Join {
  Planes source, other, target;
  int width, channels;
  bool adds, same;
  Rescale constants;
};

// Brings codes to fewer bits, one a byte, half of these up: adds `carry` and drops the rest.
struct Narrow {
  Planes source, target;
  int width, channels;
  int bits, carry;
};

struct Range {
  int begin, end;
};

// Quads of a sum that a kernel set reads as woven codes: all at once, or in segments of fewer.
constexpr int kWovenQuads = 160, kSegmentQuads = 96;

struct Kernels {
  const char *name;
  bool (*runs_here)();
  int source_offset;  // what the kernels subtract from a stored byte before they multiply
  void (*convolve)(const Convolution &, Range positions, Range blocks);
  void (*depthwise)(const Depthwise &, Range rows, Range blocks);
  void (*max_pool)(const MaxPool &, Range rows);
  void (*average)(const Average &, Range rows);
  void (*join)(const Join &, Range rows);
  void (*narrow)(const Narrow &, Range rows);
  int most_segments;  // of a layer that is read from woven codes; 0: none is
  void (*weave)(const Weave &, Range lines);  // of kLine bytes
};

// Every kernel set that was compiled, fastest first, ending with the portable one.
extern const Kernels *const kKernelSets[];
extern const int kKernelSetCount;

extern const Kernels kPortable;
#if defined(AE_X86)
extern const Kernels kAvx2;
extern const Kernels kAvx512Vnni;
#elif defined(AE_AARCH64)
extern const Kernels kNeon;
extern const Kernels kNeonDot;
#elif defined(AE_ARMV7)
extern const Kernels kArmv7Neon;
#endif

}  // namespace ae
