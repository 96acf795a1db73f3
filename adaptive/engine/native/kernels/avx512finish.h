// What follows the sums of AVX512 kernels: 16 channels a vector, four vectors to 64 bytes.
#pragma once

#include <immintrin.h>

#include "finish.h"

namespace ae {
namespace {

using Vector = __m512i;

inline Vector load(const void *at) { return _mm512_loadu_si512(at); }
inline Vector repeat(int32_t value) { return _mm512_set1_epi32(value); }

// The odd numbers of 32 bits in both places of their pair.
inline Vector odd(Vector v) { return _mm512_shuffle_epi32(v, _MM_PERM_DDBB); }

// The constants of the 16 channels from `first` on.
struct Block {
  int first;
  Vector operator()(const int32_t *constants) const { return load(constants + first); }
};

// Constants of the second step, loaded once for all positions of a tile. `at` picks channels.
struct Scale {
  Vector multiplier, odd_multiplier, rounding, shift;

  template <class At>
  Scale(const Constants &k, const At &at)
      : multiplier(at(k.multiplier)),
        odd_multiplier(odd(multiplier)),
        rounding(at(k.rounding)),
        shift(at(k.high_shift)) {}

  // Values to stored codes, not yet clamped. What is rounded away lies in the upper halves of the
  // products, so that the lower ones are never looked at.
  Vector apply(Vector value) const {
    const Vector even = _mm512_mul_epi32(value, multiplier);
    const Vector other = _mm512_mul_epi32(odd(value), odd_multiplier);
    const Vector high = _mm512_mask_shuffle_epi32(other, 0x5555, even, _MM_PERM_DDBB);
    return _mm512_srav_epi32(_mm512_add_epi32(high, rounding), shift);
  }
};

// Constants of the first step at 16 bits: three sums to one value of 32 bits.
struct Joint {
  Vector up, down, right, least, greatest;

  template <class At>
  Joint(const Constants &k, const At &at) {
    const Vector pre = at(k.pre_shift), sixteen = repeat(16);
    const Vector zero = _mm512_setzero_si512();
    down = pre;
    up = _mm512_max_epi32(_mm512_sub_epi32(sixteen, pre), zero);
    right = _mm512_max_epi32(_mm512_sub_epi32(pre, sixteen), zero);
    greatest = _mm512_srlv_epi32(repeat(INT32_MAX), up);
    least = _mm512_xor_si512(greatest, repeat(-1));
  }

  // high 2^16 + cross 2^8 + low, shifted right by the pre-shift and saturated; each sum holds its
  // part of the bias already. Carries go up, the bytes left behind are the value's lower end.
  template <bool kDeep>
  Vector join(Vector high, Vector cross, Vector low) const {
    cross = _mm512_add_epi32(cross, _mm512_srai_epi32(low, 8));
    high = _mm512_add_epi32(high, _mm512_srai_epi32(cross, 8));
    if constexpr (kDeep) high = _mm512_srav_epi32(high, right);
    high = _mm512_min_epi32(_mm512_max_epi32(high, least), greatest);
    // (low & 255) | (cross << 8 & ~255)
    const Vector rest =
        _mm512_ternarylogic_epi32(_mm512_slli_epi32(cross, 8), low, repeat(255), 0xD8);
    const Vector middle = _mm512_and_si512(rest, repeat(0xFFFF));
    return _mm512_or_si512(_mm512_sllv_epi32(high, up), _mm512_srlv_epi32(middle, down));
  }

  // high 2^16 + rest, likewise.
  template <bool kDeep>
  Vector join(Vector high, Vector rest) const {
    high = _mm512_add_epi32(high, _mm512_srai_epi32(rest, 16));
    if constexpr (kDeep) high = _mm512_srav_epi32(high, right);
    high = _mm512_min_epi32(_mm512_max_epi32(high, least), greatest);
    const Vector middle = _mm512_and_si512(rest, repeat(0xFFFF));
    return _mm512_or_si512(_mm512_sllv_epi32(high, up), _mm512_srlv_epi32(middle, down));
  }
};

// Byte `l` of 16 goes to lane `l`, at its byte `kPlace`; the rest is zero.
template <int kPlace>
inline Vector spread(const uint8_t *at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
  constexpr uint32_t none = 0x80808080u & ~(0xFFu << (8 * kPlace));
  const Vector quads = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const Vector order = _mm512_or_si512(_mm512_slli_epi32(quads, 8 * kPlace),
                                       repeat(static_cast<int32_t>(none)));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bytes), order);
}

// A rescaling, or an addition of two signals: two codes of 16 bits in each lane, one multiply-add.
class Addition {
 public:
  // `bytes`: all codes are high bytes alone, the sum's too; then they are 256 times coarser, and
  // stored 128 up.
  Addition(const Rescale &r, bool bytes)
      : multipliers_(repeat(r.multiplier[0] | r.multiplier[1] << 16)),
        zero_(repeat(r.zero + kPlaneOffset)) {
    const int32_t both = r.multiplier[0] + r.multiplier[1];
    offset_ = repeat(bytes ? (r.offset >> 8) - 128 * both : r.offset);
    shift_ = _mm_cvtsi32_si128(bytes ? r.shift - 8 : r.shift);
    least = r.least + kPlaneOffset;
  }

  // Stored bytes to what is stored of the sum, not yet clamped.
  Vector add_bytes(Vector stored, const uint8_t *other) const {
    return scale(_mm512_or_si512(stored, spread<2>(other)));
  }
  Vector of_bytes(Vector stored) const { return scale(stored); }

