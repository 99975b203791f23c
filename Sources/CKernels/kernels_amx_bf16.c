// AMX for bfloat16: tiles multiply 16 rows by 16 columns over 32 numbers with one instruction, where AVX-512 multiplies
// one row by one column over 16. A float has three times the bits of a bfloat16; two of them, upper = round(x) and
// lower = round(x − upper), keep 16 and the sign, and three products of tiles,
//
//     upper · upper + upper · lower + lower · upper,
//
// are the product of the floats but for 2⁻¹⁷ of it or so. Weights are the first tile of a product and vectors the second:
// vectors, whose numbers have to lie in pairs, are put so once for all outputs, and weights as they come.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#include "kernels.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#define INLINE static inline __attribute__((always_inline))

// Numbers of a tile, 16 rows of 32; its upper part is followed by its lower one.
#define TILE_NUMBERS 512
#define STEP_NUMBERS (2 * TILE_NUMBERS)

// 32 floats → their two parts.
INLINE void split_32(__m512 low, __m512 high, uint16_t *upper, uint16_t *lower) {
    const __m512i whole = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    const __m512i low_bits = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(whole));
    const __m512i high_bits = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(whole, 1));
    const __m512 low_rest = _mm512_sub_ps(low, _mm512_castsi512_ps(_mm512_slli_epi32(low_bits, 16)));
    const __m512 high_rest = _mm512_sub_ps(high, _mm512_castsi512_ps(_mm512_slli_epi32(high_bits, 16)));
    _mm512_storeu_si512(upper, whole);
    _mm512_storeu_si512(lower, (__m512i)_mm512_cvtne2ps_pbh(high_rest, low_rest));
}

// A row of `columns` floats, a multiple of 16 → its parts, `step` numbers from one 32 of them to the next.
INLINE void split_row(const float *x, size_t columns, size_t step, uint16_t *upper, uint16_t *lower) {
    for (size_t k = 0; k < columns; k += 32, upper += step, lower += step) {
        const __m512 high = k + 16 < columns ? _mm512_loadu_ps(x + k + 16) : _mm512_setzero_ps();
        split_32(_mm512_loadu_ps(x + k), high, upper, lower);
    }
}

// parts: [blocks of 16 vectors][steps][2][16 pairs][16 vectors][2]; missing vectors are zeros.
void svc_amx_split_vectors(const float *x, size_t ldx, size_t count, size_t columns, uint16_t *parts) {
    const size_t steps = svc_split_depth(columns) / 32;
    _Alignas(64) uint16_t rows[2][TILE_NUMBERS];
    for (size_t v = 0; v < count; v += 16) {
        const size_t held = count - v < 16 ? count - v : 16;
        for (size_t s = 0; s < steps; s++, parts += STEP_NUMBERS) {
            for (size_t r = 0; r < held; r++) {
                const size_t left = columns - 32 * s;
                split_row(x + (v + r) * ldx + 32 * s, left < 32 ? left : 32, 0, rows[0] + 32 * r, rows[1] + 32 * r);
            }
            // A pair is as wide as a float: rows of pairs become columns.
            for (size_t part = 0; part < 2; part++) {
                svc_kernels_avx512vnni.transpose((const float *)rows[part], 16, held, 16, 16,
                                                 (float *)(parts + part * TILE_NUMBERS));
            }
        }
    }
}

// Weights, rows or groups, as floats → panel: [blocks of 16 outputs][steps][2][16 outputs][32]; missing outputs are zeros.
static void split_weights(svc_weight_type type, const uint8_t *weights, size_t row_bytes, size_t rows, size_t columns,
                          float *expanded, uint16_t *panel) {
    const size_t depth = svc_split_depth(columns), block = depth / 32 * STEP_NUMBERS;
    const size_t group_bytes = row_bytes ? 0 : svc_kernels_avx512vnni.group_bytes(type, columns);
    for (size_t first = 0; first < rows; first += 16, panel += block) {
        const size_t held = rows - first < 16 ? rows - first : 16;
        if (row_bytes) {
            for (size_t r = 0; r < held; r++) {
                svc_kernels_avx512vnni.expand_row(type, weights + (first + r) * row_bytes, columns, expanded + r * depth);
            }
        } else {
            const uint8_t *group = weights + first / SVC_GROUP * group_bytes;
            svc_kernels_avx512vnni.interleaved_rows(type, group, 0, held, columns, expanded, depth);
        }
        for (size_t r = 0; r < 16; r++) {
            uint16_t *upper = panel + 32 * r;
            if (r < held) {
                split_row(expanded + r * depth, columns, STEP_NUMBERS, upper, upper + TILE_NUMBERS);
            } else {
                for (size_t k = 0; k < block; k += TILE_NUMBERS) memset(upper + k, 0, 64);
            }
        }
    }
}

