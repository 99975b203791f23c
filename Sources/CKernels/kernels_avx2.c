// AVX2 and FMA: 256-bit vectors. The 8-bit product goes through |a| · sign(w, a): pairs of products then stay within
// 2 · 127 · 127 < 2^15, so the saturating 16-bit step never saturates and the sums are exact.
#if defined(__x86_64__)
#include <immintrin.h>
#include "kernels.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define SVC_F16C
#include "float_kernels.inc"
#include "layout.inc"
#include "quantized_sums.inc"
#include "quantized_expand.inc"
#include "quantized_expand_k.inc"
#include "quantized_dot.inc"
#include "quantized_tile.inc"
#include "nibble_planes.inc"
#include "quantize_rows.inc"
#define SVC_ATTENTION_TILE 4
#include "head_attention.inc"
#include "cache_attention.inc"
#include "sequence_attention.inc"

// `rows` × `panels` outputs held in registers over the whole depth.
INLINE void int8_block(const uint8_t *a, size_t lda, const int8_t *b, size_t groups, const int32_t *offset,
                       const float *column_scales, const int rows, const float *scales, const float *bias, float *out,
                       size_t ldout, size_t width) {
    const __m256i ones = _mm256_set1_epi16(1), zero_point = _mm256_set1_epi8((char)SVC_ACTIVATION_ZERO);
    __m256i sums[4][2];
    // The activations are signed again here, so the sums begin with the offset that is to stay.
    for (int r = 0; r < rows; r++) {
        sums[r][0] = offset ? _mm256_loadu_si256((const __m256i *)offset) : _mm256_setzero_si256();
        sums[r][1] = offset ? _mm256_loadu_si256((const __m256i *)(offset + 8)) : _mm256_setzero_si256();
    }
    for (size_t g = 0; g < groups; g++) {
        const __m256i w0 = _mm256_loadu_si256((const __m256i *)(b + g * 64));
        const __m256i w1 = _mm256_loadu_si256((const __m256i *)(b + g * 64 + 32));
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, a + (size_t)r * lda + g * 4, 4);
            const __m256i value = _mm256_xor_si256(_mm256_set1_epi32(four), zero_point);
            const __m256i magnitude = _mm256_abs_epi8(value);
            const __m256i p0 = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w0, value));
            const __m256i p1 = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w1, value));
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(p0, ones));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(p1, ones));
        }
    }
    for (int r = 0; r < rows; r++) {
        const __m256 scale = _mm256_set1_ps(scales[r]);
        __m256 y0 = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][0]), scale);
        __m256 y1 = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][1]), scale);
        if (column_scales) {
            y0 = _mm256_mul_ps(y0, _mm256_loadu_ps(column_scales));
            y1 = _mm256_mul_ps(y1, _mm256_loadu_ps(column_scales + 8));
        }
        if (bias) {
            y0 = _mm256_add_ps(y0, _mm256_loadu_ps(bias));
            y1 = _mm256_add_ps(y1, _mm256_loadu_ps(bias + 8));
        }
        float *o = out + (size_t)r * ldout;
        if (width == SVC_PANEL) {
            _mm256_storeu_ps(o, y0);
            _mm256_storeu_ps(o + 8, y1);
        } else {
            float t[SVC_PANEL];
            _mm256_storeu_ps(t, y0);
            _mm256_storeu_ps(t + 8, y1);
            for (size_t c = 0; c < width; c++) o[c] = t[c];
        }
    }
}
static void int8_gemm(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                      const float *bias, float *out, size_t ldout) {
    const size_t groups = w->padded_depth / SVC_DEPTH_GROUP;
    for (size_t c0 = 0; c0 < w->columns; c0 += SVC_PANEL) {
        const int8_t *b = w->packed + c0 * w->padded_depth;
        const size_t width = w->columns - c0 < SVC_PANEL ? w->columns - c0 : SVC_PANEL;
        const float *c_bias = bias ? bias + c0 : NULL, *c_scales = w->scales ? w->scales + c0 : NULL;
        const int32_t *offset = w->offset ? w->offset + c0 : NULL;
        size_t r = 0;
#define BLOCK(n) int8_block(a + r * lda, lda, b, groups, offset, c_scales, n, scales + r, c_bias, out + r * ldout + c0, ldout, width)
        for (; r + 4 <= rows; r += 4) BLOCK(4);
        switch (rows - r) {
            case 3: BLOCK(3); break;
            case 2: BLOCK(2); break;
            case 1: BLOCK(1); break;
            default: break;
        }
#undef BLOCK
    }
}

INLINE void f32_block(const float *a, size_t lda, const float *b, size_t depth, const int rows, const float *bias,
                      float *out, size_t ldout, size_t width) {
    __m256 sums[6][2];
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < depth; k++) {
        const __m256 w0 = _mm256_loadu_ps(b + k * 16), w1 = _mm256_loadu_ps(b + k * 16 + 8);
        for (int r = 0; r < rows; r++) {
            const __m256 x = _mm256_set1_ps(a[(size_t)r * lda + k]);
            sums[r][0] = _mm256_fmadd_ps(x, w0, sums[r][0]);
            sums[r][1] = _mm256_fmadd_ps(x, w1, sums[r][1]);
        }
    }
    for (int r = 0; r < rows; r++) {
        float t[SVC_PANEL];
        _mm256_storeu_ps(t, bias ? _mm256_add_ps(sums[r][0], _mm256_loadu_ps(bias)) : sums[r][0]);
        _mm256_storeu_ps(t + 8, bias ? _mm256_add_ps(sums[r][1], _mm256_loadu_ps(bias + 8)) : sums[r][1]);
        memcpy(out + (size_t)r * ldout, t, width * sizeof(float));
    }
}
static void f32_gemm(const float *a, size_t lda, const float *packed, size_t rows, size_t columns, size_t depth,
                     const float *bias, float *out, size_t ldout) {
    for (size_t c0 = 0; c0 < columns; c0 += SVC_PANEL) {
        const float *b = packed + c0 * depth;
        const size_t width = columns - c0 < SVC_PANEL ? columns - c0 : SVC_PANEL;
        const float *c_bias = bias ? bias + c0 : NULL;
        size_t r = 0;
        for (; r + 6 <= rows; r += 6) f32_block(a + r * lda, lda, b, depth, 6, c_bias, out + r * ldout + c0, ldout, width);
        for (; r + 2 <= rows; r += 2) f32_block(a + r * lda, lda, b, depth, 2, c_bias, out + r * ldout + c0, ldout, width);
        for (; r < rows; r++) f32_block(a + r * lda, lda, b, depth, 1, c_bias, out + r * ldout + c0, ldout, width);
    }
}

const svc_kernels svc_kernels_avx2 = {
    .name = "avx2", .quantize = quantize, .int8_gemm = int8_gemm, .f32_gemm = f32_gemm, .layer_norm = layer_norm,
    .activate = activate, .add = add, .max_magnitude = max_magnitude, .softmax = softmax, .log_sum_exp = log_sum_exp,
    .argmax = argmax, .ssru = ssru, .attention = attention, .rms_norm = rms_norm, .gate = gate, .rope = rope,
    .quantized_dot = quantized_dot, .expand_row = expand_row, .cached_attention = cached_attention,
    .finite_magnitude = finite_magnitude, .quantize_iq4_nl = quantize_iq4_nl,
    .bias_activate = bias_activate, .sequence_attention = sequence_attention, .gathered_attention = gathered_attention,
    .pack_int8 = pack_int8, .transpose = transpose, .join_planes = join_planes, .bound_planes = bound_planes,
};
#pragma clang attribute pop
#endif
