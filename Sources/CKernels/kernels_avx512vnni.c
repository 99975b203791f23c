// AVX-512 with VNNI: one instruction multiplies 64 unsigned by 64 signed bytes and adds groups of four into 16 exact
// 32-bit sums.
#if defined(__x86_64__)
#include <immintrin.h>
#include "kernels.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c"))), apply_to = function)
#define SVC_F16C
#define SVC_AVX512
#include "float_kernels.inc"
#include "layout.inc"
#include "quantized_sums.inc"
#include "quantized_expand.inc"
#include "quantized_expand_k.inc"
#include "quantized_dot.inc"
#include "quantized_tile.inc"
#include "interleaved.inc"
#include "digit_vectors.inc"
#include "digit_dot.inc"
#include "nibble_planes.inc"
#include "quantize_rows.inc"
#define SVC_ATTENTION_TILE 8
#include "head_attention.inc"
#include "cache_attention.inc"
#include "sequence_attention.inc"
#include "int8_store.inc"

#define MAX_ROWS 12

// `rows` × `panels` vectors of sums in registers over the whole depth, each in `chains` sums that are added in the end,
// where so few rows would wait for one another's; rows · panels · chains ≤ 24 of the 32 registers. `ahead` is how far
// beyond what is read weights are asked for, 0 for not at all.
INLINE void int8_block(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t c0, const int rows,
                       const int panels, const int chains, size_t ahead, const float *scales, const float *bias,
                       float *out, size_t ldout) {
    const size_t depth = w->padded_depth, step = SVC_DEPTH_GROUP * (size_t)chains;
    const int8_t *b = w->packed + c0 * depth;
    __m512i sums[MAX_ROWS][8];
#pragma clang loop unroll(full)
    for (int i = 0; i < panels * chains; i++) {
        const __m512i correction = i < panels ? _mm512_loadu_si512(w->correction + c0 + 16 * i) : _mm512_setzero_si512();
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) sums[r][i] = correction;
    }
#define GROUP(group, chain, wanted)                                                                          \
    {                                                                                                        \
        __m512i weights[8];                                                                                  \
        _Pragma("clang loop unroll(full)")                                                                   \
        for (int p = 0; p < panels; p++) {                                                                   \
            const int8_t *line = b + (size_t)p * 16 * depth + (group) * 16;                                  \
            weights[p] = _mm512_loadu_si512(line);                                                           \
            if (wanted) __builtin_prefetch(line + ahead);                                                    \
        }                                                                                                    \
        _Pragma("clang loop unroll(full)")                                                                   \
        for (int r = 0; r < rows; r++) {                                                                     \
            int32_t four;                                                                                    \
            memcpy(&four, a + (size_t)r * lda + (group), 4);                                                 \
            const __m512i x = _mm512_set1_epi32(four);                                                       \
            _Pragma("clang loop unroll(full)")                                                               \
            for (int p = 0; p < panels; p++) {                                                               \
                __m512i *sum = &sums[r][(chain) * panels + p];                                               \
                *sum = _mm512_dpbusd_epi32(*sum, x, weights[p]);                                             \
            }                                                                                                \
        }                                                                                                    \
    }
    size_t k = 0;
    for (; k + step <= depth; k += step) {
#pragma clang loop unroll(full)
        for (int chain = 0; chain < chains; chain++) GROUP(k + SVC_DEPTH_GROUP * (size_t)chain, chain, ahead)
    }
    if (chains > 1) {
        for (; k < depth; k += SVC_DEPTH_GROUP) GROUP(k, 0, 0)
    }
#undef GROUP
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        const __m512 scale = _mm512_set1_ps(scales[r]);
#pragma clang loop unroll(full)
        for (int p = 0; p < panels; p++) {
            const size_t c = c0 + 16 * (size_t)p;
            __m512i sum = sums[r][p];
#pragma clang loop unroll(full)
            for (int chain = 1; chain < chains; chain++) sum = _mm512_add_epi32(sum, sums[r][chain * panels + p]);
            store_int8(sum, scale, w, bias, c, out + (size_t)r * ldout);
        }
    }
}

// All columns for a block of at most 12 rows. Few rows take many panels at once, to keep enough sums in flight; where
// weights come from memory, which is fastest in the order of addresses, one panel with several sums for each row. The
// first block of rows asks for the next slice of weights while it works on this.
#define BLOCK(rows, panels, chains, ahead) int8_block(a, lda, w, c0, rows, panels, chains, ahead, scales, bias, out, ldout)
#define STREAM(n, chains)                                                         \
    if (w->streamed) {                                                            \
        for (; c0 < columns; c0 += 16) BLOCK(n, 1, chains, 4096);                 \
        break;                                                                    \
    }
#define PANELS(n, panels)                                                         \
    for (; c0 + 16 * (panels) - 16 < columns; c0 += 16 * (panels)) {              \
        if (next) BLOCK(n, panels, 1, next);                                      \
        else BLOCK(n, panels, 1, 0);                                              \
    }