// Stores the sums [16 outputs][16 vectors] of a register.
INLINE void store_sums(const float *sums, float *out, size_t ldout, size_t vectors, size_t outputs) {
    _Alignas(64) float turned[16 * 16];
    svc_kernels_avx512vnni.transpose(sums, 16, 16, 16, 16, turned);
    const __mmask16 mask = outputs >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << outputs) - 1);
    for (size_t v = 0; v < vectors && v < 16; v++) {
        _mm512_mask_storeu_ps(out + v * ldout, mask, _mm512_load_ps(turned + 16 * v));
    }
}

// One or two blocks of outputs by one or two blocks of vectors: sums in 0 … 3, weights in 4 and 5, vectors in 6 and 7.
#define PRODUCTS                                                      \
    {                                                                 \
        _tile_dpbf16ps(0, 4, 6);                                      \
        if (vector_blocks > 1) _tile_dpbf16ps(1, 4, 7);               \
        if (output_blocks > 1) _tile_dpbf16ps(2, 5, 6);               \
        if (output_blocks > 1 && vector_blocks > 1) _tile_dpbf16ps(3, 5, 7); \
    }
#define WEIGHTS(part)                                                                              \
    {                                                                                              \
        _tile_loadd(4, weights + k + (part) * TILE_NUMBERS, 64);                                   \
        if (output_blocks > 1) _tile_loadd(5, weights + block + k + (part) * TILE_NUMBERS, 64);    \
    }
#define VECTORS(part)                                                                              \
    {                                                                                              \
        _tile_loadd(6, vectors + k + (part) * TILE_NUMBERS, 64);                                   \
        if (vector_blocks > 1) _tile_loadd(7, vectors + block + k + (part) * TILE_NUMBERS, 64);    \
    }
#define STORE(tile, output, vector)                                                                            \
    {                                                                                                          \
        _tile_stored(tile, sums, 64);                                                                          \
        store_sums(sums, out + (vector) * 16 * ldout + (output) * 16, ldout, count - (vector) * 16, width - (output) * 16); \
    }
INLINE void split_tile(const int output_blocks, const int vector_blocks, const uint16_t *weights, const uint16_t *vectors,
                       size_t block, float *out, size_t ldout, size_t count, size_t width) {
    _Alignas(64) float sums[16 * 16];
    _tile_zero(0);
    if (vector_blocks > 1) _tile_zero(1);
    if (output_blocks > 1) _tile_zero(2);
    if (output_blocks > 1 && vector_blocks > 1) _tile_zero(3);
    for (size_t k = 0; k < block; k += STEP_NUMBERS) {
        WEIGHTS(0)
        VECTORS(1)
        PRODUCTS
        VECTORS(0)
        PRODUCTS
        WEIGHTS(1)
        PRODUCTS
    }
    STORE(0, 0, 0)
    if (vector_blocks > 1) STORE(1, 0, 1)
    if (output_blocks > 1) STORE(2, 1, 0)
    if (output_blocks > 1 && vector_blocks > 1) STORE(3, 1, 1)
}

// Every register is 16 rows of 64 bytes.
INLINE void shape_tiles(void) {
    struct {
        uint8_t palette, first_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        shapes.row_bytes[t] = 64;
        shapes.rows[t] = 16;
    }
    _tile_loadconfig(&shapes);
}

void svc_amx_split_dot(svc_weight_type type, const uint8_t *weights, size_t row_bytes, size_t rows, size_t columns,
                       const uint16_t *parts, size_t count, float *out, size_t ldout, float *panel) {
    const size_t limit = svc_split_panel(columns), block = svc_split_depth(columns) / 32 * STEP_NUMBERS;
    const size_t group_bytes = row_bytes ? 0 : svc_kernels_avx512vnni.group_bytes(type, columns);
    uint16_t *packed = (uint16_t *)(panel + SVC_GROUP * svc_split_depth(columns));
    for (size_t r0 = 0; r0 < rows; r0 += limit) {
        const size_t held = rows - r0 < limit ? rows - r0 : limit;
        const uint8_t *first = weights + (row_bytes ? r0 * row_bytes : r0 / SVC_GROUP * group_bytes);
        split_weights(type, first, row_bytes, held, columns, panel, packed);
        shape_tiles();
        for (size_t v = 0; v < count; v += 32) {
            const uint16_t *vectors = parts + v / 16 * block;
            for (size_t r = 0; r < held; r += 32) {
                const uint16_t *block_of = packed + r / 16 * block;
                float *sums = out + v * ldout + r0 + r;
                const int two_outputs = held - r > 16, two_vectors = count - v > 16;
                if (two_outputs && two_vectors) split_tile(2, 2, block_of, vectors, block, sums, ldout, count - v, held - r);
                else if (two_outputs) split_tile(2, 1, block_of, vectors, block, sums, ldout, count - v, held - r);
                else if (two_vectors) split_tile(1, 2, block_of, vectors, block, sums, ldout, count - v, held - r);
                else split_tile(1, 1, block_of, vectors, block, sums, ldout, count - v, held - r);
            }
        }
        // Without tiles in use, a switch of threads has 8 KB less to save.
        _tile_release();
    }
}
#pragma clang attribute pop
#endif
