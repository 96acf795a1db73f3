/* The most multiply-accumulates of bytes this core does: independent dot products on registers.
 *
 * `peak_run(n)` does n rounds and returns the multiply-accumulates done; 0 where the core has no
 * such instruction. */
#include <stdint.h>

enum { kChains = 12 };

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,avx512vnni"))) static void rounds(long count) {
  __m512i sums[kChains];
  const __m512i a = _mm512_set1_epi8(3);
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_epi32(i);
  for (long n = 0; n < count; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(sums[i]) : "v"(a));
  }
}

int64_t peak_run(long count) {
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  rounds(count);
  return (int64_t)count * kChains * 64;
}

#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>

int64_t peak_run(long count) {
  if (!(getauxval(AT_HWCAP) & 1ul << 20)) return 0;
  int32x4_t sums[kChains];
  const int8x16_t a = vdupq_n_s8(3);
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) sums[i] = vdupq_n_s32(i);
  for (long n = 0; n < count; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %1.16b" : "+w"(sums[i]) : "w"(a));
    }
  }
  return (int64_t)count * kChains * 16;
}

#else
int64_t peak_run(long count) {
  (void)count;
  return 0;
}
#endif
