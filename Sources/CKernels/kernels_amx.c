// AVX-512 with AMX: tiles multiply up to 16 rows by 16 columns over 64 inputs with one instruction, where VNNI multiplies
// one row. The sums are exact, so the bits are those of the other tables. Everything but products of 8-bit matrices with
// many rows is done as by kernels_avx512vnni.c.
//
// There are eight registers of up to 16 rows of 64 bytes, a thread's own (Intel's Architectures Software Developer's
// Manual, volume 1, chapter 18).
#if defined(__x86_64__)
#include <immintrin.h>
#include "kernels.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-int8"))), apply_to = function)
#define INLINE static inline __attribute__((always_inline))
#include "int8_store.inc"

// From how many rows on tiles multiply. Fewer leave most of a tile empty, and wait for weights rather than for products.
#define TILED_ROWS 8
// Inputs that a tile multiplies at a time.
#define TILE_DEPTH 64

// Rows and bytes of a row of each register.
typedef struct tile_shapes {
    uint8_t palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

// The registers of a product: sums in 0 … 3, of which each two belong to a block of rows; 4 … 7 hold 64 bytes of depth,
// 4 and 5 of the two blocks, 6 and 7 of weights. With one block, sums 0 … 3 are its own, and 5 … 7 hold weights.
INLINE void shape_tiles(int first_rows, int second_rows) {
    tile_shapes shapes = {.palette = 1};
    const int last = second_rows ? second_rows : first_rows;
    for (int t = 0; t < 8; t++) shapes.row_bytes[t] = 64;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = (uint8_t)first_rows;
    shapes.rows[2] = shapes.rows[3] = (uint8_t)last;
    shapes.rows[5] = second_rows ? (uint8_t)second_rows : 16;
    shapes.rows[6] = shapes.rows[7] = 16;
    _tile_loadconfig(&shapes);
}

// A product of one block of at most 16 rows, or of two, which share the weights that are loaded.
typedef struct tile_product {
    const uint8_t *a;  // the first row
    size_t lda, first, second;
    const svc_int8_matrix *w;
    size_t ahead;  // how far beyond what is read weights are asked for; 0 for not at all
    const float *scales, *bias;
    float *out;
    size_t ldout;
} tile_product;

// What becomes of the sums [count][16] of the rows from `row` on in the 16 columns from c on.
static void store_panel(const int32_t *sums, const tile_product *p, size_t row, size_t count, size_t c) {
    const __m512i correction = _mm512_loadu_si512(p->w->correction + c);
    for (size_t r = 0; r < count; r++) {
        const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + 16 * r), correction);
        store_int8(sum, _mm512_set1_ps(p->scales[row + r]), p->w, p->bias, c, p->out + (row + r) * p->ldout);
    }
}

// The weights of a panel from k on, and a request for what lies ahead of them.
#define WEIGHTS(tile, panel)                                                                             \
    {                                                                                                    \
        const int8_t *b = weights + (size_t)(panel) * 16 * depth + 16 * k;                               \
        if (p->ahead)                                                                                    \
            for (size_t line = 0; line < 16 * TILE_DEPTH; line += 64) __builtin_prefetch(b + p->ahead + line); \
        _tile_loadd(tile, b, 64);                                                                        \
    }
#define STORE(tile, row, count, panel)                 \
    {                                                  \
        _tile_stored(tile, sums, 64);                  \
        store_panel(sums, p, row, count, c0 + 16 * (panel)); \
    }

// Two blocks of rows by one panel or two.
INLINE void two_blocks(const int panels, const tile_product *p, size_t c0) {
    const size_t depth = p->w->padded_depth;
    const int8_t *weights = p->w->packed + c0 * depth;
    const uint8_t *second = p->a + p->first * p->lda;
    _Alignas(64) int32_t sums[16 * 16];
    _tile_zero(0);
    _tile_zero(2);
    if (panels > 1) {
        _tile_zero(1);
        _tile_zero(3);
    }
    for (size_t k = 0; k < depth; k += TILE_DEPTH) {
        WEIGHTS(6, 0)
        _tile_loadd(4, p->a + k, p->lda);
        _tile_dpbusd(0, 4, 6);
        if (panels > 1) {
            WEIGHTS(7, 1)
            _tile_dpbusd(1, 4, 7);
        }
        _tile_loadd(5, second + k, p->lda);
        _tile_dpbusd(2, 5, 6);
        if (panels > 1) _tile_dpbusd(3, 5, 7);
    }
    STORE(0, 0, p->first, 0)
    STORE(2, p->first, p->second, 0)
    if (panels > 1) {
        STORE(1, 0, p->first, 1)
        STORE(3, p->first, p->second, 1)
    }
}

