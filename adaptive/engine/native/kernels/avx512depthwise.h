// Depthwise convolutions: columns of four rows are turned into quads, 64 values at a time.
//
// A span is 64 channels of one position or, where fewer are left, 32 of two neighbouring positions
// or 16 of four. Its values make four vectors: lane L of vector v holds the channels 4 v to 4 v + 3
// of the span's block number L. That is how unpacking leaves bytes, and packing brings them back.
#pragma once

#include "avx512sums.h"

namespace ae {
namespace {

constexpr int kStrip = 16;  // outputs of a strip
constexpr int kSlots = 40;  // columns of a strip times quads of rows
constexpr int kTaps = 16;   // quads of the largest window

template <int kPositions>
struct Span {
  int block[4];  // of each lane

  // From `first` of the blocks to `end`.
  Span(int first, int end) {
    for (int lane = 0; lane < 4; ++lane) {
      const int at = lane % (4 / kPositions);
      block[lane] = first + at < end ? first + at : first;
    }
  }

  // Sixteen bytes a lane, at `stride` bytes a block.
  Vector gather(const void *from, ptrdiff_t stride, int v) const {
    const auto *bytes = static_cast<const uint8_t *>(from) + 16 * v;
    return join(quarter(bytes + block[0] * stride), quarter(bytes + block[1] * stride),
                quarter(bytes + block[2] * stride), quarter(bytes + block[3] * stride));
  }

  // 64 bytes of the span's positions, `step` bytes apart.
  static Vector load_row(const uint8_t *at, ptrdiff_t step) {
    if constexpr (kPositions == 1) return load(at);
    if constexpr (kPositions == 2) {
      const auto half = [](const uint8_t *from) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
      };
      return _mm512_inserti64x4(_mm512_castsi256_si512(half(at)), half(at + step), 1);
    }
    return join(quarter(at), quarter(at + step), quarter(at + 2 * step), quarter(at + 3 * step));
  }

 private:
  static __m128i quarter(const uint8_t *from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
  }
  static Vector join(__m128i a, __m128i b, __m128i c, __m128i d) {
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
};

// The channels of one vector of a span.
template <class Where>
struct Lanes {
  const Where &span;
  int v;
  Vector operator()(const int32_t *constants) const {
    return span.gather(constants, kBlock * sizeof(int32_t), v);
  }
};

// Four rows to quads.
inline void transpose(const Vector (&row)[kQuad], Vector *out) {
  const Vector a = _mm512_unpacklo_epi8(row[0], row[1]), b = _mm512_unpackhi_epi8(row[0], row[1]);
  const Vector c = _mm512_unpacklo_epi8(row[2], row[3]), d = _mm512_unpackhi_epi8(row[2], row[3]);
  out[0] = _mm512_unpacklo_epi16(a, c);
  out[1] = _mm512_unpackhi_epi16(a, c);
  out[2] = _mm512_unpacklo_epi16(b, d);
  out[3] = _mm512_unpackhi_epi16(b, d);
}

// One span's weights, and what lies between its rows and what is stored.
template <Products P, int kPositions>
struct Strip {
  const Depthwise &d;
  const Span<kPositions> span;
  const int quads, taps;
  alignas(64) Vector weight_high[kTaps][4], weight_low[P == Products::kHigh ? 1 : kTaps][4];
  alignas(64) Vector high[kSlots][4], low[reads_low_codes(P) ? kSlots : 1][4];
  alignas(64) Vector stored[kStrip][4];

  Strip(const Depthwise &depthwise, Range blocks)
      : d(depthwise),
        span(blocks.begin, blocks.end),
        quads((depthwise.kernel_y + kQuad - 1) / kQuad),
        taps(depthwise.kernel_x * quads) {
    for (int t = 0; t < taps; ++t) {
      for (int v = 0; v < 4; ++v) {
        weight_high[t][v] = span.gather(d.weight_high + 64 * t, d.panel, v);
        if constexpr (P != Products::kHigh) {
          weight_low[t][v] = span.gather(d.weight_low + 64 * t, d.panel, v);
        }
      }
    }
  }

  // Reads the columns of `outputs` outputs. Row 4 q + r of a column lies in quad q; rows beyond the
  // window have weights of zero.
  void read(const uint8_t *top, int outputs) {
    const int apart = d.stride_x * kPositions;  // columns between neighbouring spans
    const int columns = (outputs - kPositions) * d.stride_x + d.kernel_x;
    const ptrdiff_t step = d.stride_x * d.source.column;
    for (int x = 0; x < columns; ++x) {
      if (x % apart >= d.kernel_x) continue;
      for (int q = 0; q < quads; ++q) {
        Vector row[kQuad], low_row[kQuad];
        for (int r = 0; r < kQuad; ++r) {
          const int y = q * kQuad + r < d.kernel_y ? q * kQuad + r : d.kernel_y - 1;
          const uint8_t *at = top + y * d.source.row + x * d.source.column;
          row[r] = span.load_row(at, step);
          if constexpr (reads_low_codes(P)) low_row[r] = span.load_row(at + d.source.low, step);
        }
        transpose(row, high[x * quads + q]);
        if constexpr (reads_low_codes(P)) transpose(low_row, low[x * quads + q]);
      }
    }
  }

