// AVX512-VNNI kernels: vpdpbusd sums four byte products into each of 16 channels.
#include <immintrin.h>

#include "finish.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

using Vector = __m512i;

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

inline Vector load(const void *at) { return _mm512_loadu_si512(at); }

inline Vector broadcast(const uint8_t *at) {
  int32_t quad;
  __builtin_memcpy(&quad, at, sizeof quad);
  return _mm512_set1_epi32(quad);
}

inline Vector widen_bytes(const uint8_t *at) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(at)));
}

// One block's constants of the second step, loaded once for all positions of a tile.
struct Scale {
  Vector multiplier, odd_multiplier, rounding, odd_rounding, shift, odd_shift;

  Scale(const Constants &k, int first)
      : multiplier(load(k.multiplier + first)),
        odd_multiplier(_mm512_srli_epi64(multiplier, 32)),
        rounding(load(k.rounding + first)),
        odd_rounding(load(k.rounding + first + 8)) {
    const Vector both = load(k.shift + first);
    shift = _mm512_and_si512(both, _mm512_set1_epi64(0xFFFFFFFF));
    odd_shift = _mm512_sub_epi64(_mm512_srli_epi64(both, 32), _mm512_set1_epi64(32));
  }

  // Values to stored codes, not yet clamped. Odd channels come out in the upper halves of 64 bits.
  Vector apply(Vector value) const {
    const Vector even = _mm512_mul_epi32(value, multiplier);
    const Vector odd = _mm512_mul_epi32(_mm512_srli_epi64(value, 32), odd_multiplier);
    return _mm512_mask_blend_epi32(
        0xAAAA, _mm512_srav_epi64(_mm512_add_epi64(even, rounding), shift),
        _mm512_srav_epi64(_mm512_add_epi64(odd, odd_rounding), odd_shift));
  }
};

// One block's constants of the first step at 16 bits: three sums to one value of 32 bits.
struct Joint {
  Vector up, down, right, least, greatest;

  Joint(const Constants &k, int first) {
    const Vector pre = load(k.pre_shift + first), sixteen = _mm512_set1_epi32(16);
    const Vector zero = _mm512_setzero_si512();
    down = pre;
    up = _mm512_max_epi32(_mm512_sub_epi32(sixteen, pre), zero);
    right = _mm512_max_epi32(_mm512_sub_epi32(pre, sixteen), zero);
    greatest = _mm512_srlv_epi32(_mm512_set1_epi32(INT32_MAX), up);
    least = _mm512_xor_si512(greatest, _mm512_set1_epi32(-1));
  }

  // high 2^16 + cross 2^8 + low, shifted right by the pre-shift and saturated; each sum holds its
  // part of the bias already. Carries go up, the bytes left behind are the value's lower end.
  Vector join(Vector high, Vector cross, Vector low) const {
    cross = _mm512_add_epi32(cross, _mm512_srai_epi32(low, 8));
    high = _mm512_add_epi32(high, _mm512_srai_epi32(cross, 8));
    high = _mm512_srav_epi32(high, right);
    high = _mm512_min_epi32(_mm512_max_epi32(high, least), greatest);
    const Vector middle = _mm512_slli_epi32(_mm512_and_si512(cross, _mm512_set1_epi32(255)), 8);
    // (low & 255) | middle
    const Vector rest = _mm512_ternarylogic_epi32(low, _mm512_set1_epi32(255), middle, 0xEA);
    return _mm512_or_si512(_mm512_sllv_epi32(high, up), _mm512_srlv_epi32(rest, down));
  }
};

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

// Stored codes, between the least and the greatest, to the codes they stand for.
inline Vector clamp_stored(const Constants &k, Vector stored) {
  const Vector most = _mm512_set1_epi32(k.bits == 16 ? 65535 : (1 << k.bits) - 1);
  return _mm512_min_epi32(_mm512_max_epi32(stored, _mm512_set1_epi32(k.stored_least)), most);
}