// One block of rows by 1, 2 or 4 panels.
INLINE void one_block(const int panels, const tile_product *p, size_t c0) {
    const size_t depth = p->w->padded_depth;
    const int8_t *weights = p->w->packed + c0 * depth;
    _Alignas(64) int32_t sums[16 * 16];
    _tile_zero(0);
    if (panels > 1) _tile_zero(1);
    if (panels > 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t k = 0; k < depth; k += TILE_DEPTH) {
        _tile_loadd(4, p->a + k, p->lda);
        WEIGHTS(5, 0)
        _tile_dpbusd(0, 4, 5);
        if (panels > 1) {
            WEIGHTS(6, 1)
            _tile_dpbusd(1, 4, 6);
        }
        if (panels > 2) {
            WEIGHTS(7, 2)
            _tile_dpbusd(2, 4, 7);
            WEIGHTS(5, 3)
            _tile_dpbusd(3, 4, 5);
        }
    }
    STORE(0, 0, p->first, 0)
    if (panels > 1) STORE(1, 0, p->first, 1)
    if (panels > 2) {
        STORE(2, 0, p->first, 2)
        STORE(3, 0, p->first, 3)
    }
}

static void tile_columns(const tile_product *p, size_t c0, size_t end) {
    if (p->second) {
        for (; c0 + 16 < end; c0 += 32) two_blocks(2, p, c0);
        if (c0 < end) two_blocks(1, p, c0);
    } else {
        for (; c0 + 48 < end; c0 += 64) one_block(4, p, c0);
        for (; c0 + 16 < end; c0 += 32) one_block(2, p, c0);
        if (c0 < end) one_block(1, p, c0);
    }
}

void svc_amx_int8_gemm(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                       const float *bias, float *out, size_t ldout) {
    if (rows < TILED_ROWS || w->padded_depth % TILE_DEPTH != 0) {
        svc_kernels_avx512vnni.int8_gemm(a, lda, w, rows, scales, bias, out, ldout);
        return;
    }
    // A slice of columns that the second-level cache holds while all rows pass over it, together with the next.
    const size_t room = (128 << 10) / w->padded_depth / 64 * 64, slice = room < 64 ? 64 : room > 256 ? 256 : room;
    const size_t blocks = (rows + 15) / 16;
    size_t first = 0, second = 0;  // as the tiles are shaped
    for (size_t c0 = 0; c0 < w->columns; c0 += slice) {
        const size_t end = c0 + slice < w->columns ? c0 + slice : w->columns;
        for (size_t block = 0; block < blocks; block += 2) {
            // Blocks of nearly equal size: 17 rows are 9 and 8, not 16 and 1.
            const size_t start = rows * block / blocks, middle = rows * (block + 1) / blocks;
            const size_t stop = block + 1 < blocks ? rows * (block + 2) / blocks : middle;
            const tile_product p = {
                .a = a + start * lda, .lda = lda, .first = middle - start, .second = stop - middle, .w = w,
                .ahead = block == 0 && w->streamed ? slice * w->padded_depth : 0, .scales = scales + start,
                .bias = bias, .out = out + start * ldout, .ldout = ldout,
            };
            if (p.first != first || p.second != second) {
                shape_tiles((int)p.first, (int)p.second);
                first = p.first;
                second = p.second;
            }
            tile_columns(&p, c0, end);
        }
    }
    // Without tiles in use, a switch of threads has 8 KB less to save.
    _tile_release();
}
#pragma clang attribute pop
#endif
