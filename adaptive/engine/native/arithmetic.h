// The integer arithmetic of adaptive/quantise.py, one value at a time.
//
// An activation of 16 bits is v in -32768..32639; it is stored as t = v + 32896, whose high and low
// bytes lie in two planes. The 8-bit activation is the high byte less 128; a signal written at 8
// bits has 128 in every low byte, so its low plane need not exist.
//
// Everything here is static: each kernel set compiles its own copy with its own instructions, and the
// linker must not hand one set's copy to another.
#pragma once

#include <cstdint>

namespace ae {

constexpr int32_t kCodeMin = -32768, kCodeMax = 32639;
constexpr int32_t kPlaneOffset = 32896;
constexpr uint8_t kPlainLow = 128;

// Arithmetic on files that were tampered with may wrap, but never is undefined.
static inline int64_t add64(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
static inline int32_t add32(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
static inline int32_t mul32(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

template <class T>
static inline T clamp(T value, T least, T greatest) {
  return value < least ? least : value > greatest ? greatest : value;
}

static inline int64_t rounding_shift(int64_t value, int shift) {
  return add64(value, (int64_t{1} << shift) >> 1) >> shift;
}

// `acc + bias` to a code; see quantise.Requantiser. `least` and `greatest` are before the zero
// point is added.
static inline int32_t requantise(int64_t total, int32_t multiplier, int pre_shift, int shift,
                          int32_t least, int32_t greatest, int32_t zero) {
  const int64_t value =
      clamp<int64_t>(rounding_shift(total, pre_shift), INT32_MIN, INT32_MAX);
  const int64_t scaled = rounding_shift(value * multiplier, shift);
  return static_cast<int32_t>(clamp<int64_t>(scaled, least, greatest)) + zero;
}

// The sums of byte products of one output to its accumulator.
static inline int64_t combine(int32_t high, int32_t cross, int32_t low) {
  return (int64_t{high} * 65536) + (int64_t{cross} * 256) + low;
}

// Brings one or two signals to one scale; see quantise.Rescaler.
struct Rescale {
  int32_t multiplier[2];
  int32_t shift;
  int32_t offset;  // minus the sum of multiplier x zero point, plus half
  int32_t zero, least;
};

static inline int32_t rescale(const Rescale &r, int32_t a, int32_t b) {
  const int32_t total =
      add32(add32(mul32(r.multiplier[0], a), mul32(r.multiplier[1], b)), r.offset);
  return clamp((total >> r.shift) + r.zero, r.least, kCodeMax);
}

}  // namespace ae
