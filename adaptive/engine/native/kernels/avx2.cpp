// AVX2 kernels, 8 channels a vector. vpmaddubsw would saturate at full range, so bytes are split into
// even and odd ones of 16 bits and multiplied with vpmaddwd, which is exact.
#include <immintrin.h>

#include "finish.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

using Vector = __m256i;
constexpr int kLanes = 8;                // channels of a vector
constexpr int kHalves = kBlock / kLanes;  // vectors of a block

constexpr bool reads_low_codes(Products p) {
  return p == Products::kFast || p == Products::kExact;
}

inline Vector load(const void *at) {
  return _mm256_loadu_si256(static_cast<const __m256i *>(at));
}

// The bytes of quads as 16-bit numbers: bytes 0 and 2, bytes 1 and 3.
struct Split {
  Vector even, odd;
};

inline Split split_codes(Vector bytes) {
  return {_mm256_and_si256(bytes, _mm256_set1_epi16(255)), _mm256_srli_epi16(bytes, 8)};
}

inline Split split_weights(const int8_t *at) {
  const Vector bytes = load(at);
  return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}

inline Split repeat_quad(const uint8_t *at) {
  int32_t quad;
  __builtin_memcpy(&quad, at, sizeof quad);
  return split_codes(_mm256_set1_epi32(quad));
}

inline Vector multiply(Vector sum, Split codes, Split weights) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(codes.even, weights.even));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(codes.odd, weights.odd));
}

// The sums of eight channels at one position.
struct Sums {
  Vector high, cross, low;
};

// What they start from: the offsets of the stored bytes and, where the next steps are done in
// vectors, the bias.
template <Products P>
inline Sums start_sums(const Constants &k, int channel) {
  Sums s;
  s.high = load((P == Products::kHigh && k.narrow ? k.start : k.high) + channel);
  s.cross = s.low = _mm256_setzero_si256();
  if (P == Products::kHigh) return s;
  s.cross = load((reads_low_codes(P) ? k.cross : k.cross_plain) + channel);
  if (P == Products::kExact) s.low = load(k.low + channel);
  if (!k.split) return s;
  s.high = _mm256_add_epi32(s.high, load(k.bias_high + channel));
  s.cross = _mm256_add_epi32(s.cross, load(k.bias_middle + channel));
  s.low = _mm256_add_epi32(s.low, load(k.bias_low + channel));
  return s;
}

template <Products P>
inline void add_quad(Sums &s, Split high, Split low, const int8_t *wh, const int8_t *wl) {
  const Split weight = split_weights(wh);
  s.high = multiply(s.high, high, weight);
  if constexpr (reads_low_codes(P)) s.cross = multiply(s.cross, low, weight);
  if constexpr (P != Products::kHigh) {
    const Split low_weight = split_weights(wl);
    s.cross = multiply(s.cross, high, low_weight);
    if constexpr (P == Products::kExact) s.low = multiply(s.low, low, low_weight);
  }
}

// Three sums to one value of 32 bits: high 2^16 + cross 2^8 + low, shifted right by the pre-shift
// and saturated. Carries go up, the bytes left behind are the value's lower end.
inline Vector join_sums(const Constants &k, int channel, Sums s) {
  const Vector pre = load(k.pre_shift + channel), sixteen = _mm256_set1_epi32(16);
  const Vector zero = _mm256_setzero_si256(), byte = _mm256_set1_epi32(255);
  const Vector up = _mm256_max_epi32(_mm256_sub_epi32(sixteen, pre), zero);
  const Vector right = _mm256_max_epi32(_mm256_sub_epi32(pre, sixteen), zero);
  const Vector greatest = _mm256_srlv_epi32(_mm256_set1_epi32(INT32_MAX), up);
  const Vector least = _mm256_xor_si256(greatest, _mm256_set1_epi32(-1));
  const Vector cross = _mm256_add_epi32(s.cross, _mm256_srai_epi32(s.low, 8));
  Vector high = _mm256_add_epi32(s.high, _mm256_srai_epi32(cross, 8));
  high = _mm256_srav_epi32(high, right);
  high = _mm256_min_epi32(_mm256_max_epi32(high, least), greatest);
  const Vector rest = _mm256_or_si256(_mm256_slli_epi32(_mm256_and_si256(cross, byte), 8),
                                      _mm256_and_si256(s.low, byte));
  return _mm256_or_si256(_mm256_sllv_epi32(high, up), _mm256_srlv_epi32(rest, pre));
}

// Values of 32 bits to stored codes within their limits.
inline Vector scale_values(const Constants &k, int channel, Vector value) {
  const Vector multiplier = load(k.multiplier + channel);
  const Vector even = _mm256_mul_epi32(value, multiplier);
  const Vector odd =
      _mm256_mul_epi32(_mm256_srli_epi64(value, 32), _mm256_srli_epi64(multiplier, 32));
  const Vector high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  const Vector stored = _mm256_srav_epi32(_mm256_add_epi32(high, load(k.rounding + channel)),
                                          load(k.high_shift + channel));
  const Vector most = _mm256_set1_epi32(k.bits == 16 ? 65535 : (1 << k.bits) - 1);
  return _mm256_min_epi32(_mm256_max_epi32(stored, _mm256_set1_epi32(k.stored_least)), most);
}