  // The same of 16-bit codes, in the lower halves.
  Vector add_codes(Vector code, const uint8_t *other, ptrdiff_t low) const {
    return scale(_mm512_mask_blend_epi16(0xAAAAAAAA, code, load_codes(other, low)));
  }
  Vector of_codes(Vector code) const { return scale(code); }

  // Sixteen codes, in the upper halves.
  static Vector load_codes(const uint8_t *at, ptrdiff_t low) {
    const Vector plain = low ? spread<2>(at + low) : repeat(kPlainLow << 16);
    return _mm512_sub_epi32(_mm512_or_si512(spread<3>(at), plain),
                            repeat(static_cast<int32_t>(kPlaneOffset << 16)));
  }

  int32_t least;  // of what is stored of the sum

 private:
  Vector scale(Vector pairs) const {
    const Vector total = _mm512_add_epi32(_mm512_madd_epi16(pairs, multipliers_), offset_);
    return _mm512_add_epi32(_mm512_sra_epi32(total, shift_), zero_);
  }

  Vector multipliers_, offset_, zero_;
  __m128i shift_;
};

// Clamps stored codes of any width.
inline Vector clamp_stored(const Constants &k, Vector stored) {
  const Vector most = repeat(k.bits == 16 ? 65535 : (1 << k.bits) - 1);
  return _mm512_min_epi32(_mm512_max_epi32(stored, repeat(k.stored_least)), most);
}

// Stored codes of any width, clamped, to 16-bit codes.
inline Vector to_codes(const Constants &k, Vector stored) {
  const int middle = k.bits == 16 ? kPlaneOffset : 1 << (k.bits - 1);
  return _mm512_sll_epi32(_mm512_sub_epi32(stored, repeat(middle)),
                          _mm_cvtsi32_si128(16 - k.bits));
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

// Packing leaves the bytes of four vectors by quarters of these: brings them in order.
inline Vector in_order(Vector bytes) {
  const Vector order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  return _mm512_permutexvar_epi32(order, bytes);
}

// Four vectors of numbers to 64 bytes, saturated.
inline Vector pack_bytes(Vector a, Vector b, Vector c, Vector d) {
  return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}

// Four vectors of 16-bit numbers, saturated and at least `least`, in two.
struct Words {
  Vector first, second;

  Words(Vector a, Vector b, Vector c, Vector d, int32_t least) {
    const Vector floor = _mm512_set1_epi16(static_cast<int16_t>(least));
    first = _mm512_max_epu16(_mm512_packus_epi32(a, b), floor);
    second = _mm512_max_epu16(_mm512_packus_epi32(c, d), floor);
  }
  Words(Vector a, Vector b) : first(a), second(b) {}

  Vector high_bytes() const {
    return _mm512_packus_epi16(_mm512_srli_epi16(first, 8), _mm512_srli_epi16(second, 8));
  }
  Vector low_bytes() const {
    const Vector byte = _mm512_set1_epi16(255);
    return _mm512_packus_epi16(_mm512_and_si512(first, byte), _mm512_and_si512(second, byte));
  }
};

// The first `count` of 64 bytes.
inline void store_bytes(uint8_t *at, Vector bytes, ptrdiff_t count) {
  if (count >= 64) return _mm512_storeu_si512(at, bytes);
  alignas(64) uint8_t all[64];
  _mm512_store_si512(all, bytes);
  for (ptrdiff_t i = 0; i < count; i += kBlock) {
    store_some(at + i, _mm_load_si128(reinterpret_cast<const __m128i *>(all + i)),
               static_cast<int>(count - i));
  }
}

// Stores the 64 bytes of `kPositions` neighbouring positions of N blocks.
template <int kPositions, int N>
inline __attribute__((always_inline)) void put(Vector bytes, uint8_t *const *target,
                                               ptrdiff_t offset, int count, bool flat) {
  if (kPositions * N == 4 && (flat || (N == 4 && count >= 64))) {
    return _mm512_storeu_si512(target[0] + offset, bytes);
  }
  if (count >= N * kBlock) {
    if constexpr (N == 1) {
      const auto store = [&](int i, __m128i lane) {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(target[i] + offset), lane);
      };
      store(0, _mm512_castsi512_si128(bytes));
      if constexpr (kPositions > 1) store(1, _mm512_extracti32x4_epi32(bytes, 1));
      if constexpr (kPositions > 2) store(2, _mm512_extracti32x4_epi32(bytes, 2));
      if constexpr (kPositions > 3) store(3, _mm512_extracti32x4_epi32(bytes, 3));
      return;
    }
    if constexpr (N == 2) {
      const auto store = [&](int i, __m256i lanes) {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(target[i] + offset), lanes);
      };
      store(0, _mm512_castsi512_si256(bytes));
      if constexpr (kPositions > 1) store(1, _mm512_extracti64x4_epi64(bytes, 1));
      return;
    }
  }
  alignas(64) uint8_t all[64];
  _mm512_store_si512(all, bytes);
  for (int i = 0; i < kPositions * N; ++i) {
    const int first = i % N * kBlock;
    if (first >= count) continue;
    const __m128i lane = _mm_load_si128(reinterpret_cast<const __m128i *>(all + kBlock * i));
    store_some(target[i / N] + offset + first, lane, count - first);
  }
}

}  // namespace
}  // namespace ae