// The first `count` bytes. Masked stores take tens of cycles on some cores.
inline void store_some(uint8_t *at, __m128i bytes, int count) {
  if (count >= kBlock) return _mm_storeu_si128(reinterpret_cast<__m128i *>(at), bytes);
  if (count & 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i *>(at), bytes);
    bytes = _mm_srli_si128(bytes, 8);
    at += 8;
  }
  uint64_t rest = static_cast<uint64_t>(_mm_cvtsi128_si64(bytes));
  if (count & 4) {
    __builtin_memcpy(at, &rest, 4);
    rest >>= 32;
    at += 4;
  }
  if (count & 2) {
    __builtin_memcpy(at, &rest, 2);
    rest >>= 16;
    at += 2;
  }
  if (count & 1) *at = static_cast<uint8_t>(rest);
}

// Splits stored codes into planes; `low` is 0 where there is no low plane.
inline void store_planes(uint8_t *target, ptrdiff_t low, Vector t, int count) {
  store_some(target, _mm512_cvtepi32_epi8(_mm512_srli_epi32(t, 8)), count);
  if (low) store_some(target + low, _mm512_cvtepi32_epi8(t), count);
}

// The addition behind a convolution: two codes of 16 bits in each lane, one multiply-add.
struct AddConstants {
  Vector multipliers, offset, zero, least;
  __m128i shift;

  explicit AddConstants(const Rescale &r)
      : multipliers(_mm512_set1_epi32(r.multiplier[0] | r.multiplier[1] << 16)),
        offset(_mm512_set1_epi32(r.offset)),
        zero(_mm512_set1_epi32(r.zero + kPlaneOffset)),
        least(_mm512_set1_epi32(r.least + kPlaneOffset)),
        shift(_mm_cvtsi32_si128(r.shift)) {}

  Vector add(Vector code, Vector other) const {
    const Vector pair = _mm512_mask_blend_epi16(0xAAAAAAAA, code, _mm512_slli_epi32(other, 16));
    const Vector total = _mm512_add_epi32(_mm512_madd_epi16(pair, multipliers), offset);
    const Vector t = _mm512_add_epi32(_mm512_sra_epi32(total, shift), zero);
    return _mm512_min_epi32(_mm512_max_epi32(t, least), _mm512_set1_epi32(65535));
  }
};

// Codes of `other` plus 32896 in each lane.
inline Vector load_stored(const uint8_t *at, ptrdiff_t low) {
  const Vector high = _mm512_slli_epi32(widen_bytes(at), 8);
  return _mm512_or_si512(high, low ? widen_bytes(at + low) : _mm512_set1_epi32(kPlainLow));
}

// Clamps, adds where there is something to add, and stores one block of one position.
inline void finish(const Convolution &c, const AddConstants &addition, Vector stored, int first,
                   uint8_t *target, const uint8_t *other) {
  const Constants &k = c.constants;
  const int count = c.channels - first;
  stored = clamp_stored(k, stored);
  if (k.bits == 16) {
    if (c.adds) {
      const Vector code = _mm512_sub_epi32(stored, _mm512_set1_epi32(kPlaneOffset));
      const Vector there = _mm512_sub_epi32(load_stored(other + first, c.other.low),
                                            _mm512_set1_epi32(kPlaneOffset));
      stored = addition.add(code, there);
    }
    return store_planes(target + first, c.target.low, stored, count);
  }
  const int up = 16 - k.bits, middle = 1 << (k.bits - 1);
  const Vector code = _mm512_sll_epi32(_mm512_sub_epi32(stored, _mm512_set1_epi32(middle)),
                                       _mm_cvtsi32_si128(up));
  if (c.adds) {
    const Vector there = _mm512_sub_epi32(load_stored(other + first, c.other.low),
                                          _mm512_set1_epi32(kPlaneOffset));
    return store_planes(target + first, c.target.low, addition.add(code, there), count);
  }
  store_planes(target + first, c.target.low,
               _mm512_add_epi32(code, _mm512_set1_epi32(kPlaneOffset)), count);
}

// Stored codes of up to 64 channels, saturated to bytes and brought in order.
inline Vector pack_bytes(Vector a, Vector b, Vector c, Vector d) {
  const Vector order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  const Vector bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
  return _mm512_permutexvar_epi32(order, bytes);
}

