// Dense convolutions by widening multiplication of bytes, for Arm cores without the dot product.
//
// A block is taken in parts of V vectors, as many as the registers hold sums for. Two products of a
// high weight fit 16 bits, unless it is -128 in radix, and so do the two cross products of one place;
// low x low is added singly.
#pragma once

#include "neon.h"
#include "walk.h"

namespace ae {
namespace {

inline int32x4_t add_pairs(int32x4_t a, int32x4_t b) {
#if defined(__aarch64__)
  return vpaddq_s32(a, b);
#else
  return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                      vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
#endif
}

inline int8x16_t repeat_quad(const uint8_t *at) {
  uint32_t quad;
  std::memcpy(&quad, at, sizeof quad);
  return vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u));
}

// Sums of four channels; each channel's lie in two neighbouring lanes.
struct Lanes {
  int32x4_t first, second;

  void add(int8x16_t a, int8x16_t w) {
    first = vpadalq_s16(first, vmull_s8(vget_low_s8(a), vget_low_s8(w)));
    second = vpadalq_s16(second, vmull_s8(vget_high_s8(a), vget_high_s8(w)));
  }
  void add(int8x16_t a, int8x16_t w, int8x16_t b, int8x16_t z) {
    const int16x8_t lower = vmull_s8(vget_low_s8(a), vget_low_s8(w));
    const int16x8_t upper = vmull_s8(vget_high_s8(a), vget_high_s8(w));
    first = vpadalq_s16(first, vmlal_s8(lower, vget_low_s8(b), vget_low_s8(z)));
    second = vpadalq_s16(second, vmlal_s8(upper, vget_high_s8(b), vget_high_s8(z)));
  }
  int32x4_t total() const { return add_pairs(first, second); }
};

template <Products P, int V>
struct LaneSums {
  Lanes high[V];
  Lanes cross[kLowWeights<P> ? V : 1];
  Lanes low[P == Products::kExact ? V : 1];
};

template <Products P, int V>
inline void clear(LaneSums<P, V> &s) {
  const Lanes zero = {vdupq_n_s32(0), vdupq_n_s32(0)};
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    s.high[v] = zero;
    if constexpr (kLowWeights<P>) s.cross[v] = zero;
    if constexpr (P == Products::kExact) s.low[v] = zero;
  }
}

// Adds one place of the window: four bytes times 4 V channels.
template <Products P, int V>
inline void add_place(LaneSums<P, V> &s, const uint8_t *at, ptrdiff_t low, const int8_t *wh,
                      const int8_t *wl) {
  const int8x16_t ah = repeat_quad(at);
  const int8x16_t al = kLowCodes<P> ? repeat_quad(at + low) : ah;
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int8x16_t high = vld1q_s8(wh + 16 * v);
    const int8x16_t lower = kLowWeights<P> ? vld1q_s8(wl + 16 * v) : high;
    s.high[v].add(ah, high);
    if constexpr (P == Products::kPlain) s.cross[v].add(ah, lower);
    if constexpr (kLowCodes<P>) s.cross[v].add(al, high, ah, lower);
    if constexpr (P == Products::kExact) s.low[v].add(al, lower);
  }
}

// Adds two places at 8 bits.
template <int V>
inline void add_two(LaneSums<Products::kHigh, V> &s, const uint8_t *at, const int8_t *wh) {
  const int8x16_t a = repeat_quad(at), b = repeat_quad(at + kQuad);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    s.high[v].add(a, vld1q_s8(wh + 16 * v), b, vld1q_s8(wh + 64 + 16 * v));
  }
}

template <Products P, int M, int V>
inline void part_of_tile(const Convolution &c, const Tile<M> &tile, int first, ptrdiff_t weights) {
  const int8_t *wh = c.weight_high + weights, *wl = c.weight_low + weights;
  LaneSums<P, V> sums[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) clear(sums[i]);
  for (int run = 0; run < c.run_count; ++run) {
    ptrdiff_t offset = c.runs[run];
    int left = c.run_quads;
    if constexpr (P == Products::kHigh) {
      for (; c.constants.pairs && left >= 2; left -= 2, offset += 2 * kQuad, wh += 128, wl += 128) {
#pragma GCC unroll 4
        for (int i = 0; i < M; ++i) add_two<V>(sums[i], tile.source[i] + offset, wh);
      }
    }
    for (; left > 0; --left, offset += kQuad, wh += 64, wl += 64) {
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) {
        add_place<P, V>(sums[i], tile.source[i] + offset, c.source_low, wh, wl);
      }
    }
    wh += c.run_skip, wl += c.run_skip;
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
    Sums<P, V> done;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      done.high[v] = sums[i].high[v].total();
      if constexpr (kLowWeights<P>) done.cross[v] = sums[i].cross[v].total();
      if constexpr (P == Products::kExact) done.low[v] = sums[i].low[v].total();
    }
    finish_channels<P, V>(c.constants, done, first, c.channels, tile.target[i], c.target.low,
                          c.addition, tile.other[i], c.other.low);
  }
}

// `High` and `Sixteen` are the vectors of a part at 8 and at 16 bits, `Rows` positions of a tile.
template <int High, int Sixteen, int Rows>
struct Multiplying {
  template <Products P, int N>
  static constexpr int rows() {
    return P == Products::kHigh ? Rows : 1;
  }
  template <Products P>
  static constexpr int blocks() {
    return 1;
  }
  template <Products P, int M, int N>
  static void tile(const Convolution &c, const Tile<M> &tile, int block) {
    constexpr int V = P == Products::kHigh ? High : Sixteen;
    for (int v = 0; v < kVectors; v += V) {
      part_of_tile<P, M, V>(c, tile, block * kBlock + 4 * v, block * c.panel + 16 * v);
    }
  }
};

}  // namespace
}  // namespace ae