// Stored codes of any width to 16-bit codes plus 32896.
inline Vector to_planes(const Constants &k, Vector stored) {
  if (k.bits == 16) return stored;
  const Vector code = _mm256_sub_epi32(stored, _mm256_set1_epi32(1 << (k.bits - 1)));
  return _mm256_add_epi32(_mm256_sll_epi32(code, _mm_cvtsi32_si128(16 - k.bits)),
                          _mm256_set1_epi32(kPlaneOffset));
}

inline Vector widen_bytes(const uint8_t *at) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(at)));
}

// The addition behind a convolution, on codes plus 32896.
inline Vector add_other(const Rescale &r, Vector t, const uint8_t *other, ptrdiff_t low) {
  const Vector offset = _mm256_set1_epi32(kPlaneOffset);
  const Vector plain = low ? widen_bytes(other + low) : _mm256_set1_epi32(kPlainLow);
  const Vector there = _mm256_sub_epi32(
      _mm256_or_si256(_mm256_slli_epi32(widen_bytes(other), 8), plain), offset);
  const Vector pair = _mm256_blend_epi16(_mm256_sub_epi32(t, offset),
                                         _mm256_slli_epi32(there, 16), 0xAA);
  const Vector multipliers = _mm256_set1_epi32(r.multiplier[0] | r.multiplier[1] << 16);
  const Vector total =
      _mm256_add_epi32(_mm256_madd_epi16(pair, multipliers), _mm256_set1_epi32(r.offset));
  const Vector code = _mm256_add_epi32(_mm256_sra_epi32(total, _mm_cvtsi32_si128(r.shift)),
                                       _mm256_set1_epi32(r.zero));
  const Vector limited = _mm256_min_epi32(_mm256_max_epi32(code, _mm256_set1_epi32(r.least)),
                                          _mm256_set1_epi32(kCodeMax));
  return _mm256_add_epi32(limited, offset);
}

// The byte number `kByte` of each of eight lanes, the first `count` of them.
template <int kByte>
inline void store_byte(uint8_t *at, Vector t, int count) {
  const Vector order = _mm256_set1_epi32(kByte | (kByte + 4) << 8 | (kByte + 8) << 16 |
                                         (kByte + 12) << 24);
  const Vector picked = _mm256_shuffle_epi8(t, order);
  const uint64_t bytes =
      static_cast<uint32_t>(_mm256_extract_epi32(picked, 0)) |
      static_cast<uint64_t>(static_cast<uint32_t>(_mm256_extract_epi32(picked, 4))) << 32;
  if (count >= kLanes) {
    __builtin_memcpy(at, &bytes, kLanes);
    return;
  }
  for (int i = 0; i < count; ++i) at[i] = static_cast<uint8_t>(bytes >> (8 * i));
}

inline void store_planes(uint8_t *target, ptrdiff_t low, Vector t, int count) {
  store_byte<1>(target, t, count);
  if (low) store_byte<0>(target + low, t, count);
}

template <Products P>
inline bool in_vectors(const Constants &k) {
  return P == Products::kHigh ? k.narrow : k.split;
}

template <Products P>
inline Vector to_stored(const Constants &k, int channel, const Sums &s) {
  if constexpr (P != Products::kHigh) return scale_values(k, channel, join_sums(k, channel, s));
  const Vector shifted = _mm256_srav_epi32(s.high, load(k.pre_shift + channel));
  return scale_values(k, channel, _mm256_sllv_epi32(shifted, load(k.lift + channel)));
}

// Accumulators of a block one by one, for constants that the vectors do not take.
template <Products P>
void spill(const Sums (&sums)[kHalves], int64_t *total) {
  for (int half = 0; half < kHalves; ++half) {
    alignas(32) int32_t high[kLanes], cross[kLanes], low[kLanes];
    _mm256_store_si256(reinterpret_cast<__m256i *>(high), sums[half].high);
    _mm256_store_si256(reinterpret_cast<__m256i *>(cross), sums[half].cross);
    _mm256_store_si256(reinterpret_cast<__m256i *>(low), sums[half].low);
    for (int i = 0; i < kLanes; ++i) {
      total[half * kLanes + i] =
          P == Products::kHigh
              ? high[i]
              : combine(high[i], cross[i], P == Products::kExact ? low[i] : 0);
    }
  }
}

