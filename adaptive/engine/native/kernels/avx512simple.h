// Operations without weights, 64 values at a time.
#pragma once

#include "avx512finish.h"
#include "simple.h"

namespace ae {
namespace {

// The greatest of 64 high bytes: where nobody reads low bytes, they decide nothing.
inline Vector greatest_bytes(const MaxPool &p, int y, int x, int first) {
  Vector best = _mm512_setzero_si512();
  for_window(p, y, x, [&](const uint8_t *at) { best = _mm512_max_epu8(best, load(at + first)); });
  return best;
}

inline void max_pool_64(const MaxPool &p, int y, int x, uint8_t *out, int first) {
  const int count = p.channels - first;
  if (p.target.low == 0) return store_bytes(out, greatest_bytes(p, y, x, first), count);
  Vector best[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  for_window(p, y, x, [&](const uint8_t *at) {
    const Vector high = load(at + first);
    const Vector low = p.source.low ? load(at + p.source.low + first)
                                    : _mm512_set1_epi8(static_cast<char>(kPlainLow));
    best[0] = _mm512_max_epu16(best[0], _mm512_unpacklo_epi8(low, high));
    best[1] = _mm512_max_epu16(best[1], _mm512_unpackhi_epi8(low, high));
  });
  const Words words(best[0], best[1]);
  store_bytes(out, words.high_bytes(), count);
  store_bytes(out + p.target.low, words.low_bytes(), count);
}

void max_pool_by_64(const MaxPool &p, Range rows) {
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < p.target_width; ++x) {
      uint8_t *out = p.target.at + y * p.target.row + x * p.target.column;
      for (int first = 0; first < p.channels; first += 64) {
        max_pool_64(p, y, x, out + first, first);
      }
    }
  }
}

// Neighbouring values of one signal, or of two.
template <bool kAdds, bool kBytes>
void join_stretch_by_64(const Join &j, const uint8_t *a, const uint8_t *b, uint8_t *out,
                      ptrdiff_t count) {
  const Addition addition(j.constants, kBytes);
  for (ptrdiff_t i = 0; i < count; i += 64) {
    Vector stored[4];
    for (int v = 0; v < 4; ++v) {
      const ptrdiff_t at = i + v * kBlock;
      if constexpr (kBytes) {
        const Vector bytes = spread<0>(a + at);
        stored[v] = kAdds ? addition.add_bytes(bytes, b + at) : addition.of_bytes(bytes);
      } else {
        const Vector code = _mm512_srli_epi32(Addition::load_codes(a + at, j.source.low), 16);
        stored[v] = kAdds ? addition.add_codes(code, b + at, j.other.low)
                          : addition.of_codes(code);
      }
    }
    const Words words(stored[0], stored[1], stored[2], stored[3], addition.least);
    store_bytes(out + i, in_order(words.high_bytes()), count - i);
    if (!kBytes && j.target.low) {
      store_bytes(out + j.target.low + i, in_order(words.low_bytes()), count - i);
    }
  }
}

void join_by_64(const Join &j, Range rows) {
  if (j.same) return join(j, rows);
  const bool bytes = !j.source.low && !j.target.low && !(j.adds && j.other.low) &&
                     j.constants.shift >= 8;
  const auto stretch = bytes ? (j.adds ? join_stretch_by_64<true, true> : join_stretch_by_64<false, true>)
                             : (j.adds ? join_stretch_by_64<true, false> : join_stretch_by_64<false, false>);
  for_stretches(j, rows, stretch);
}

}  // namespace
}  // namespace ae
