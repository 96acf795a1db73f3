// What follows the sums of a tile, whatever kernel summed them: requantisation one by one where the
// vectors cannot, and the way to memory.
#pragma once

#include "avx512sums.h"
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

// Vector number `at` of the G positions from `i` on, or any where there are fewer.
template <int G, int M, int N>
inline __attribute__((always_inline)) Vector lane(const Vector (&stored)[M][N], int i,
                                                  int at) {
  const int there = at < G * N ? at : 0;
  return stored[i + there / N][there % N];
}

template <int M, int N>
inline __attribute__((always_inline)) void add_bytes(const Convolution &c,
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
inline __attribute__((always_inline)) void finish_codes(const Convolution &c,
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

// Stored codes, not yet clamped, to the target.
template <int M, int N>
inline __attribute__((always_inline)) void store(const Convolution &c,
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

}  // namespace
}  // namespace ae
