// Kernels for 64-bit Arm with the dot product (Cortex-A55, A75, A76 and later).
#include <sys/auxv.h>

#include "neon.h"
#include "walk.h"

namespace ae {
namespace {

constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP

// Adds four bytes of each position, lane L of what was loaded, times sixteen channels.
template <Products P, int M, int L>
inline void add_quad(Sums<P, kVectors> *s, const int8x16_t *ah, const int8x16_t *al,
                     const int8_t *wh, const int8_t *wl) {
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int8x16_t high = vld1q_s8(wh + 16 * v);
    const int8x16_t low = kLowWeights<P> ? vld1q_s8(wl + 16 * v) : high;
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      s[i].high[v] = vdotq_laneq_s32(s[i].high[v], high, ah[i], L);
      if constexpr (kLowWeights<P>) {
        s[i].cross[v] = vdotq_laneq_s32(s[i].cross[v], low, ah[i], L);
      }
      if constexpr (kLowCodes<P>) {
        s[i].cross[v] = vdotq_laneq_s32(s[i].cross[v], high, al[i], L);
      }
      if constexpr (P == Products::kExact) {
        s[i].low[v] = vdotq_laneq_s32(s[i].low[v], low, al[i], L);
      }
    }
  }
}

struct Dot {
  template <Products P, int N>
  static constexpr int rows() {
    return P == Products::kHigh ? 6 : 2;
  }
  template <Products P>
  static constexpr int blocks() {
    return 1;
  }

  template <Products P, int M>
  static inline void load(const Tile<M> &tile, ptrdiff_t offset, ptrdiff_t low, int8x16_t *ah,
                          int8x16_t *al) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      ah[i] = load_signed(tile.source[i] + offset);
      if constexpr (kLowCodes<P>) al[i] = load_signed(tile.source[i] + low + offset);
    }
  }

  template <Products P, int M, int N>
  static void tile(const Convolution &c, const Tile<M> &tile, int block) {
    const int8_t *wh = c.weight_high + block * c.panel, *wl = c.weight_low + block * c.panel;
    Sums<P, kVectors> sums[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) clear(sums[i]);
    int8x16_t ah[M], al[M];
    for (int run = 0; run < c.run_count; ++run) {
      ptrdiff_t offset = c.runs[run];
      int left = c.run_quads;
      for (; left >= 4; left -= 4, offset += 16, wh += 256, wl += 256) {
        load<P, M>(tile, offset, c.source_low, ah, al);
        add_quad<P, M, 0>(sums, ah, al, wh, wl);
        add_quad<P, M, 1>(sums, ah, al, wh + 64, wl + 64);
        add_quad<P, M, 2>(sums, ah, al, wh + 128, wl + 128);
        add_quad<P, M, 3>(sums, ah, al, wh + 192, wl + 192);
      }
      for (; left > 0; --left, offset += 4, wh += 64, wl += 64) {
        load<P, M>(tile, offset, c.source_low, ah, al);
        add_quad<P, M, 0>(sums, ah, al, wh, wl);
      }
      wh += c.run_skip, wl += c.run_skip;
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      finish_channels<P, kVectors>(c.constants, sums[i], block * kBlock, c.channels,
                                   tile.target[i], c.target.low, c.addition, tile.other[i],
                                   c.other.low);
    }
  }
};

bool runs_here() { return (getauxval(AT_HWCAP) & kDotProduct) != 0; }

}  // namespace

const Kernels kNeonDot = {"neondot", runs_here, 128, walk<Dot>, depthwise<4>,
                          max_pool,  average,   join, narrow, 0, nullptr};

}  // namespace ae
