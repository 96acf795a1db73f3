// AVX512-VNNI kernels: vpdpbusd sums four byte products into each of 16 channels.
#include "avx512depthwise.h"
#include "avx512simple.h"
#include "avx512sums.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

// Accumulators one by one, for constants that the vectors do not take.
template <Products P>
__attribute__((noinline)) void spill(Vector high, Vector cross, Vector low, int64_t *total) {
  alignas(64) int32_t h[kBlock], x[kBlock], l[kBlock];
  _mm512_store_si512(h, high);
  _mm512_store_si512(x, cross);
  _mm512_store_si512(l, low);
  for (int i = 0; i < kBlock; ++i) {
    total[i] = P == Products::kHigh ? h[i]
                                    : combine(h[i], x[i], P == Products::kExact ? l[i] : 0);
  }
}

template <Products P, int M, int N>
__attribute__((noinline)) void finish_slowly(const Convolution &c, const Tile<M> &tile, int block,
                                             const Vector (&sum)[sums_of(P)][M][N]) {
  constexpr int S = sums_of(P);
  for (int j = 0; j < N; ++j) {
    for (int i = 0; i < M; ++i) {
      int64_t total[kBlock];
      spill<P>(sum[0][i][j], sum[S > 1 ? 1 : 0][i][j], sum[S > 2 ? 2 : 0][i][j], total);
      finish_block(c, total, block + j, tile.target[i], tile.other[i]);
    }
  }
}

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

  // Stored codes, not yet clamped, to the target.
  template <int M, int N>
  static inline __attribute__((always_inline)) void store(const Convolution &c,
                                                          const Tile<M> &tile, int block,
                                                          Vector (&stored)[M][N]) {
    const Constants &k = c.constants;
    const int first = block * kBlock, count = c.channels - first;
    // Whether the positions of a tile follow one another without a gap.
    const bool flat = c.target.column == N * kBlock && count == N * kBlock && first == 0 &&
                      tile.target[M - 1] - tile.target[0] == (M - 1) * c.target.column;
    constexpr int most = N > 2 ? 1 : 4 / N, G = M < most ? M : most;  // positions of 64 bytes
    static_assert(M % G == 0, "groups fill a tile");
    if (k.bits == 8 && !c.adds && !c.target.low) {
      const Vector least = _mm512_set1_epi8(static_cast<char>(k.stored_least));
#pragma GCC unroll 16
      for (int i = 0; i < M; i += G) {
        const Vector bytes = pack_bytes(stored[i][0], lane<G>(stored, i, 1),
                                        lane<G>(stored, i, 2), lane<G>(stored, i, 3));
        put<G, N>(in_order(_mm512_max_epu8(bytes, least)), tile.target + i, first, count, flat);
      }
      return;
    }
    const bool bytes =
        c.adds && k.bits == 8 && !c.other.low && !c.target.low && c.addition.shift >= 8;
    const Addition addition(c.addition, bytes);
    if (bytes) {
      add_bytes<M, N>(c, tile, first, addition, stored);
    } else if (c.adds || k.bits != 16) {
      finish_codes<M, N>(c, tile, first, addition, stored);
    }
    const int32_t least = c.adds ? addition.least : k.bits == 16 ? k.stored_least : 0;
    const ptrdiff_t low = c.target.low;
#pragma GCC unroll 16
    for (int i = 0; i < M; i += G) {
      const Words words(stored[i][0], lane<G>(stored, i, 1), lane<G>(stored, i, 2),
                        lane<G>(stored, i, 3), least);
      put<G, N>(in_order(words.high_bytes()), tile.target + i, first, count, flat);
      if (!low) continue;
      put<G, N>(in_order(words.low_bytes()), tile.target + i, low + first, count, flat);
    }
  }

  // Vector number `at` of the G positions from `i` on, or any where there are fewer.
  template <int G, int M, int N>
  static inline __attribute__((always_inline)) Vector lane(const Vector (&stored)[M][N], int i,
                                                           int at) {
    const int there = at < G * N ? at : 0;
    return stored[i + there / N][there % N];
  }

  template <int M, int N>
  static inline __attribute__((always_inline)) void add_bytes(const Convolution &c,
                                                              const Tile<M> &tile, int first,
                                                              const Addition &addition,
                                                              Vector (&stored)[M][N]) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        stored[i][j] = addition.add_bytes(clamp_stored(c.constants, stored[i][j]),
                                          tile.other[i] + first + j * kBlock);
      }
    }
  }

  // Stored codes to 16-bit codes plus 32896, with what there is to add.
  template <int M, int N>
  static inline __attribute__((always_inline)) void finish_codes(const Convolution &c,
                                                                 const Tile<M> &tile, int first,
                                                                 const Addition &addition,
                                                                 Vector (&stored)[M][N]) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        const Vector code = to_codes(c.constants, clamp_stored(c.constants, stored[i][j]));
        stored[i][j] = c.adds ? addition.add_codes(code, tile.other[i] + first + j * kBlock,
                                                   c.other.low)
                              : _mm512_add_epi32(code, repeat(kPlaneOffset));
      }
    }
  }
};

bool runs_here() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const Kernels kAvx512Vnni = {"avx512vnni", runs_here, 0,    walk<Vnni>, depthwise,
                             max_pool_by_64, average, join_by_64, narrow};

}  // namespace ae
