// AVX512-VNNI kernels: vpdpbusd sums four byte products into each of 16 channels.
#include "avx512depthwise.h"
#include "avx512simple.h"
#include "avx512store.h"
#include "avx512woven.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

// Sums of one block to stored codes, not yet clamped, in place of the first sum.
template <Products P, bool kDeep, int M, int N>
inline __attribute__((always_inline)) void requantise_block(const Constants &k, int first, int j,
                                                            Vector (&sum)[sums_of(P)][M][N]) {
  constexpr int S = sums_of(P);
  const Block at{first};
  const Scale scale(k, at);
  if constexpr (S == 1) {
    if constexpr (kDeep) {
      const Vector pre = at(k.pre_shift), lift = at(k.lift);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        sum[0][i][j] = _mm512_sllv_epi32(_mm512_srav_epi32(sum[0][i][j], pre), lift);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) sum[0][i][j] = scale.apply(sum[0][i][j]);
  } else {
    const Joint joint(k, at);
    const Vector plain_low = at(k.bias_low);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const Vector lowest = S > 2 ? sum[S - 1][i][j] : plain_low;
      sum[0][i][j] = scale.apply(joint.join<kDeep>(sum[0][i][j], sum[1][i][j], lowest));
    }
  }
}

struct Vnni {
  template <Products P, int N>
  static constexpr int rows() {
    // More than eight addresses would not stay in registers.
    if (sums_of(P) == 1) return N == 4 ? 6 : 8;
    if (sums_of(P) == 2) return N == 2 ? 6 : 8;
    return N == 2 ? 4 : 8;
  }
  template <Products P>
  static constexpr int blocks() {
    return sums_of(P) == 1 ? 4 : 2;
  }

  template <Products P, int M, int N>
  static __attribute__((noinline)) void tile(const Convolution &c, const Tile<M> &tile,
                                             int block) {
    constexpr int S = sums_of(P);
    Vector sum[S][M][N];
    const Constants &k = c.constants;
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) {
      const Starts<P> start(k, Block{(block + j) * kBlock});
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        sum[0][i][j] = start.high;
        if constexpr (S > 1) sum[1][i][j] = start.cross;
        if constexpr (S > 2) sum[2][i][j] = start.low;
      }
    }
    const int8_t *wh = c.weight_high + block * c.panel;
    const int8_t *wl = c.weight_low + block * c.panel;
    const ptrdiff_t panel = c.panel, low = c.source_low, ahead = tile.ahead - wh;
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      __builtin_prefetch(tile.target[i] + block * kBlock, 1);
      if (c.adds) __builtin_prefetch(tile.other[i] + block * kBlock);
    }
    for (int run = 0; run < c.run_count; ++run) {
      ptrdiff_t at = c.runs[run];
      for (const ptrdiff_t end = at + ptrdiff_t{c.run_quads} * kQuad; at != end; at += kQuad) {
        __builtin_prefetch(wh + ahead, 0, 2);
        Vector weight_high[N], weight_low[N];
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) {
          weight_high[j] = load(wh + j * panel);
          if constexpr (S > 1) weight_low[j] = load(wl + j * panel);
        }
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const Vector code = broadcast(tile.source[i] + at);
          Vector low_code = code;
          if constexpr (reads_low_codes(P)) low_code = broadcast(tile.source[i] + low + at);
#pragma GCC unroll 16
          for (int j = 0; j < N; ++j) {
            dot(sum[0][i][j], code, weight_high[j]);
            if constexpr (S > 1) dot(sum[1][i][j], code, weight_low[j]);
            if constexpr (reads_low_codes(P)) dot(sum[1][i][j], low_code, weight_high[j]);
            if constexpr (S > 2) dot(sum[2][i][j], low_code, weight_low[j]);
          }
        }
        wh += kBlock * kQuad;
        wl += kBlock * kQuad;
      }
      wh += c.run_skip;
      wl += c.run_skip;
    }
    if (!(S == 1 ? k.narrow : k.split)) {
      // A copy, so that the sums themselves need no address and stay in registers.
      Vector copy[S][M][N];
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) {
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
          for (int j = 0; j < N; ++j) copy[s][i][j] = sum[s][i][j];
        }
      }
      return finish_slowly<P, M, N>(c, tile, block, copy);
    }
    if (k.deep) {
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) {
        requantise_block<P, true, M, N>(k, (block + j) * kBlock, j, sum);
      }
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) {
        requantise_block<P, false, M, N>(k, (block + j) * kBlock, j, sum);
      }
    }
    store<M, N>(c, tile, block, sum[0]);
  }
};

void convolve(const Convolution &c, Range positions, Range blocks) {
  if (!c.woven) return walk<Vnni>(c, positions, blocks);
  c.segment_count > 1 ? Woven<true>::walk(c, positions, blocks)
                      : Woven<false>::walk(c, positions, blocks);
}

bool runs_here() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const Kernels kAvx512Vnni = {"avx512vnni",   runs_here, 0,          convolve, depthwise,
                             max_pool_by_64, average,   join_by_64, narrow,
                             INT32_MAX,      weave};

}  // namespace ae
