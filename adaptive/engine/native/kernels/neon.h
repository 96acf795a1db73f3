// What the Arm kernel sets share: everything but the sums of products of a dense convolution.
//
// Stored bytes are read as signed, less 128: a code is then 256 high + low with both in -128..127.
#pragma once

#include <arm_neon.h>

#include <cstring>

#include "finish.h"
#include "simple.h"

namespace ae {
namespace {

constexpr int kVectors = kBlock / 4;  // vectors of four channels in a block

template <Products P>
constexpr bool kLowWeights = P != Products::kHigh;
template <Products P>
constexpr bool kLowCodes = P == Products::kFast || P == Products::kExact;

// Sums of one position for V vectors of four channels, the byte products apart.
template <Products P, int V>
struct Sums {
  int32x4_t high[V];
  int32x4_t cross[kLowWeights<P> ? V : 1];
  int32x4_t low[P == Products::kExact ? V : 1];
};

// Every loop over sums is unrolled: an index known at run time would keep them in memory.
template <Products P, int V>
inline void clear(Sums<P, V> &s) {
  const int32x4_t zero = vdupq_n_s32(0);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    s.high[v] = zero;
    if constexpr (kLowWeights<P>) s.cross[v] = zero;
    if constexpr (P == Products::kExact) s.low[v] = zero;
  }
}

inline int8x16_t load_signed(const uint8_t *at) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at), vdupq_n_u8(0x80)));
}

inline int64x2_t shift_right(int64x2_t value, int32x2_t by) {
  return vrshlq_s64(value, vmovl_s32(vneg_s32(by)));  // rounds half up
}

// The products of four channels as one accumulator each, in two halves.
template <Products P>
inline void combine_sums(int32x4_t high, int32x4_t cross, int32x4_t low, int64x2_t total[2]) {
  const int32x2_t h[2] = {vget_low_s32(high), vget_high_s32(high)};
  const int32x2_t x[2] = {vget_low_s32(cross), vget_high_s32(cross)};
  const int32x2_t l[2] = {vget_low_s32(low), vget_high_s32(low)};
  for (int i = 0; i < 2; ++i) {
    if constexpr (P == Products::kHigh) {
      total[i] = vmovl_s32(h[i]);
    } else {
      total[i] = vaddq_s64(vshll_n_s32(h[i], 16), vshll_n_s32(x[i], 8));
    }
    if constexpr (P == Products::kExact) total[i] = vaddw_s32(total[i], l[i]);
  }
}

inline int32x4_t to_code(const Constants &k, int32x4_t value) {
  const int32x4_t clamped =
      vminq_s32(vmaxq_s32(value, vdupq_n_s32(k.least)), vdupq_n_s32(k.greatest));
  return vaddq_s32(clamped, vdupq_n_s32(k.zero));
}

// Requantises four channels from `at` on to codes of the output's bits.
template <Products P, int V>
inline __attribute__((always_inline)) int32x4_t finish_vector(const Constants &k, const Sums<P, V> &sums, int v, int at) {
  const int32x4_t multiplier = vld1q_s32(k.multiplier + at);
  const int32x4_t shift = vld1q_s32(k.shift + at);
  const int32x2_t m[2] = {vget_low_s32(multiplier), vget_high_s32(multiplier)};
  const int32x2_t s[2] = {vget_low_s32(shift), vget_high_s32(shift)};
  int32x2_t half[2];
  if (P == Products::kHigh && k.narrow) {
    const int32x4_t started = vaddq_s32(sums.high[v], vld1q_s32(k.start + at));
    const int32x4_t sum = vshlq_s32(started, vnegq_s32(vld1q_s32(k.pre_shift + at)));
    half[0] = vmovn_s64(shift_right(vmull_s32(vget_low_s32(sum), m[0]), s[0]));
    half[1] = vmovn_s64(shift_right(vmull_s32(vget_high_s32(sum), m[1]), s[1]));
    return to_code(k, vcombine_s32(half[0], half[1]));
  }
  const int32x4_t high = vaddq_s32(sums.high[v], vld1q_s32(k.high + at));
  int32x4_t cross = vdupq_n_s32(0), low = cross;
  if constexpr (kLowWeights<P>) {
    const int32_t *start = P == Products::kPlain ? k.cross_plain : k.cross;
    cross = vaddq_s32(sums.cross[v], vld1q_s32(start + at));
  }
  if constexpr (P == Products::kExact) low = vaddq_s32(sums.low[v], vld1q_s32(k.low + at));
  int64x2_t total[2];
  combine_sums<P>(high, cross, low, total);
  const int32x4_t before = vld1q_s32(k.pre_shift + at);
  const int32x2_t p[2] = {vget_low_s32(before), vget_high_s32(before)};
  for (int i = 0; i < 2; ++i) {
    const int64x2_t biased = vaddq_s64(total[i], vld1q_s64(k.bias + at + 2 * i));
    const int32x2_t value = vqmovn_s64(shift_right(biased, p[i]));
    half[i] = vqmovn_s64(shift_right(vmull_s32(value, m[i]), s[i]));
  }
  return to_code(k, vcombine_s32(half[0], half[1]));
}

