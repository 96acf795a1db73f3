// Sums of byte products in vectors of 16 channels.
#pragma once

#include "avx512finish.h"

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

// What sums start from: the offsets of the stored bytes and, where the second step is done in
// vectors, the bias. `at` picks channels.
template <Products P>
struct Starts {
  Vector high, cross, low;

  template <class At>
  Starts(const Constants &k, const At &at) {
    high = at(P == Products::kHigh && k.narrow ? k.start : k.high);
    cross = low = high;
    if constexpr (P == Products::kHigh) return;
    cross = at(reads_low_codes(P) ? k.cross : k.cross_plain);
    low = P == Products::kExact ? at(k.low) : _mm512_setzero_si512();
    if (!k.split) return;
    high = _mm512_add_epi32(high, at(k.bias_high));
    cross = _mm512_add_epi32(cross, at(k.bias_middle));
    low = _mm512_add_epi32(low, at(k.bias_low));
  }
};

}  // namespace
}  // namespace ae