static void int8_rows(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t c0, size_t columns, size_t rows,
                      size_t next, const float *scales, const float *bias, float *out, size_t ldout) {
    switch (rows) {
#define ROWS_8(n, chains) case n: STREAM(n, chains) PANELS(n, 8) PANELS(n, 4) PANELS(n, 1) break;
#define ROWS_4(n, chains) case n: STREAM(n, chains) PANELS(n, 4) PANELS(n, 1) break;
#define ROWS_2(n) case n: PANELS(n, 2) PANELS(n, 1) break;
        ROWS_8(1, 8) ROWS_8(2, 8) ROWS_4(3, 4) ROWS_4(4, 4)
        case 5: PANELS(5, 4) PANELS(5, 1) break;
        case 6: PANELS(6, 4) PANELS(6, 1) break;
        ROWS_2(7) ROWS_2(8) ROWS_2(9) ROWS_2(10) ROWS_2(11) ROWS_2(12)
        default: break;
    }
}

static void int8_gemm(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                      const float *bias, float *out, size_t ldout) {
    // A slice of columns that the second-level cache holds while all rows pass over it, together with the next.
    const size_t room = (128 << 10) / (w->padded_depth + 1) / 64 * 64, slice = room < 32 ? 32 : room > 256 ? 256 : room;
    const size_t blocks = (rows + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t c0 = 0; c0 < w->columns; c0 += slice) {
        const size_t end = c0 + slice < w->columns ? c0 + slice : w->columns;
        size_t done = 0;
        for (size_t block = 0; block < blocks; block++) {
            // Blocks of nearly equal size: 13 rows are 7 and 6, not 12 and 1.
            const size_t next = rows * (block + 1) / blocks;
            int8_rows(a + done * lda, lda, w, c0, end, next - done, block == 0 && w->streamed ? slice * w->padded_depth : 0,
                      scales + done, bias, out + done * ldout, ldout);
            done = next;
        }
    }
}

INLINE void f32_block(const float *a, size_t lda, const float *b, size_t depth, const int rows, const float *bias,
                      float *out, size_t ldout, size_t width) {
    __m512 sums[12];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k++) {
        const __m512 weights = _mm512_loadu_ps(b + k * 16);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(a[(size_t)r * lda + k]), weights, sums[r]);
        }
    }
    const __mmask16 mask = width >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << width) - 1);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        const __m512 y = bias ? _mm512_add_ps(sums[r], _mm512_loadu_ps(bias)) : sums[r];
        _mm512_mask_storeu_ps(out + (size_t)r * ldout, mask, y);
    }
}
static void f32_gemm(const float *a, size_t lda, const float *packed, size_t rows, size_t columns, size_t depth,
                     const float *bias, float *out, size_t ldout) {
    for (size_t c0 = 0; c0 < columns; c0 += SVC_PANEL) {
        const float *b = packed + c0 * depth;
        const size_t width = columns - c0;
        const float *c_bias = bias ? bias + c0 : NULL;
        size_t r = 0;
        for (; r + 12 <= rows; r += 12) f32_block(a + r * lda, lda, b, depth, 12, c_bias, out + r * ldout + c0, ldout, width);
        for (; r + 4 <= rows; r += 4) f32_block(a + r * lda, lda, b, depth, 4, c_bias, out + r * ldout + c0, ldout, width);
        for (; r < rows; r++) f32_block(a + r * lda, lda, b, depth, 1, c_bias, out + r * ldout + c0, ldout, width);
    }
}

#define TABLE(set, int8_product, ...)                                                                                       \
    {                                                                                                                  \
        .name = set, .quantize = quantize, .int8_gemm = int8_product, .f32_gemm = f32_gemm, .layer_norm = layer_norm,  \
        .activate = activate, .add = add, .max_magnitude = max_magnitude, .softmax = softmax,                          \
        .log_sum_exp = log_sum_exp, .argmax = argmax, .ssru = ssru, .attention = attention, .rms_norm = rms_norm,      \
        .gate = gate, .rope = rope, .quantized_dot = quantized_dot, .expand_row = expand_row,                          \
        .cached_attention = cached_attention, .finite_magnitude = finite_magnitude,                                    \
        .quantize_iq4_nl = quantize_iq4_nl, .bias_activate = bias_activate, .sequence_attention = sequence_attention,  \
        .gathered_attention = gathered_attention, .pack_int8 = pack_int8, .transpose = transpose,                      \
        .join_planes = join_planes, .bound_planes = bound_planes, __VA_ARGS__                                          \
    }
#define DIGITS                                                                                              \
    .group_bytes = group_bytes, .interleave = interleave, .interleaved_rows = interleaved_rows,             \
    .digit_vectors = digit_vectors, .digit_dot = digit_dot
const svc_kernels svc_kernels_avx512vnni = TABLE("avx512vnni", int8_gemm, DIGITS);
const svc_kernels svc_kernels_amx =
    TABLE("amx", svc_amx_int8_gemm, .split_vectors = svc_amx_split_vectors, .split_dot = svc_amx_split_dot, DIGITS);
#pragma clang attribute pop
#endif
