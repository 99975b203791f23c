// Private: the tables that the instruction-set files define and dispatch.c chooses from.
#pragma once
#include "ckernels.h"

extern const svc_kernels svc_kernels_portable;
#if defined(__x86_64__)
extern const svc_kernels svc_kernels_avx2;
extern const svc_kernels svc_kernels_avx512vnni;
// The same but for the functions below.
extern const svc_kernels svc_kernels_amx;

void svc_amx_int8_gemm(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                       const float *bias, float *out, size_t ldout);
void svc_amx_split_vectors(const float *x, size_t ldx, size_t count, size_t columns, uint16_t *parts);
void svc_amx_split_dot(svc_weight_type type, const uint8_t *weights, size_t row_bytes, size_t rows, size_t columns,
                       const uint16_t *parts, size_t count, float *out, size_t ldout, float *panel);
#endif
