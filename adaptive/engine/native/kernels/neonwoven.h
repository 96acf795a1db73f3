// 16-bit sums on Arm cores without the dot product, of woven codes; see avx512woven.h for why they
// are exact. smlal multiplies 16-bit numbers four at a time and keeps the sum modulo 2^32; with
// high x high beside it that is 32 instructions for 64 products, where byte products take 56.
#pragma once

#include "neonmul.h"

namespace ae {
namespace {

// Codes plus 128.
void weave(const Weave &w, Range lines) {
  auto *target = reinterpret_cast<int16_t *>(w.target);
  for (ptrdiff_t i = ptrdiff_t{lines.begin} * kLine; i < ptrdiff_t{lines.end} * kLine; i += 16) {
    const uint8x16_t high = veorq_u8(vld1q_u8(w.high + i), vdupq_n_u8(0x80));
    const uint8x16x2_t words = vzipq_u8(vld1q_u8(w.low + i), high);
    vst1q_s16(target + i, vreinterpretq_s16_u8(words.val[0]));
    vst1q_s16(target + i + 8, vreinterpretq_s16_u8(words.val[1]));
  }
}

// A block's weights as 16-bit numbers, and what is worked with beside them.
struct WovenBlock {
  // Of each quad product by product: the weights of sixteen channels.
  alignas(16) int16_t words[kWovenQuads * kQuad * kBlock];
  // Makes a sum of woven codes, less 2^16 high x high of signed bytes, that of codes less their
  // zero point: (32640 - 256 a) times the low bytes, less 2^15 times the high ones, where `a` is
  // the high byte of the zero point.
  alignas(16) int32_t offset[kBlock];
};

// Adds four bytes of each of eight channels.
inline void add_bytes(int32x4_t sums[2], int8x8_t a, int8x8_t b, int8x8_t c, int8x8_t d) {
  const int16x8_t all = vaddq_s16(vaddl_s8(a, b), vaddl_s8(c, d));
  sums[0] = vaddw_s16(sums[0], vget_low_s16(all));
  sums[1] = vaddw_s16(sums[1], vget_high_s16(all));
}

inline void weave_weights(const Convolution &c, int block, WovenBlock &woven) {
  const int8_t *wh = c.weight_high + block * c.panel, *wl = c.weight_low + block * c.panel;
  int16_t *target = woven.words;
  const int32x4_t zero = vdupq_n_s32(0);
  int32x4_t highs[kVectors] = {zero, zero, zero, zero}, lows[kVectors] = {zero, zero, zero, zero};
  for (int run = 0; run < c.run_count; ++run, wh += c.run_skip, wl += c.run_skip) {
    for (int quad = 0; quad < c.run_quads; ++quad, wh += 64, wl += 64) {
      const int8x16x4_t h = vld4q_s8(wh), l = vld4q_s8(wl);
      for (int k = 0; k < kQuad; ++k, target += kBlock) {
        vst1q_s16(target, vaddw_s8(vshll_n_s8(vget_low_s8(h.val[k]), 8), vget_low_s8(l.val[k])));
        vst1q_s16(target + 8,
                  vaddw_s8(vshll_n_s8(vget_high_s8(h.val[k]), 8), vget_high_s8(l.val[k])));
      }
      for (int half = 0; half < 2; ++half) {
        const auto part = [half](int8x16_t v) { return half ? vget_high_s8(v) : vget_low_s8(v); };
        add_bytes(highs + 2 * half, part(h.val[0]), part(h.val[1]), part(h.val[2]), part(h.val[3]));
        add_bytes(lows + 2 * half, part(l.val[0]), part(l.val[1]), part(l.val[2]), part(l.val[3]));
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const int32x4_t low = vmulq_n_s32(lows[v], 32640 - 256 * c.source_zero);
    vst1q_s32(woven.offset + 4 * v, vsubq_s32(low, vshlq_n_s32(highs[v], 15)));
  }
}

// Adds product number K of a quad: codes of M positions times the weights of 4 V channels.
template <int K, int M, int V>
inline __attribute__((always_inline)) void add_words(int32x4_t (&whole)[M][V],
                                                     const int16x4_t (&codes)[M],
                                                     const int16_t *words) {
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int16x4_t weights = vld1_s16(words + K * kBlock + 4 * v);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      whole[i][v] = vmlal_lane_s16(whole[i][v], weights, codes[i], K);
    }
  }
}

template <int M, int V>
inline void woven_part(const Convolution &c, const Tile<M> &tile, int block, int part) {
  const auto &woven = *static_cast<const WovenBlock *>(c.scratch);
  const int16_t *words = woven.words + 4 * part;
  const int8_t *wh = c.weight_high + block * c.panel + 16 * part;
  const int32x4_t zero = vdupq_n_s32(0);
  Lanes high[M][V];
  int32x4_t whole[M][V];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      high[i][v] = {zero, zero};
      whole[i][v] = zero;
    }
  }
  for (int run = 0; run < c.run_count; ++run, wh += c.run_skip) {
    ptrdiff_t offset = c.runs[run];
    for (int left = c.run_quads; left > 0; --left, offset += kQuad, wh += 64, words += 64) {
      int16x4_t codes[M];
      int8x16_t bytes[M];
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) {
        const uint8_t *at = tile.source[i] + offset;
        codes[i] = vld1_s16(reinterpret_cast<const int16_t *>(c.woven + 2 * (at - c.source)));
        bytes[i] = repeat_quad(at);
      }
      add_words<0, M, V>(whole, codes, words);
      add_words<1, M, V>(whole, codes, words);
      add_words<2, M, V>(whole, codes, words);
      add_words<3, M, V>(whole, codes, words);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const int8x16_t weights = vld1q_s8(wh + 16 * v);
#pragma GCC unroll 4
        for (int i = 0; i < M; ++i) high[i][v].add(bytes[i], weights);
      }
    }
  }
  const int first = block * kBlock + 4 * part;
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
    // What is left beside high x high goes to `low`; what is added there later is taken off here.
    Sums<Products::kExact, V> done;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      done.high[v] = high[i][v].total();
      const int32x4_t rest = vaddq_s32(vsubq_s32(whole[i][v], vshlq_n_s32(done.high[v], 16)),
                                       vld1q_s32(woven.offset + 4 * (part + v)));
      done.cross[v] = vnegq_s32(vld1q_s32(c.constants.cross + first + 4 * v));
      done.low[v] = vsubq_s32(rest, vld1q_s32(c.constants.low + first + 4 * v));
    }
    finish_channels<Products::kExact, V>(c.constants, done, first, c.channels, tile.target[i],
                                         c.target.low, c.addition, tile.other[i], c.other.low);
  }
}

// `V` vectors of a part, `Rows` positions of a tile.
template <int V, int Rows>
struct Woven {
  template <Products P, int N>
  static constexpr int rows() {
    return Rows;
  }
  template <Products P, int M, int N>
  static void tile(const Convolution &c, const Tile<M> &tile, int block) {
    for (int part = 0; part < kVectors; part += V) woven_part<M, V>(c, tile, block, part);
  }
};

// Dense convolutions: woven codes by `Words`, planes by `Bytes`.
template <class Bytes, class Words>
void convolve(const Convolution &c, Range positions, Range blocks) {
  if (!c.woven) return walk<Bytes>(c, positions, blocks);
  WovenBlock woven;
  Convolution there = c;
  there.scratch = &woven;
  for (int block = blocks.begin; block < blocks.end; ++block) {
    weave_weights(c, block, woven);
    walk_positions<Words, Products::kExact, 1>(there, positions, block);
  }
}

}  // namespace
}  // namespace ae
