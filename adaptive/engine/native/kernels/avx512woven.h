// 16-bit sums by three byte products' worth of work instead of four.
//
// vpdpwssd sums products of 16-bit numbers twice as fast as four byte products would be, but the sum
// leaves its 32 bits and only stays right modulo 2^32. High x high (vpdpbusd) tells the rest: what
// it leaves of the sum fits 32 bits (`Constants::woven`), so
//   rest = sum - 2^16 high x high  modulo 2^32,   total = 2^16 high x high + rest,  exactly.
// Codes are woven, both planes together, once a signal; weights once for each pair of blocks.
#pragma once

#include "avx512store.h"

namespace ae {
namespace {

inline void dot_words(Vector &sum, Vector codes, Vector weights) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(weights));
}

// Codes plus 128.
void weave(const Weave &w, Range lines) {
  constexpr int half = kLine / 2;
  const Vector sign = _mm512_set1_epi16(INT16_MIN);
  for (ptrdiff_t i = ptrdiff_t{lines.begin} * kLine; i < ptrdiff_t{lines.end} * kLine; i += half) {
    const auto words = [&](const uint8_t *plane) {
      return _mm512_cvtepu8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i *>(plane + i)));
    };
    const Vector high = _mm512_slli_epi16(words(w.high), 8);
    // high | low, less 32768
    _mm512_storeu_si512(w.target + 2 * i, _mm512_ternarylogic_epi32(high, words(w.low), sign, 0x56));
  }
}

// A sum's quads from `begin` to `end` in stretches without a gap. (A function called for each would
// take the address of what it sums up in, which then leaves the registers.)
struct Stretch {
  const Convolution *c;
  Range quads;  // still to come
  int run, skipped, count = 0;

  Stretch(const Convolution &convolution, Range all)
      : c(&convolution),
        quads(all),
        run(all.begin / c->run_quads),
        skipped(all.begin % c->run_quads) {
    measure();
  }
  bool there() const { return count > 0; }
  void next() {
    quads.begin += count;
    skipped = 0;
    ++run;
    measure();
  }

 private:
  void measure() {
    const int left = quads.end - quads.begin, whole = c->run_quads - skipped;
    count = left < whole ? left : whole;
  }
};

// Where the weights of a stretch lie in the plane of a block.
inline ptrdiff_t weights_of(const Stretch &s) {
  return (ptrdiff_t{s.run} * s.c->run_quads + s.skipped) * kBlock * kQuad + s.run * s.c->run_skip;
}

// The weights of one segment of one block as 16-bit numbers: for each quad products 0 and 1 of every
// channel, then 2 and 3. Returns what makes a sum of woven codes, less 2^16 high x high, that of
// codes less their zero point.
Vector weave_weights(const Convolution &c, int block, Range quads, int16_t *target) {
  const Vector one = _mm512_set1_epi8(1), ones = _mm512_set1_epi16(1);
  Vector sum = _mm512_setzero_si512(), low_sum = sum;
  for (Stretch stretch(c, quads); stretch.there(); stretch.next()) {
    const ptrdiff_t at = block * c.panel + weights_of(stretch);
    const int8_t *wh = c.weight_high + at, *wl = c.weight_low + at;
    for (int quad = 0; quad < stretch.count; ++quad) {
      Vector high = load(wh);
      const Vector low = load(wl);
      // A low byte below zero was taken from the high one.
      high = _mm512_mask_sub_epi8(high, _mm512_movepi8_mask(low), high, one);
      const __m512 first = _mm512_castsi512_ps(_mm512_unpacklo_epi8(low, high));
      const __m512 second = _mm512_castsi512_ps(_mm512_unpackhi_epi8(low, high));
      const Vector words[] = {_mm512_castps_si512(_mm512_shuffle_ps(first, second, 0x88)),
                              _mm512_castps_si512(_mm512_shuffle_ps(first, second, 0xDD))};
      for (const Vector &pair : words) {
        dot_words(sum, ones, pair);
        _mm512_store_si512(target, pair);
        target += 2 * kBlock;
      }
      dot(low_sum, one, low);
      wh += kBlock * kQuad;
      wl += kBlock * kQuad;
    }
  }
  // 32768 - 128 times the weights, less 256 times the zero point's high byte times the low bytes.
  const Vector zero = repeat(256 * c.source_zero);
  return _mm512_sub_epi32(
      _mm512_sub_epi32(_mm512_slli_epi32(sum, 15), _mm512_slli_epi32(sum, 7)),
      _mm512_mullo_epi32(zero, low_sum));
}

