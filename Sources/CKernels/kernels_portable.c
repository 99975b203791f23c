// Plain C for any processor: the definition that the other instruction sets are held against.
#include "kernels.h"
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

static void int8_gemm(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                      const float *bias, float *out, size_t ldout) {
    const size_t groups = w->padded_depth / SVC_DEPTH_GROUP;
    for (size_t c0 = 0; c0 < w->columns; c0 += SVC_PANEL) {
        const int8_t *panel = w->packed + c0 * w->padded_depth;
        const size_t width = w->columns - c0 < SVC_PANEL ? w->columns - c0 : SVC_PANEL;
        for (size_t r = 0; r < rows; r++) {
            int32_t sums[SVC_PANEL];
            for (size_t c = 0; c < SVC_PANEL; c++) sums[c] = w->correction[c0 + c];
            const uint8_t *row = a + r * lda;
            for (size_t g = 0; g < groups; g++) {
                const int8_t *b = panel + g * SVC_PANEL * SVC_DEPTH_GROUP;
                for (size_t c = 0; c < SVC_PANEL; c++) {
                    for (size_t k = 0; k < SVC_DEPTH_GROUP; k++) {
                        sums[c] += (int32_t)row[g * SVC_DEPTH_GROUP + k] * b[c * SVC_DEPTH_GROUP + k];
                    }
                }
            }
            for (size_t c = 0; c < width; c++) {
                float product = (float)sums[c] * scales[r];
                if (w->scales) product *= w->scales[c0 + c];
                out[r * ldout + c0 + c] = bias ? product + bias[c0 + c] : product;
            }
        }
    }
}

static void f32_gemm(const float *a, size_t lda, const float *packed, size_t rows, size_t columns, size_t depth,
                     const float *bias, float *out, size_t ldout) {
    for (size_t c0 = 0; c0 < columns; c0 += SVC_PANEL) {
        const float *panel = packed + c0 * depth;
        const size_t width = columns - c0 < SVC_PANEL ? columns - c0 : SVC_PANEL;
        for (size_t r = 0; r < rows; r++) {
            v16 sum = splat(0);
            for (size_t k = 0; k < depth; k++) sum += splat(a[r * lda + k]) * load(panel + k * SVC_PANEL);
            if (bias) sum += load(bias + c0);
            store_part(out + r * ldout + c0, sum, width);
        }
    }
}

const svc_kernels svc_kernels_portable = {
    .name = "portable", .quantize = quantize, .int8_gemm = int8_gemm, .f32_gemm = f32_gemm, .layer_norm = layer_norm,
    .activate = activate, .add = add, .max_magnitude = max_magnitude, .softmax = softmax, .log_sum_exp = log_sum_exp,
    .argmax = argmax, .ssru = ssru, .attention = attention, .rms_norm = rms_norm, .gate = gate, .rope = rope,
    .quantized_dot = quantized_dot, .expand_row = expand_row, .cached_attention = cached_attention,
    .finite_magnitude = finite_magnitude, .quantize_iq4_nl = quantize_iq4_nl,
    .bias_activate = bias_activate, .sequence_attention = sequence_attention, .gathered_attention = gathered_attention,
    .pack_int8 = pack_int8, .transpose = transpose, .join_planes = join_planes, .bound_planes = bound_planes,
};