template <Products P>
inline void finish(const Convolution &c, const Sums (&sums)[kHalves], int block, uint8_t *target,
                   const uint8_t *other) {
  if (!in_vectors<P>(c.constants)) {
    int64_t total[kBlock];
    spill<P>(sums, total);
    return finish_block(c, total, block, target, other);
  }
  for (int half = 0; half < kHalves; ++half) {
    const int channel = block * kBlock + half * kLanes;
    if (channel >= c.channels) return;
    Vector t = to_planes(c.constants, to_stored<P>(c.constants, channel, sums[half]));
    if (c.adds) t = add_other(c.addition, t, other + channel, c.other.low);
    store_planes(target + channel, c.target.low, t, c.channels - channel);
  }
}

struct Avx2 {
  template <Products P, int N>
  static constexpr int rows() {
    return P == Products::kHigh ? 3 : 1;
  }
  template <Products P>
  static constexpr int blocks() {
    return 1;
  }

  template <Products P, int M, int N>
  static __attribute__((noinline)) void tile(const Convolution &c, const Tile<M> &tile,
                                             int block) {
    Sums sums[M][kHalves];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int half = 0; half < kHalves; ++half) {
        sums[i][half] = start_sums<P>(c.constants, block * kBlock + half * kLanes);
      }
    }
    const int8_t *wh = c.weight_high + block * c.panel;
    const int8_t *wl = c.weight_low + block * c.panel;
    for (int run = 0; run < c.run_count; ++run) {
      ptrdiff_t at = c.runs[run];
      for (int quad = 0; quad < c.run_quads; ++quad, at += kQuad, wh += 64, wl += 64) {
#pragma GCC unroll 4
        for (int i = 0; i < M; ++i) {
          const Split high = repeat_quad(tile.source[i] + at);
          Split low = high;
          if constexpr (reads_low_codes(P)) low = repeat_quad(tile.source[i] + c.source_low + at);
#pragma GCC unroll 2
          for (int half = 0; half < kHalves; ++half) {
            add_quad<P>(sums[i][half], high, low, wh + 32 * half, wl + 32 * half);
          }
        }
      }
      wh += c.run_skip, wl += c.run_skip;
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) finish<P>(c, sums[i], block, tile.target[i], tile.other[i]);
  }
};

// ---- depthwise: four rows of eight channels make a vector of quads

inline Split load_column(const uint8_t *const rows[kQuad], ptrdiff_t at) {
  __m128i row[kQuad];
  for (int r = 0; r < kQuad; ++r) {
    row[r] = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(rows[r] + at));
  }
  const __m128i a = _mm_unpacklo_epi8(row[0], row[1]), b = _mm_unpacklo_epi8(row[2], row[3]);
  return split_codes(_mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b)));
}

template <Products P>
void depthwise_block(const Depthwise &d, const uint8_t *source, uint8_t *target, int block) {
  const int quads = (d.kernel_y + kQuad - 1) / kQuad;
  Sums sums[kHalves];
  for (int half = 0; half < kHalves; ++half) {
    const int channel = block * kBlock + half * kLanes;
    Sums s = start_sums<P>(d.constants, channel);
    const int8_t *wh = d.weight_high + block * d.panel + half * 32;
    const int8_t *wl = d.weight_low + block * d.panel + half * 32;
    for (int x = 0; x < d.kernel_x; ++x) {
      for (int q = 0; q < quads; ++q, wh += 64, wl += 64) {
        const uint8_t *rows[kQuad];  // those beyond the window have weights of zero
        for (int r = 0; r < kQuad; ++r) {
          const int y = q * kQuad + r < d.kernel_y ? q * kQuad + r : d.kernel_y - 1;
          rows[r] = source + y * d.source.row + x * d.source.column + channel;
        }
        const Split high = load_column(rows, 0);
        Split low = high;
        if constexpr (reads_low_codes(P)) low = load_column(rows, d.source.low);
        add_quad<P>(s, high, low, wh, wl);
      }
    }
    sums[half] = s;
  }
  if (!in_vectors<P>(d.constants)) {
    int64_t total[kBlock];
    spill<P>(sums, total);
    return finish_depthwise(d, total, block, target);
  }
  for (int half = 0; half < kHalves; ++half) {
    const int channel = block * kBlock + half * kLanes;
    if (channel >= d.channels) return;
    const Vector t = to_planes(d.constants, to_stored<P>(d.constants, channel, sums[half]));
    store_planes(target + channel, d.target.low, t, d.channels - channel);
  }
}

template <Products P>
void depthwise_rows(const Depthwise &d, Range rows, Range blocks) {
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < d.target_width; ++x) {
      const uint8_t *source =
          d.source.at + y * d.stride_y * d.source.row + x * d.stride_x * d.source.column;
      uint8_t *target = d.target.at + y * d.target.row + x * d.target.column;
      for (int b = blocks.begin; b < blocks.end; ++b) depthwise_block<P>(d, source, target, b);
    }
  }
}

void depthwise(const Depthwise &d, Range rows, Range blocks) {
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

bool runs_here() { return __builtin_cpu_supports("avx2"); }

}  // namespace

const Kernels kAvx2 = {"avx2",   runs_here, 0,    walk<Avx2>, depthwise,
                       max_pool, average,   join, narrow, 0, nullptr};

}  // namespace ae