// Sixteen bytes as four vectors.
inline void widen(uint8x16_t bytes, int32x4_t wide[4]) {
  const uint16x8_t half[2] = {vmovl_u8(vget_low_u8(bytes)), vmovl_u8(vget_high_u8(bytes))};
  for (int i = 0; i < 2; ++i) {
    wide[2 * i] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(half[i])));
    wide[2 * i + 1] = vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(half[i])));
  }
}

// Adds another signal to the 16-bit codes of 4 V channels; see arithmetic.h.
template <int V>
inline void add_other(const Rescale &r, const uint8_t *other, ptrdiff_t low, int32x4_t codes[V]) {
  uint8_t bytes[2][16];
  std::memcpy(bytes[0], other, 4 * V);
  if (low) {
    std::memcpy(bytes[1], other + low, 4 * V);
  } else {
    std::memset(bytes[1], kPlainLow, 4 * V);
  }
  int32x4_t high[4], lower[4];
  widen(vld1q_u8(bytes[0]), high);
  widen(vld1q_u8(bytes[1]), lower);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int32x4_t stored = vaddq_s32(vshlq_n_s32(high[v], 8), lower[v]);
    const int32x4_t code = vsubq_s32(stored, vdupq_n_s32(kPlaneOffset));
    int32x4_t total = vmlaq_n_s32(vdupq_n_s32(r.offset), codes[v], r.multiplier[0]);
    total = vmlaq_n_s32(total, code, r.multiplier[1]);
    total = vaddq_s32(vshlq_s32(total, vdupq_n_s32(-r.shift)), vdupq_n_s32(r.zero));
    codes[v] = vminq_s32(vmaxq_s32(total, vdupq_n_s32(r.least)), vdupq_n_s32(kCodeMax));
  }
}

template <int V>
inline void store_bytes(uint8_t *at, uint8x16_t bytes, int count) {
  if (V == 4 && count >= 16) {
    vst1q_u8(at, bytes);
    return;
  }
  uint8_t copy[16];
  vst1q_u8(copy, bytes);
  std::memcpy(at, copy, static_cast<size_t>(count < 4 * V ? count : 4 * V));
}

// Stores 16-bit codes of 4 V channels, of which `count` exist.
template <int V>
inline void store_codes(uint8_t *at, ptrdiff_t low, const int32x4_t codes[V], int count) {
  uint16x4_t stored[4] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int32x4_t t = vaddq_s32(codes[v], vdupq_n_s32(kPlaneOffset));
    stored[v] = vmovn_u32(vreinterpretq_u32_s32(t));
  }
  const uint16x8_t first = vcombine_u16(stored[0], stored[1]);
  const uint16x8_t second = vcombine_u16(stored[2], stored[3]);
  store_bytes<V>(at, vcombine_u8(vshrn_n_u16(first, 8), vshrn_n_u16(second, 8)), count);
  if (low) store_bytes<V>(at + low, vcombine_u8(vmovn_u16(first), vmovn_u16(second)), count);
}

// Requantises and stores 4 V channels of a block from channel `at` on; `other` may be null.
template <Products P, int V>
inline __attribute__((always_inline)) void finish_channels(const Constants &k, const Sums<P, V> &sums, int at, int channels,
                            uint8_t *target, ptrdiff_t target_low, const Rescale &addition,
                            const uint8_t *other, ptrdiff_t other_low) {
  if (at >= channels) return;
  int32x4_t codes[V];
  const int32x4_t widen_by = vdupq_n_s32(16 - k.bits);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    codes[v] = vshlq_s32(finish_vector<P, V>(k, sums, v, at + 4 * v), widen_by);
  }
  if (other) add_other<V>(addition, other + at, other_low, codes);
  store_codes<V>(target + at, target_low, codes, channels - at);
}