// Stores the bytes of N blocks.
template <int N>
inline void store_bytes(Vector bytes, uint8_t *target, int count) {
  if (N == 4 && count >= 64) return _mm512_storeu_si512(target, bytes);
  store_some(target, _mm512_castsi512_si128(bytes), count);
  if (N > 1) store_some(target + 16, _mm512_extracti32x4_epi32(bytes, 1), count - 16);
  if (N > 2) store_some(target + 32, _mm512_extracti32x4_epi32(bytes, 2), count - 32);
  if (N > 3) store_some(target + 48, _mm512_extracti32x4_epi32(bytes, 3), count - 48);
}

struct Vnni {
  template <Products P, int N>
  static constexpr int rows() {
    if (sums_of(P) == 1) return N == 4 ? 6 : N == 3 ? 8 : 12;
    if (sums_of(P) == 2) return N == 2 ? 6 : 12;
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
    if (S == 1 ? k.narrow : k.split) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        const int first = (block + j) * kBlock;
        const Scale scale(k, first);
        if constexpr (S == 1) {
          const Vector pre = load(k.pre_shift + first);
#pragma GCC unroll 16
          for (int i = 0; i < M; ++i) {
            sum[0][i][j] = scale.apply(_mm512_srav_epi32(sum[0][i][j], pre));
          }
        } else {
          const Joint joint(k, first);
          const Vector plain_low = load(k.bias_low + first);
#pragma GCC unroll 16
          for (int i = 0; i < M; ++i) {
            const Vector lowest = S > 2 ? sum[S - 1][i][j] : plain_low;
            sum[0][i][j] = scale.apply(joint.join(sum[0][i][j], sum[1][i][j], lowest));
          }
        }
      }
      return store<M, N>(c, tile, block, sum[0]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) {
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        int64_t total[kBlock];
        spill<P>(sum[0][i][j], sum[S > 1 ? 1 : 0][i][j], sum[S > 2 ? 2 : 0][i][j], total);
        finish_block(c, total, block + j, tile.target[i], tile.other[i]);
      }
    }
  }

  // Stored codes, not yet clamped, to the target.
  template <int M, int N>
  static inline __attribute__((always_inline)) void store(const Convolution &c,
                                                          const Tile<M> &tile, int block,
                                                          Vector (&stored)[M][N]) {
    const int first = block * kBlock;
    if (c.constants.bits == 8 && !c.adds) {
      const Vector least = _mm512_set1_epi8(static_cast<char>(c.constants.stored_least));
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const Vector bytes = pack_bytes(stored[i][0], stored[i][N > 1 ? 1 : 0],
                                        stored[i][N > 2 ? 2 : 0], stored[i][N > 3 ? 3 : 0]);
        store_bytes<N>(_mm512_max_epu8(bytes, least), tile.target[i] + first, c.channels - first);
      }
      return;
    }
    const AddConstants addition(c.addition);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        finish(c, addition, stored[i][j], first + j * kBlock, tile.target[i], tile.other[i]);
      }
    }
  }

  // Accumulators one by one, for constants that the vectors do not take.
  template <Products P>
  static __attribute__((noinline)) void spill(Vector high, Vector cross, Vector low, int64_t *total) {
    alignas(64) int32_t h[kBlock], x[kBlock], l[kBlock];
    _mm512_store_si512(h, high);
    _mm512_store_si512(x, cross);
    _mm512_store_si512(l, low);
    for (int i = 0; i < kBlock; ++i) {
      total[i] = P == Products::kHigh
                     ? h[i]
                     : combine(h[i], x[i], P == Products::kExact ? l[i] : 0);
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
  if (k.bits == 16) return store_planes(target, d.target.low, stored, count);
  const Vector code = _mm512_sub_epi32(stored, _mm512_set1_epi32(1 << (k.bits - 1)));
  const Vector t = _mm512_add_epi32(_mm512_sll_epi32(code, _mm_cvtsi32_si128(16 - k.bits)),
                                    _mm512_set1_epi32(kPlaneOffset));
  store_planes(target, d.target.low, t, count);
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
      Vnni::spill<P>(sums.high, sums.cross, sums.low, total);
      finish_depthwise(d, total, block, target - first);
    } else if (S == 1) {
      const Vector pre = load(k.pre_shift + first);
      finish_stored(d, scale.apply(_mm512_srav_epi32(sums.high, pre)), target, count);
    } else {
      const Vector value = joint.join(sums.high, sums.cross, sums.low);
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
