// AVX512-VNNI kernels: vpdpbusd sums four byte products into each of 16 channels.
#include "avx512finish.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

// Inline assembly, because gcc 12 moves accumulators in and out of memory around the intrinsic.
inline void dot(Vector &sum, Vector bytes, Vector weights) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(weights));
}

constexpr int sums_of(Products p) {
  return p == Products::kHigh ? 1 : p == Products::kExact ? 3 : 2;
}
constexpr bool reads_low_codes(Products p) {
  return p == Products::kFast || p == Products::kExact;
}

inline Vector broadcast(const uint8_t *at) {
  int32_t quad;
  __builtin_memcpy(&quad, at, sizeof quad);
  return repeat(quad);
}

// What the sums of one block start from: the offsets of the stored bytes and, where the second step
// is done in vectors, the bias.
template <Products P>
struct Starts {
  Vector high, cross, low;

  Starts(const Constants &k, int first) {
    high = load((P == Products::kHigh && k.narrow ? k.start : k.high) + first);
    cross = low = high;
    if constexpr (P == Products::kHigh) return;
    cross = load((reads_low_codes(P) ? k.cross : k.cross_plain) + first);
    low = P == Products::kExact ? load(k.low + first) : _mm512_setzero_si512();
    if (!k.split) return;
    high = _mm512_add_epi32(high, load(k.bias_high + first));
    cross = _mm512_add_epi32(cross, load(k.bias_middle + first));
    low = _mm512_add_epi32(low, load(k.bias_low + first));
  }
};

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
  const Scale scale(k, first);
  if constexpr (S == 1) {
    if constexpr (kDeep) {
      const Vector pre = load(k.pre_shift + first), lift = load(k.lift + first);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        sum[0][i][j] = _mm512_sllv_epi32(_mm512_srav_epi32(sum[0][i][j], pre), lift);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) sum[0][i][j] = scale.apply(sum[0][i][j]);
  } else {
    const Joint joint(k, first);
    const Vector plain_low = load(k.bias_low + first);
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
      const int first = (block + j) * kBlock;
      const Starts<P> start(k, first);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        sum[0][i][j] = start.high;
        if constexpr (S > 1) sum[1][i][j] = start.cross;
        if constexpr (S > 2) sum[2][i][j] = start.low;
      }
    }
    const int8_t *wh = c.weight_high + block * c.panel;
    const int8_t *wl = c.weight_low + block * c.panel;
    const ptrdiff_t panel = c.panel, low = c.source_low;
    for (int run = 0; run < c.run_count; ++run) {
      ptrdiff_t at = c.runs[run];
      for (const ptrdiff_t end = at + ptrdiff_t{c.run_quads} * kQuad; at != end; at += kQuad) {
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
    if (k.bits == 8 && !c.adds) {
      const Vector least = _mm512_set1_epi8(static_cast<char>(k.stored_least));
#pragma GCC unroll 16
      for (int i = 0; i < M; i += G) {
        const Vector bytes = pack_bytes(stored[i][0], lane<G>(stored, i, 1),
                                        lane<G>(stored, i, 2), lane<G>(stored, i, 3));
        put<G, N>(_mm512_max_epu8(bytes, least), tile.target + i, first, count, flat);
      }
      return;
    }
    const Addition addition(c);
    const bool bytes = addition.bytes();
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
      put<G, N>(words.high_bytes(), tile.target + i, first, count, flat);
      if (low) put<G, N>(words.low_bytes(), tile.target + i, low + first, count, flat);
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

// ---- depthwise: columns of four rows are turned into quads, 64 channels at a time

constexpr int kSpan = 64;   // channels of a span
constexpr int kStrip = 24;  // outputs of a strip
// Columns of a strip times quads of rows, for a 3 x 3 window at stride 2; larger ones have shorter
// strips.
constexpr int kSlots = 56;

// Four rows of 64 channels to quads: vector v holds the four bytes of channels 16 v to 16 v + 15.
inline void transpose(const uint8_t *const rows[kQuad], Vector *out) {
  const Vector order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  Vector row[kQuad];
  for (int r = 0; r < kQuad; ++r) row[r] = _mm512_permutexvar_epi32(order, load(rows[r]));
  const Vector a = _mm512_unpacklo_epi8(row[0], row[1]), b = _mm512_unpackhi_epi8(row[0], row[1]);
  const Vector c = _mm512_unpacklo_epi8(row[2], row[3]), d = _mm512_unpackhi_epi8(row[2], row[3]);
  out[0] = _mm512_unpacklo_epi16(a, c);
  out[1] = _mm512_unpackhi_epi16(a, c);
  out[2] = _mm512_unpacklo_epi16(b, d);
  out[3] = _mm512_unpackhi_epi16(b, d);
}

// The columns under a strip of outputs, as quads.
template <Products P>
struct Columns {
  alignas(64) Vector high[kSlots][4];
  alignas(64) Vector low[reads_low_codes(P) ? kSlots : 1][4];

  // Row 4 q + r of a column lies in quad q; rows beyond the window have weights of zero.
  void fill(const Depthwise &d, const uint8_t *top, int columns, int quads) {
    for (int x = 0; x < columns; ++x, top += d.source.column) {
      for (int q = 0; q < quads; ++q) {
        const uint8_t *rows[kQuad];
        for (int r = 0; r < kQuad; ++r) {
          const int y = q * kQuad + r < d.kernel_y ? q * kQuad + r : d.kernel_y - 1;
          rows[r] = top + y * d.source.row;
        }
        transpose(rows, high[x * quads + q]);
        if constexpr (reads_low_codes(P)) {
          for (int r = 0; r < kQuad; ++r) rows[r] += d.source.low;
          transpose(rows, low[x * quads + q]);
        }
      }
    }
  }
};

// The sums of 16 channels at one output; `taps` is the number of quads of a window. Those of the
// common 3 x 3 window are known when this is compiled.
template <Products P, int kTaps>
struct DepthwiseSums {
  Vector high, cross, low;

  void add(const Columns<P> &columns, int slot, int v, const int8_t *wh, const int8_t *wl,
           int given_taps) {
    const int taps = kTaps ? kTaps : given_taps;
#pragma GCC unroll 3
    for (int t = 0; t < taps; ++t) {
      const Vector code = columns.high[slot + t][v], weight = load(wh + 64 * t);
      dot(high, code, weight);
      if constexpr (P != Products::kHigh) dot(cross, code, load(wl + 64 * t));
      if constexpr (reads_low_codes(P)) {
        const Vector low_code = columns.low[slot + t][v];
        dot(cross, low_code, weight);
        if constexpr (P == Products::kExact) dot(low, low_code, load(wl + 64 * t));
      }
    }
  }
};

inline void finish_stored(const Depthwise &d, Vector stored, uint8_t *target, int count) {
  const Constants &k = d.constants;
  stored = clamp_stored(k, stored);
  if (k.bits == 8) return store_some(target, _mm512_cvtepi32_epi8(stored), count);
  if (k.bits != 16) {
    stored = _mm512_add_epi32(to_codes(k, stored), repeat(kPlaneOffset));
  }
  store_some(target, _mm512_cvtepi32_epi8(_mm512_srli_epi32(stored, 8)), count);
  if (d.target.low) store_some(target + d.target.low, _mm512_cvtepi32_epi8(stored), count);
}

// A strip of outputs of one block. `v` is the block's place within its span.
template <Products P, int kTaps>
void depthwise_strip(const Depthwise &d, const Columns<P> &columns, int outputs, int quads, int v,
                     int block, uint8_t *target) {
  const Constants &k = d.constants;
  constexpr int S = sums_of(P);
  const int first = block * kBlock, taps = d.kernel_x * quads, count = d.channels - first;
  const bool whole = S == 1 ? k.narrow : k.split;
  const Starts<P> start(k, first);
  const Scale scale(k, first);
  const Joint joint(k, first);
  const int8_t *wh = d.weight_high + block * d.panel, *wl = d.weight_low + block * d.panel;
  target += first;
  for (int x = 0; x < outputs; ++x, target += d.target.column) {
    DepthwiseSums<P, kTaps> sums{start.high, start.cross, start.low};
    sums.add(columns, x * d.stride_x * quads, v, wh, wl, taps);
    if (!whole) {
      int64_t total[kBlock];
      spill<P>(sums.high, sums.cross, sums.low, total);
      finish_depthwise(d, total, block, target - first);
    } else if (S == 1) {
      const Vector pre = load(k.pre_shift + first), lift = load(k.lift + first);
      const Vector value = _mm512_sllv_epi32(_mm512_srav_epi32(sums.high, pre), lift);
      finish_stored(d, scale.apply(value), target, count);
    } else {
      const Vector value = joint.join<true>(sums.high, sums.cross, sums.low);
      finish_stored(d, scale.apply(value), target, count);
    }
  }
}

template <Products P>
void depthwise_rows(const Depthwise &d, Range rows, Range blocks) {
  const int quads = (d.kernel_y + kQuad - 1) / kQuad;
  const int fitting = (kSlots / quads - d.kernel_x) / d.stride_x + 1;
  const int strip = fitting < kStrip ? fitting : kStrip;
  constexpr int span = kSpan / kBlock;
  Columns<P> columns;
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int begin = blocks.begin; begin < blocks.end; begin += span) {
      const int end = begin + span < blocks.end ? begin + span : blocks.end;
      for (int x = 0; x < d.target_width; x += strip) {
        const int outputs = d.target_width - x < strip ? d.target_width - x : strip;
        const uint8_t *top = d.source.at + y * d.stride_y * d.source.row +
                             x * d.stride_x * d.source.column + begin * kBlock;
        columns.fill(d, top, (outputs - 1) * d.stride_x + d.kernel_x, quads);
        uint8_t *target = d.target.at + y * d.target.row + x * d.target.column;
        for (int block = begin; block < end; ++block) {
          d.kernel_x * quads == 3
              ? depthwise_strip<P, 3>(d, columns, outputs, quads, block - begin, block, target)
              : depthwise_strip<P, 0>(d, columns, outputs, quads, block - begin, block, target);
        }
      }
    }
  }
}

void depthwise(const Depthwise &d, Range rows, Range blocks) {
  if (d.kernel_x * ((d.kernel_y + kQuad - 1) / kQuad) > kSlots) {
    return kPortable.depthwise(d, rows, blocks);
  }
  switch (d.products) {
    case Products::kHigh:
      return depthwise_rows<Products::kHigh>(d, rows, blocks);
    case Products::kPlain:
      return depthwise_rows<Products::kPlain>(d, rows, blocks);
    case Products::kFast:
      return depthwise_rows<Products::kFast>(d, rows, blocks);
    case Products::kExact:
      return depthwise_rows<Products::kExact>(d, rows, blocks);
  }
}

bool runs_here() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const Kernels kAvx512Vnni = {"avx512vnni", runs_here, 0,    walk<Vnni>, depthwise,
                             max_pool,     average,   join, narrow};

}  // namespace ae
