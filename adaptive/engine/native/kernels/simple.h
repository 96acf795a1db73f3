// Operations without weights, in loops the compiler turns into vectors; each kernel set compiles
// them with its own instructions.
#pragma once

#include <cstring>

#include "../kernels.h"
#include "finish.h"

namespace ae {

constexpr int kChunk = 64;  // channels held in registers or the nearest cache at a time

static inline int stored(const uint8_t *at, ptrdiff_t low, int i) {
  return at[i] * 256 + (low ? at[low + i] : kPlainLow);
}

// Calls `window(source, y, x)` for each place of a window that lies within the image.
template <class Each>
static inline void for_window(const MaxPool &p, int y, int x, Each each) {
  const int top = y * p.stride_y - p.pad_top, left = x * p.stride_x - p.pad_left;
  const int y_end = top + p.kernel_y < p.source_height ? top + p.kernel_y : p.source_height;
  const int x_end = left + p.kernel_x < p.source_width ? left + p.kernel_x : p.source_width;
  for (int v = top > 0 ? top : 0; v < y_end; ++v) {
    for (int u = left > 0 ? left : 0; u < x_end; ++u) {
      each(p.source.at + v * p.source.row + u * p.source.column);
    }
  }
}

static inline void max_pool_at(const MaxPool &p, int y, int x, uint8_t *target) {
  for (int first = 0; first < p.channels; first += kChunk) {
    const int count = p.channels - first < kChunk ? p.channels - first : kChunk;
    uint8_t *out = target + first;
    if (p.target.low == 0) {
      // The high byte of the greatest code is the greatest high byte.
      uint8_t best[kChunk] = {};
      for_window(p, y, x, [&](const uint8_t *at) {
        for (int i = 0; i < count; ++i) best[i] = at[first + i] > best[i] ? at[first + i] : best[i];
      });
      for (int i = 0; i < count; ++i) out[i] = best[i];
      continue;
    }
    uint16_t best[kChunk] = {};
    for_window(p, y, x, [&](const uint8_t *at) {
      for (int i = 0; i < count; ++i) {
        const uint16_t t = static_cast<uint16_t>(stored(at, p.source.low, first + i));
        best[i] = t > best[i] ? t : best[i];
      }
    });
    for (int i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(best[i] >> 8);
    for (int i = 0; i < count; ++i) out[p.target.low + i] = static_cast<uint8_t>(best[i]);
  }
}

static inline void max_pool(const MaxPool &p, Range rows) {
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < p.target_width; ++x) {
      max_pool_at(p, y, x, p.target.at + y * p.target.row + x * p.target.column);
    }
  }
}

// Sums a window for up to kChunk channels from `first` on; 32 bits hold up to 2^15 places.
template <class Sum>
static inline void sum_places(const Average &a, const uint8_t *window, int first, int count,
                              int64_t *total) {
  Sum sums[kChunk] = {};
  for (int v = 0; v < a.kernel_y; ++v) {
    const uint8_t *at = window + v * a.source.row + first;
    for (int u = 0; u < a.kernel_x; ++u, at += a.source.column) {
      for (int i = 0; i < count; ++i) sums[i] += static_cast<Sum>(stored(at, a.source.low, i));
    }
  }
  for (int i = 0; i < count; ++i) total[i] = static_cast<int64_t>(sums[i]);
}

static void average(const Average &a, Range rows) {
  const bool small = int64_t{a.kernel_y} * a.kernel_x <= (1 << 15);
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < a.target_width; ++x) {
      const uint8_t *window =
          a.source.at + y * a.stride_y * a.source.row + x * a.stride_x * a.source.column;
      uint8_t *target = a.target.at + y * a.target.row + x * a.target.column;
      for (int first = 0; first < a.channels; first += kChunk) {
        const int count = a.channels - first < kChunk ? a.channels - first : kChunk;
        int64_t total[kChunk];
        small ? sum_places<uint32_t>(a, window, first, count, total)
              : sum_places<uint64_t>(a, window, first, count, total);
        for (int i = 0; i < count; ++i) {
          const int32_t code =
              requantise(total[i] + a.offset, a.multiplier, a.pre_shift, a.shift,
                         kCodeMin - a.zero, kCodeMax - a.zero, a.zero);
          store_code(target + first + i, a.target.low, code);
        }
      }
    }
  }
}

// One stretch of neighbouring values. The cases are told apart outside the loops.
template <bool kAdds>
static inline void join_stretch(const Join &j, const uint8_t *a, const uint8_t *b, uint8_t *out,
                                ptrdiff_t count) {
  const Rescale r = j.constants;
  const ptrdiff_t a_low = j.source.low, b_low = kAdds ? j.other.low : 0, out_low = j.target.low;
  const int32_t a_plain = a_low ? 0 : kPlainLow, b_plain = b_low ? 0 : kPlainLow;
  const int32_t a_mask = a_low ? 255 : 0, b_mask = b_low ? 255 : 0;
  for (ptrdiff_t i = 0; i < count; ++i) {
    const int32_t x = a[i] * 256 + (a[a_low + i] & a_mask) + a_plain - kPlaneOffset;
    const int32_t y =
        kAdds ? b[i] * 256 + (b[b_low + i] & b_mask) + b_plain - kPlaneOffset : 0;
    const int32_t t = rescale(r, x, y) + kPlaneOffset;
    if (out_low) out[out_low + i] = static_cast<uint8_t>(t);
    out[i] = static_cast<uint8_t>(t >> 8);
  }
}

static inline void copy_stretch(const Join &j, const uint8_t *a, const uint8_t *, uint8_t *out,
                                ptrdiff_t count) {
  const auto size = static_cast<size_t>(count);
  std::memcpy(out, a, size);
  if (!j.target.low) return;
  if (j.source.low) {
    std::memcpy(out + j.target.low, a + j.source.low, size);
  } else {
    std::memset(out + j.target.low, kPlainLow, size);
  }
}

// Calls `stretch(j, a, b, out, count)` for values that lie next to one another: whole rows where
// nothing lies between positions.
template <class Stretch>
static inline void for_stretches(const Join &j, Range rows, Stretch stretch) {
  const bool whole = j.source.column == j.channels && j.target.column == j.channels &&
                     (!j.adds || j.other.column == j.channels);
  const ptrdiff_t count = whole ? ptrdiff_t{j.width} * j.channels : j.channels;
  const int stretches = whole ? 1 : j.width;
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < stretches; ++x) {
      const uint8_t *a = j.source.at + y * j.source.row + x * j.source.column;
      const uint8_t *b = j.adds ? j.other.at + y * j.other.row + x * j.other.column : a;
      stretch(j, a, b, j.target.at + y * j.target.row + x * j.target.column, count);
    }
  }
}

static void join(const Join &j, Range rows) {
  for_stretches(j, rows, j.same ? copy_stretch : j.adds ? join_stretch<true> : join_stretch<false>);
}

static void narrow(const Narrow &n, Range rows) {
  const int32_t shift = 16 - n.bits, middle = 1 << (n.bits - 1);
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = 0; x < n.width; ++x) {
      const uint8_t *at = n.source.at + y * n.source.row + x * n.source.column;
      uint8_t *out = n.target.at + y * n.target.row + x * n.target.column;
      for (int i = 0; i < n.channels; ++i) {
        const int32_t code = stored(at, n.source.low, i) - kPlaneOffset;
        const int32_t cut = (code + n.carry) >> shift;
        out[i] = static_cast<uint8_t>((cut < middle - 1 ? cut : middle - 1) + middle);
      }
    }
  }
}

}  // namespace ae