// Adds the products of one tap: sixteen channels of two bytes each.
inline void add_products(int32x4_t sums[kVectors], int16x8_t lower, int16x8_t upper) {
  sums[0] = vaddw_s16(sums[0], vget_low_s16(lower));
  sums[1] = vaddw_s16(sums[1], vget_high_s16(lower));
  sums[2] = vaddw_s16(sums[2], vget_low_s16(upper));
  sums[3] = vaddw_s16(sums[3], vget_high_s16(upper));
}

inline void add_tap(int32x4_t sums[kVectors], int8x16_t a, int8x16_t w) {
  add_products(sums, vmull_s8(vget_low_s8(a), vget_low_s8(w)),
               vmull_s8(vget_high_s8(a), vget_high_s8(w)));
}

// Two products fit 16 bits unless all four bytes are -128: of a high weight none is.
inline void add_taps(int32x4_t sums[kVectors], int8x16_t a, int8x16_t w, int8x16_t b,
                     int8x16_t z) {
  const int16x8_t lower = vmull_s8(vget_low_s8(a), vget_low_s8(w));
  const int16x8_t upper = vmull_s8(vget_high_s8(a), vget_high_s8(w));
  add_products(sums, vmlal_s8(lower, vget_low_s8(b), vget_low_s8(z)),
               vmlal_s8(upper, vget_high_s8(b), vget_high_s8(z)));
}

template <Products P>
inline void add_depthwise_tap(Sums<P, kVectors> &s, const uint8_t *at, ptrdiff_t low, int8x16_t wh,
                              int8x16_t wl) {
  const int8x16_t ah = load_signed(at);
  add_tap(s.high, ah, wh);
  if constexpr (P == Products::kPlain) add_tap(s.cross, ah, wl);
  if constexpr (kLowCodes<P>) {
    const int8x16_t al = load_signed(at + low);
    add_taps(s.cross, al, wh, ah, wl);
    if constexpr (P == Products::kExact) add_tap(s.low, al, wl);
  }
}

// One block of channels at M neighbouring positions `step` apart.
template <Products P, int M>
void depthwise_tile(const Depthwise &d, const uint8_t *source, ptrdiff_t step, uint8_t *target,
                    int block) {
  const int first = block * kBlock;
  const int8_t *wh = d.weight_high + block * d.panel, *wl = d.weight_low + block * d.panel;
  Sums<P, kVectors> sums[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) clear(sums[i]);
  source += first;
  for (int x = 0; x < d.kernel_x; ++x, source += d.source.column) {
    for (int y = 0; y < d.kernel_y; y += kQuad, wh += 64, wl += 64) {
      const int8x16x4_t high = vld4q_s8(wh);
      const int8x16x4_t low = kLowWeights<P> ? vld4q_s8(wl) : high;
      const uint8_t *at = source + y * d.source.row;
#pragma GCC unroll 4
      for (int j = 0; j < kQuad; ++j, at += d.source.row) {
        if (y + j >= d.kernel_y) break;
#pragma GCC unroll 4
        for (int i = 0; i < M; ++i) {
          add_depthwise_tap<P>(sums[i], at + i * step, d.source.low, high.val[j], low.val[j]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
    finish_channels<P, kVectors>(d.constants, sums[i], first, d.channels,
                                 target + i * d.target.column, d.target.low, Rescale{}, nullptr, 0);
  }
}

template <Products P, int M>
void depthwise_rows(const Depthwise &d, Range rows, Range blocks) {
  const ptrdiff_t step = d.stride_x * d.source.column;
  for (int y = rows.begin; y < rows.end; ++y) {
    const uint8_t *row = d.source.at + y * d.stride_y * d.source.row;
    uint8_t *target = d.target.at + y * d.target.row;
    for (int block = blocks.begin; block < blocks.end; ++block) {
      int x = 0;
      for (; x + M <= d.target_width; x += M) {
        depthwise_tile<P, M>(d, row + x * step, step, target + x * d.target.column, block);
      }
      for (; x < d.target_width; ++x) {
        depthwise_tile<P, 1>(d, row + x * step, step, target + x * d.target.column, block);
      }
    }
  }
}

// `High` positions at a time at 8 bits, one at 16.
template <int High>
void depthwise(const Depthwise &d, Range rows, Range blocks) {
  switch (d.products) {
    case Products::kHigh:
      return depthwise_rows<Products::kHigh, High>(d, rows, blocks);
    case Products::kPlain:
      return depthwise_rows<Products::kPlain, 1>(d, rows, blocks);
    case Products::kFast:
      return depthwise_rows<Products::kFast, 1>(d, rows, blocks);
    case Products::kExact:
      return depthwise_rows<Products::kExact, 1>(d, rows, blocks);
  }
}

}  // namespace
}  // namespace ae