// What a thread keeps while it works on up to two blocks.
struct Scratch {
  static constexpr int kPositions = 72;  // at once, where there are several segments
  static constexpr int kBlocks = 2;
  static constexpr int kSums = 3;  // high x high, and two parts of the rest
  static constexpr int kRows = 8;  // at most, that a tile goes beyond the positions

  Vector offset[kBlocks];  // of the segment at hand
  Range quads;
  bool is_first, is_last;
  Vector *sums;  // of the tile that comes next
  alignas(64) union {
    int16_t weights[kBlocks * kWovenQuads * kBlock * kQuad];
    struct {
      int16_t segment[kBlocks * kSegmentQuads * kBlock * kQuad];
      int32_t sums[(kPositions + kRows) * kBlocks * kSums * kBlock];
    } parts;
  } room;
};

static_assert(sizeof(Scratch) <= 64 * 1024, "it lies on the caller's stack");

// Tiles that read woven codes and weights. `kCut`: in several segments, else in one.
template <bool kCut>
struct Woven {
  template <Products P, int N>
  static constexpr int rows() {
    return N == 2 ? 6 : 8;
  }

  template <Products P, int M, int N>
  static __attribute__((noinline)) void tile(const Convolution &c, const Tile<M> &tile,
                                             int block) {
    Scratch &scratch = *static_cast<Scratch *>(c.scratch);
    Vector high[M][N], whole[M][N];
    start<M, N>(c, scratch, block, high, whole);
    // One place and distances from it: pointers to every row in both would not stay in registers.
    ptrdiff_t apart[M];
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      apart[i] = tile.source[i] - tile.source[0];
      __builtin_prefetch(tile.target[i] + block * kBlock, 1);
      if (c.adds) __builtin_prefetch(tile.other[i] + block * kBlock);
    }
    const int16_t *words = scratch.room.weights;
    const ptrdiff_t panel = c.panel;
    const ptrdiff_t word_panel =
        ptrdiff_t{scratch.quads.end - scratch.quads.begin} * kBlock * kQuad;
    for (Stretch stretch(c, scratch.quads); stretch.there(); stretch.next()) {
      const int8_t *wh = c.weight_high + block * panel + weights_of(stretch);
      const uint8_t *at = tile.source[0] + c.runs[stretch.run] + stretch.skipped * kQuad;
      const uint8_t *woven = c.woven + 2 * (at - c.source);
      const ptrdiff_t ahead = tile.ahead - (c.weight_high + block * panel);
      for (int quad = 0; quad < stretch.count; ++quad) {
        __builtin_prefetch(wh + ahead, 0, 2);
#pragma GCC unroll 2
        for (int pair = 0; pair < 2; ++pair) {
          Vector weight[N];
#pragma GCC unroll 16
          for (int j = 0; j < N; ++j) weight[j] = load(words + j * word_panel + pair * 2 * kBlock);
#pragma GCC unroll 16
          for (int i = 0; i < M; ++i) {
            const Vector code = broadcast(woven + pair * kQuad + 2 * apart[i]);
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) dot_words(whole[i][j], code, weight[j]);
          }
        }
        Vector weight[N];
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) weight[j] = load(wh + j * panel);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const Vector code = broadcast(at + apart[i]);
#pragma GCC unroll 16
          for (int j = 0; j < N; ++j) dot(high[i][j], code, weight[j]);
        }
        at += kQuad;
        woven += 2 * kQuad;
        wh += kBlock * kQuad;
        words += kBlock * kQuad;
      }
    }
    finish<M, N>(c, scratch, tile, block, high, whole);
  }

  // Both sums before a segment: `whole` is 2^16 high x high then, but for its offset.
  template <int M, int N>
  static inline __attribute__((always_inline)) void start(const Convolution &c,
                                                          const Scratch &scratch, int block,
                                                          Vector (&high)[M][N],
                                                          Vector (&whole)[M][N]) {
    const Constants &k = c.constants;
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) {
      const Block at{(block + j) * kBlock};
      Vector first = at(k.high), offset = scratch.offset[j];
      if (k.split) {
        first = _mm512_add_epi32(first, at(k.bias_high));
        if (!kCut) {
          offset = _mm512_add_epi32(offset, _mm512_slli_epi32(at(k.bias_middle), 8));
          offset = _mm512_add_epi32(offset, at(k.bias_low));
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        high[i][j] = first;
        if (kCut && !scratch.is_first) high[i][j] = scratch.sums[(i * N + j) * Scratch::kSums];
        whole[i][j] = _mm512_add_epi32(_mm512_slli_epi32(high[i][j], 16), offset);
      }
    }
  }

  // What high x high leaves of the sum, shared out to 2^8 `middle` and `low`.
  template <int M, int N>
  static inline __attribute__((always_inline)) void finish(const Convolution &c, Scratch &scratch,
                                                           const Tile<M> &tile, int block,
                                                           Vector (&high)[M][N],
                                                           Vector (&low)[M][N]) {
    const Constants &k = c.constants;
    Vector middle[M][N];
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        low[i][j] = _mm512_sub_epi32(low[i][j], _mm512_slli_epi32(high[i][j], 16));
        middle[i][j] = _mm512_setzero_si512();
      }
    }
    if (kCut && !add_up<M, N>(scratch, high, middle, low)) return;
    if (!k.split) {
      Vector sum[3][M][N];
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) {
          sum[0][i][j] = high[i][j];
          sum[1][i][j] = middle[i][j];
          sum[2][i][j] = low[i][j];
        }
      }
      return finish_slowly<Products::kExact, M, N>(c, tile, block, sum);
    }
    k.deep ? requantise<true, M, N>(k, block, high, middle, low)
           : requantise<false, M, N>(k, block, high, middle, low);
    store<M, N>(c, tile, block, high);
  }

  // Adds what this segment left to what the former ones did; false where there are more to come.
  template <int M, int N>
  static inline __attribute__((always_inline)) bool add_up(Scratch &scratch,
                                                           const Vector (&high)[M][N],
                                                           Vector (&middle)[M][N],
                                                           Vector (&low)[M][N]) {
    Vector *sums = scratch.sums;
    scratch.sums += M * N * Scratch::kSums;
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j, sums += Scratch::kSums) {
        middle[i][j] = _mm512_srai_epi32(low[i][j], 8);
        low[i][j] = _mm512_and_si512(low[i][j], repeat(255));
        if (!scratch.is_first) {
          middle[i][j] = _mm512_add_epi32(middle[i][j], sums[1]);
          low[i][j] = _mm512_add_epi32(low[i][j], sums[2]);
        }
        if (scratch.is_last) continue;
        sums[0] = high[i][j];
        sums[1] = middle[i][j];
        sums[2] = low[i][j];
      }
    }
    return scratch.is_last;
  }

  // Sums to stored codes, not yet clamped, in place of the first.
  template <bool kDeep, int M, int N>
  static inline __attribute__((always_inline)) void requantise(const Constants &k, int block,
                                                               Vector (&high)[M][N],
                                                               Vector (&middle)[M][N],
                                                               Vector (&low)[M][N]) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
      const Block at{(block + j) * kBlock};
      const Scale scale(k, at);
      const Joint joint(k, at);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        if constexpr (kCut) {
          middle[i][j] = _mm512_add_epi32(middle[i][j], at(k.bias_middle));
          low[i][j] = _mm512_add_epi32(low[i][j], at(k.bias_low));
          high[i][j] = joint.join<kDeep>(high[i][j], middle[i][j], low[i][j]);
        } else {
          high[i][j] = joint.join<kDeep>(high[i][j], low[i][j]);
        }
        high[i][j] = scale.apply(high[i][j]);
      }
    }
  }

  template <int N>
  static void walk_block(const Convolution &convolution, Range positions, int block) {
    Scratch scratch;
    Convolution c = convolution;
    c.scratch = &scratch;
    const int step = kCut ? Scratch::kPositions : positions.end - positions.begin;
    for (Range part{positions.begin, 0}; part.begin < positions.end; part.begin = part.end) {
      const int left = positions.end - part.begin;
      part.end = part.begin + (left < step ? left : step);
      scratch.quads = {0, 0};
      for (int s = 0; s < c.segment_count; ++s) {
        scratch.quads = {scratch.quads.end, c.segments[s]};
        scratch.is_first = s == 0;
        scratch.is_last = s + 1 == c.segment_count;
        scratch.sums = reinterpret_cast<Vector *>(scratch.room.parts.sums);
        const ptrdiff_t panel =
            ptrdiff_t{scratch.quads.end - scratch.quads.begin} * kBlock * kQuad;
        for (int j = 0; j < N; ++j) {
          scratch.offset[j] =
              weave_weights(c, block + j, scratch.quads, scratch.room.weights + j * panel);
        }
        walk_positions<Woven, Products::kExact, N>(c, part, block);
      }
    }
  }

  static void walk(const Convolution &c, Range positions, Range blocks) {
    int block = blocks.begin;
    for (; block + 1 < blocks.end; block += 2) walk_block<2>(c, positions, block);
    if (block < blocks.end) walk_block<1>(c, positions, block);
  }
};

}  // namespace
}  // namespace ae
