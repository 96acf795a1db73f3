// The portable kernels: plain C++, the oracle of the others, and the only ones for sums that may
// leave 32 bits.
#include "finish.h"
#include "simple.h"
#include "walk.h"

namespace ae {
namespace {

constexpr bool reads_low_weights(Products p) { return p != Products::kHigh; }
constexpr bool reads_low_codes(Products p) {
  return p == Products::kFast || p == Products::kExact;
}

// Sums of one output position and one block of channels, the byte products apart.
template <class Sum>
struct Sums {
  Sum high[kBlock], cross[kBlock], low[kBlock];

  template <Products P>
  int64_t total(int i) const {
    if constexpr (P == Products::kHigh) return high[i];
    const int64_t upper = int64_t{high[i]} * 65536 + int64_t{cross[i]} * 256;
    return P == Products::kExact ? upper + low[i] : upper;
  }
};

template <Products P, class Sum>
inline void accumulate(Sums<Sum> &s, int i, Sum high, Sum low, Sum weight_high, Sum weight_low) {
  s.high[i] += high * weight_high;
  if constexpr (reads_low_weights(P)) s.cross[i] += high * weight_low;
  if constexpr (reads_low_codes(P)) s.cross[i] += low * weight_high;
  if constexpr (P == Products::kExact) s.low[i] += low * weight_low;
}

// Adds the products of one quad of bytes and a block's weights, each at a place of its own: in this
// order compilers turn them into vectors.
template <class Sum>
inline void add_products(Sum *sum, const int16_t *bytes, const int8_t *weights) {
  for (int i = 0; i < kBlock; ++i) {
    for (int j = 0; j < kQuad; ++j) sum[i * kQuad + j] += bytes[j] * weights[i * kQuad + j];
  }
}

// Bytes are taken less their zero point, so that the sums need no starting values.
template <Products P, class Sum>
void sum_window(const Convolution &c, const uint8_t *source, int block, Sums<Sum> &s) {
  const int8_t *wh = c.weight_high + block * c.panel;
  const int8_t *wl = c.weight_low + block * c.panel;
  Sum high[kBlock * kQuad] = {}, cross[kBlock * kQuad] = {}, low[kBlock * kQuad] = {};
  for (int run = 0; run < c.run_count; ++run) {
    const uint8_t *at = source + c.runs[run];
    for (int quad = 0; quad < c.run_quads; ++quad, at += kQuad, wh += 64, wl += 64) {
      int16_t byte[kQuad], low_byte[kQuad];
      for (int j = 0; j < kQuad; ++j) {
        byte[j] = static_cast<int16_t>(at[j] - c.source_zero);
        low_byte[j] = reads_low_codes(P) ? static_cast<int16_t>(at[c.source_low + j] - kPlainLow) : 0;
      }
      add_products(high, byte, wh);
      if constexpr (reads_low_weights(P)) add_products(cross, byte, wl);
      if constexpr (reads_low_codes(P)) add_products(cross, low_byte, wh);
      if constexpr (P == Products::kExact) add_products(low, low_byte, wl);
    }
    wh += c.run_skip, wl += c.run_skip;
  }
  for (int n = 0; n < kBlock * kQuad; ++n) {
    s.high[n / kQuad] += high[n];
    s.cross[n / kQuad] += cross[n];
    s.low[n / kQuad] += low[n];
  }
}

struct Portable {
  template <Products P, int N>
  static constexpr int rows() {
    return 1;
  }
  template <Products P>
  static constexpr int blocks() {
    return 1;
  }
  template <Products P, class Sum>
  static void one(const Convolution &c, const Tile<1> &tile, int block) {
    Sums<Sum> sums{};
    sum_window<P, Sum>(c, tile.source[0], block, sums);
    int64_t total[kBlock];
    for (int i = 0; i < kBlock; ++i) total[i] = sums.template total<P>(i);
    finish_block(c, total, block, tile.target[0], tile.other[0]);
  }
  template <Products P, int M, int N>
  static void tile(const Convolution &c, const Tile<1> &tile, int block) {
    c.wide ? one<P, int64_t>(c, tile, block) : one<P, int32_t>(c, tile, block);
  }
};

template <Products P>
void depthwise_position(const Depthwise &d, const uint8_t *source, uint8_t *target, int block) {
  const int quads = (d.kernel_y + kQuad - 1) / kQuad;
  const int8_t *wh = d.weight_high + block * d.panel;
  const int8_t *wl = d.weight_low + block * d.panel;
  const int count = clamp(d.channels - block * kBlock, 0, kBlock);
  Sums<int32_t> sums{};
  for (int x = 0; x < d.kernel_x; ++x) {
    for (int y = 0; y < d.kernel_y; ++y) {
      const uint8_t *at = source + y * d.source.row + x * d.source.column + block * kBlock;
      const int first = ((x * quads + y / kQuad) * kBlock) * kQuad + y % kQuad;
      for (int i = 0; i < count; ++i) {
        const int32_t high = at[i] - d.source_zero;
        const int32_t low = reads_low_codes(P) ? at[d.source.low + i] - kPlainLow : 0;
        accumulate<P, int32_t>(sums, i, high, low, wh[first + i * kQuad], wl[first + i * kQuad]);
      }
    }
  }
  int64_t total[kBlock];
  for (int i = 0; i < kBlock; ++i) total[i] = sums.total<P>(i);
  finish_depthwise(d, total, block, target);
}

template <Products P>
void depthwise_rows(const Depthwise &d, Range rows, Range blocks) {
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < d.target_width; ++x) {
      const uint8_t *source =
          d.source.at + y * d.stride_y * d.source.row + x * d.stride_x * d.source.column;
      uint8_t *target = d.target.at + y * d.target.row + x * d.target.column;
      for (int b = blocks.begin; b < blocks.end; ++b) {
        depthwise_position<P>(d, source, target, b);
      }
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

bool runs_here() { return true; }

}  // namespace

const Kernels kPortable = {"portable", runs_here, 0, walk<Portable>, depthwise,
                           max_pool,   average,   join, narrow, 0, nullptr};

}  // namespace ae