  // Sums vector v of `groups` spans. The three quads of a 3 x 3 window are known when this is
  // compiled.
  template <int kKnown, bool kDeep>
  __attribute__((noinline)) void sum(int groups, int v) {
    constexpr int S = sums_of(P);
    const Lanes<Span<kPositions>> at{span, v};
    const Constants &k = d.constants;
    const Starts<P> start(k, at);
    const Scale scale(k, at);
    const Joint joint(k, at);
    const Vector lift = at(k.lift);
    const int count = kKnown ? kKnown : taps, apart = d.stride_x * kPositions * quads;
    // Copies of the three, which no store can change.
    Vector wh[3], wl[3];
#pragma GCC unroll 3
    for (int t = 0; t < kKnown; ++t) {
      wh[t] = weight_high[t][v];
      if constexpr (S > 1) wl[t] = weight_low[t][v];
    }
    for (int g = 0; g < groups; ++g) {
      Vector sums[3] = {start.high, start.cross, start.low};
#pragma GCC unroll 3
      for (int t = 0; t < count; ++t) {
        const Vector code = high[g * apart + t][v];
        const Vector weight = kKnown ? wh[t] : weight_high[t][v];
        Vector low_weight = weight;
        if constexpr (S > 1) low_weight = kKnown ? wl[t] : weight_low[t][v];
        dot(sums[0], code, weight);
        if constexpr (S > 1) dot(sums[1], code, low_weight);
        if constexpr (reads_low_codes(P)) {
          const Vector low_code = low[g * apart + t][v];
          dot(sums[1], low_code, weight);
          if constexpr (S > 2) dot(sums[2], low_code, low_weight);
        }
      }
      Vector value = sums[0];
      if constexpr (S > 1) {
        // Of so few products what high x high leaves fits 32 bits.
        const Vector rest = _mm512_add_epi32(_mm512_slli_epi32(sums[1], 8), sums[2]);
        value = joint.join<kDeep>(sums[0], rest);
      }
      if constexpr (S == 1 && kDeep) {
        value = _mm512_sllv_epi32(_mm512_srav_epi32(value, joint.down), lift);
      }
      stored[g][v] = scale.apply(value);
    }
  }

  // Stores what was summed.
  void write(uint8_t *target, int groups) {
    const Constants &k = d.constants;
    const int first = span.block[0] * kBlock, count = d.channels - first;
    constexpr int N = 4 / kPositions;
    const ptrdiff_t column = d.target.column;
    const bool flat = column == N * kBlock && count == N * kBlock && first == 0;
    const Vector least = _mm512_set1_epi8(static_cast<char>(k.stored_least));
    for (int g = 0; g < groups; ++g, target += kPositions * column) {
      uint8_t *to[kPositions];
      for (int p = 0; p < kPositions; ++p) to[p] = target + p * column;
      Vector(&v)[4] = stored[g];
      if (k.bits == 8 && !d.target.low) {
        const Vector bytes = _mm512_max_epu8(pack_bytes(v[0], v[1], v[2], v[3]), least);
        put<kPositions, N>(bytes, to, first, count, flat);
        continue;
      }
      for (int i = 0; i < 4 && k.bits != 16; ++i) {
        v[i] = _mm512_add_epi32(to_codes(k, clamp_stored(k, v[i])), repeat(kPlaneOffset));
      }
      const Words words(v[0], v[1], v[2], v[3], k.bits == 16 ? k.stored_least : 0);
      put<kPositions, N>(words.high_bytes(), to, first, count, flat);
      if (d.target.low) put<kPositions, N>(words.low_bytes(), to, d.target.low + first, count, flat);
    }
  }

  void run(const uint8_t *top, uint8_t *target, int outputs) {
    read(top, outputs);
    const int groups = outputs / kPositions;
    for (int v = 0; v < 4; ++v) {
      if (taps == 3) {
        d.constants.deep ? sum<3, true>(groups, v) : sum<3, false>(groups, v);
      } else {
        sum<0, true>(groups, v);
      }
    }
    write(target, groups);
  }
};

template <Products P, int kPositions>
void depthwise_span(const Depthwise &d, Range rows, Range blocks) {
  Strip<P, kPositions> strip(d, blocks);
  const int fitting = (kSlots / strip.quads - d.kernel_x) / d.stride_x + 1;
  const int fewer = fitting < d.target_width ? fitting : d.target_width;
  const int most = (fewer < kStrip ? fewer : kStrip) / kPositions * kPositions;
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < d.target_width; x += most) {
      const int left = (d.target_width - x + kPositions - 1) / kPositions * kPositions;
      const int outputs = left < most ? left : most;
      // The last strip overlaps the one before it where positions are left over.
      const int from = x + outputs > d.target_width ? d.target_width - outputs : x;
      const ptrdiff_t in = y * d.stride_y * d.source.row + from * d.stride_x * d.source.column;
      strip.run(d.source.at + in + blocks.begin * kBlock,
                d.target.at + y * d.target.row + from * d.target.column, outputs);
    }
  }
}

template <Products P>
void depthwise_rows(const Depthwise &d, Range rows, Range blocks) {
  for (int begin = blocks.begin; begin < blocks.end; begin += 4) {
    const int left = blocks.end - begin;
    const Range span{begin, left < 4 ? blocks.end : begin + 4};
    if (left == 1 && d.target_width >= 4) {
      depthwise_span<P, 4>(d, rows, span);
    } else if (left <= 2 && d.target_width >= 2) {
      depthwise_span<P, 2>(d, rows, span);
    } else {
      depthwise_span<P, 1>(d, rows, span);
    }
  }
}

void depthwise(const Depthwise &d, Range rows, Range blocks) {
  const int quads = (d.kernel_y + kQuad - 1) / kQuad;
  const bool in_vectors = d.products == Products::kHigh ? d.constants.narrow : d.constants.split;
  const int least = (d.kernel_x + 3 * d.stride_x) * quads;  // slots of four outputs
  if (!in_vectors || d.kernel_x * quads > kTaps || least > kSlots) {
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

}  // namespace
}  // namespace ae
