#include "cpeak.h"

#define SUMS 16

// Without intrinsics the compiler decides; it has vectors of four floats on every processor that matters.
typedef float floats4 __attribute__((vector_size(16)));
typedef int32_t ints4 __attribute__((vector_size(16)));

// The values must look unknown, or the loop is computed before the program runs.
#define HIDE(value) __asm__ volatile("" : "+m"(value))

static uint64_t float_portable(uint64_t loops, float *sink) {
    floats4 sums[8] = {0}, x = {0.5f, 0.5f, 0.5f, 0.5f}, y = x;
    HIDE(x);
    HIDE(y);
    for (uint64_t loop = 0; loop < loops; loop++)
        for (int i = 0; i < 8; i++) sums[i] = sums[i] * x + y;
    for (int i = 0; i < 8; i++) *sink += sums[i][0];
    return loops * 8 * 4;
}

static uint64_t int8_portable(uint64_t loops, int32_t *sink) {
    ints4 sums[8] = {0}, x = {3, 5, 7, 9};
    HIDE(x);
    for (uint64_t loop = 0; loop < loops; loop++)
        for (int i = 0; i < 8; i++) sums[i] = sums[i] * x + x;
    for (int i = 0; i < 8; i++) *sink += sums[i][0];
    return loops * 8 * 4;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static uint64_t float_avx2(uint64_t loops, float *sink) {
    __m256 sums[12], x = _mm256_set1_ps(0.5f), y = x;
    HIDE(x);
    HIDE(y);
    for (int i = 0; i < 12; i++) sums[i] = y;
    for (uint64_t loop = 0; loop < loops; loop++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < 12; i++) sums[i] = _mm256_fmadd_ps(sums[i], x, y);
    }
    for (int i = 0; i < 12; i++) *sink += _mm256_cvtss_f32(sums[i]);
    return loops * 12 * 8;
}

__attribute__((target("avx2,fma"))) static uint64_t int8_avx2(uint64_t loops, int32_t *sink) {
    // The sums of pairs are 16 bits wide, and are widened by a product with ones.
    __m256i sums[8], x = _mm256_set1_epi8(3), y = x, ones = _mm256_set1_epi16(1);
    HIDE(ones);
    for (int i = 0; i < 8; i++) sums[i] = _mm256_setzero_si256();
    for (uint64_t loop = 0; loop < loops; loop++) {
        // Another value each time: equal products would be computed once.
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) {
            __asm__ volatile("" : "+x"(x), "+x"(y));
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(x, y), ones));
        }
    }
    for (int i = 0; i < 8; i++) *sink += _mm256_extract_epi32(sums[i], 0);
    return loops * 8 * 32;
}

__attribute__((target("avx512f"))) static uint64_t float_avx512(uint64_t loops, float *sink) {
    __m512 sums[SUMS], x = _mm512_set1_ps(0.5f), y = x;
    HIDE(x);
    HIDE(y);
    for (int i = 0; i < SUMS; i++) sums[i] = y;
    for (uint64_t loop = 0; loop < loops; loop++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < SUMS; i++) sums[i] = _mm512_fmadd_ps(sums[i], x, y);
    }
    for (int i = 0; i < SUMS; i++) *sink += _mm512_cvtss_f32(sums[i]);
    return loops * SUMS * 16;
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static uint64_t int8_avx512(uint64_t loops, int32_t *sink) {
    __m512i sums[SUMS], x = _mm512_set1_epi8(3), y = x;
    HIDE(x);
    HIDE(y);
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_si512();
    for (uint64_t loop = 0; loop < loops; loop++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], x, y);
    }
    for (int i = 0; i < SUMS; i++) *sink += _mm512_cvtsi512_si32(sums[i]);
    return loops * SUMS * 64;
}
#endif

uint64_t cpeak_float(cpeak_isa isa, uint64_t loops, float *sink) {
#if defined(__x86_64__)
    if (isa == cpeak_avx512vnni) return float_avx512(loops, sink);
    if (isa == cpeak_avx2) return float_avx2(loops, sink);
#endif
    return float_portable(loops, sink);
}

uint64_t cpeak_int8(cpeak_isa isa, uint64_t loops, int32_t *sink) {
#if defined(__x86_64__)
    if (isa == cpeak_avx512vnni) return int8_avx512(loops, sink);
    if (isa == cpeak_avx2) return int8_avx2(loops, sink);
#endif
    return int8_portable(loops, sink);
}
