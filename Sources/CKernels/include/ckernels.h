// The arithmetic of the service: one table of functions per instruction set, chosen at run time.
//
// Every function is pure and single-threaded, and each has a portable twin. Integer products accumulate exactly
// in 32 bits, and the float operations use the same lanes, the same order of additions and no fused
// multiply-add in every table, so that all tables give the same bits. The exceptions fuse where the processor can:
// `f32_gemm`, the attentions but `attention`, and `quantized_dot`, the last with the same bits in all tables that fuse
// (their error bound is stated in docs/architecture.md). Products of interleaved weights are in tables with VNNI only.
//
// Matrices are row-major; `ld…` is the distance between rows in elements. "Packed" layouts, made by `pack_int8` and
// `svc_pack_f32`, are the same for every table.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "interleaved.h"

// Columns of a packed panel: outputs that one vector register holds.
#define SVC_PANEL 16
// Inputs that one integer multiply-add takes at once; the depth of a packed int8 matrix is a multiple of it.
#define SVC_DEPTH_GROUP 4
// Added to a quantised activation so that it is stored unsigned: stored = value + 128, value in [-127, 127].
#define SVC_ACTIVATION_ZERO 128

typedef enum svc_isa {
    svc_isa_portable = 0,
    svc_isa_avx2 = 1,
    svc_isa_avx512vnni = 2,
    svc_isa_amx = 3,
} svc_isa;

// Tells the processor that this is a loop that waits for another thread.
static inline void svc_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// What happens to a product before it is stored.
typedef enum svc_activation {
    svc_activation_none = 0,
    svc_activation_relu = 1,
    svc_activation_swish = 2,  // x · sigmoid(x)
    svc_activation_gelu = 3,   // x · sigmoid(1.702 x), as Marian defines it
    svc_activation_gelu_erf = 4,   // x/2 · (1 + erf(x/√2)), to 5·10⁻⁷
    svc_activation_gelu_tanh = 5,  // x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))
} svc_activation;

// An int8 matrix [columns, depth] packed by pack_int8: panels of 16 columns, in each the depth in groups of 4.
typedef struct svc_int8_matrix {
    const int8_t *packed;       // [ceil(columns/16)][paddedDepth/4][16][4]
    const int32_t *offset;      // [ceil(columns/16)·16]: kept_zero · Σ_k w[column][k], what is added to the signed sum; NULL: 0
    const int32_t *correction;  // [ceil(columns/16)·16]: (kept_zero − 128) · Σ_k w[column][k], the same for stored activations
    const float *scales;        // [ceil(columns/16)·16]: what a column's sums are multiplied by besides; NULL: 1
    size_t columns;
    size_t padded_depth;        // depth rounded up to a multiple of 4
    int streamed;               // whether the weights come from memory at every product, being more than caches hold
} svc_int8_matrix;

// What a gated feed-forward layer applies to its gate.
typedef enum svc_gate {
    svc_gate_silu = 0,       // x · sigmoid(x)
    svc_gate_gelu_tanh = 1,  // 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))
} svc_gate;

// How a weight matrix is stored: GGUF's block types, whose layouts quantized_expand.inc and quantized_expand_k.inc spell out.
typedef enum svc_weight_type {
    svc_weight_f32 = 0,
    svc_weight_f16 = 1,
    svc_weight_q4_0 = 2,
    svc_weight_q4_1 = 3,
    svc_weight_q5_0 = 6,
    svc_weight_q5_1 = 7,
    svc_weight_q8_0 = 8,
    svc_weight_q2_k = 10,
    svc_weight_q3_k = 11,
    svc_weight_q4_k = 12,
    svc_weight_q5_k = 13,
    svc_weight_q6_k = 14,
    svc_weight_iq4_nl = 20,
    svc_weight_i8 = 24,  // integers; the scale of their row is kept elsewhere
    svc_weight_bf16 = 30,
} svc_weight_type;

// Rows of weights that quantized_dot expands at a time: as many as leave the second-level cache room for activations, and
// no more than pay: the more, the seldomer a tile of activations is read again.
static inline size_t svc_quantized_panel(size_t columns) {
    const size_t rows = columns ? 98304 / columns / 4 * 4 : 32;
    return rows > 96 ? 96 : rows < 4 ? 4 : rows;
}

// Numbers of each row that split_vectors and split_dot work on: columns, and zeros up to a whole tile.
static inline size_t svc_split_depth(size_t columns) { return (columns + 31) / 32 * 32; }
// Numbers that the parts of `count` vectors are.
static inline size_t svc_split_numbers(size_t count, size_t columns) {
    return (count + 15) / 16 * 16 * 2 * svc_split_depth(columns);
}
// Rows of weights that split_dot expands at a time, a multiple of 32: as many as half a second-level cache of 2 MB holds.
static inline size_t svc_split_panel(size_t columns) {
    const size_t rows = columns ? 196608 / svc_split_depth(columns) / 32 * 32 : 32;
    return rows > 192 ? 192 : rows < 32 ? 32 : rows;
}

// Positions that a page of a key/value cache holds; a multiple of 16.
#define SVC_PAGE 32

// One query of cached_attention: a row's head.
typedef struct svc_query {
    const float *query;  // [head_dim]
    float *out;          // [head_dim]
    size_t first, end;   // the positions it sees: first … end − 1, at least one
} svc_query;

// A matrix of svc_weight_q8_0 in two planes, the upper four bits of each weight + 128 and the lower. Products are bounded by
// the upper plane and, of two columns in every block, by the lower bits as well: vectors of hidden states are large in few
// columns, nearly always the same. Of a group of 64 weights, two blocks, byte 4i + j has element 4 ⌊i/2⌋ + j of the first
// block (i even) or the second in its low nibble, and the element 16 places on in its high one.
typedef struct svc_nibble_planes {
    // [rows][svc_upper_bytes(columns)], 64 bytes more to read at the end. Of a row: upper nibbles, columns/2; what each block
    // is multiplied by, a half; of each block the lower nibbles of two chosen columns; and how far all other lower bits may
    // move a product, for every |block's factor| · ‖other elements of x‖, a float.
    const uint8_t *upper;
    const uint8_t *lower;  // [rows][columns/2]
    size_t columns;        // a multiple of 64
} svc_nibble_planes;

// Bytes of a row in the upper plane.
static inline size_t svc_upper_bytes(size_t columns) { return columns / 64 * 38 + 4; }

// A vector x to be multiplied by such a matrix, as svc_bound_input has made it ready: x ≈ unit/16 · v, v = 256 · high + low.
typedef struct svc_bounded_vector {
    int8_t *digits;  // [4][columns/2], 32 more to read at the end: of v high, then low, each for low nibbles, then for high ones
    // For each block, and zeros up to a multiple of 16:
    float *units;
    float *first, *second;  // the elements of the chosen columns
    float *offsets;         // what depends on no nibble
    float *norms, *slack;   // how far other lower bits may move a product, times the row's reach; how far rounding may
} svc_bounded_vector;

typedef struct svc_kernels {
    const char *name;

    // out[i] = clamp(rint(x[i] · multiplier), −127, 127) + 128, halves to even; NaN becomes 1 (that is, −127).
    void (*quantize)(const float *x, float multiplier, uint8_t *out, size_t count);

    // out[r][c] = (Σ_k (a[r][k] − 128) · w[c][k] + offset[c]) · scales[r] · w.scales[c] + bias[c], the sum exact in int32.
    // a: [rows][lda ≥ padded_depth], faster if lda is no multiple of 1024; scales: one per row; bias: [ceil(columns/16)·16] or NULL.
    void (*int8_gemm)(const uint8_t *a, size_t lda, const svc_int8_matrix *w, size_t rows, const float *scales,
                      const float *bias, float *out, size_t ldout);

    // out[r][c] = Σ_k a[r][k] · w[k][c] + bias[c], each sum in the order of k whatever the number of rows.
    // packed: [ceil(columns/16)][depth][16]; bias: [ceil(columns/16)·16] or NULL.
    void (*f32_gemm)(const float *a, size_t lda, const float *packed, size_t rows, size_t columns, size_t depth,
                     const float *bias, float *out, size_t ldout);

    // out[t][r] = Σ_k x[t][k] · w[r][k] for `count` vectors of activations, which are not rounded. Sixteen sums, of
    // k ≡ l mod 16 in ascending order, are added by a tree; each product is fused with its sum where the processor can.
    // weights: [rows][columns] in blocks of `type`; columns a multiple of the block (16 for the float types, 32, or 256 for
    // the K types). An output does not depend on the other vectors or rows. panel: room for
    // svc_quantized_panel(columns) · columns floats, in which many vectors are faster; NULL if there is none.
    void (*quantized_dot)(svc_weight_type type, const uint8_t *weights, size_t rows, size_t columns, const float *x,
                          size_t ldx, size_t count, float *out, size_t ldout, float *panel);

    // Products of many vectors on processors whose widest multiplier takes bfloat16; NULL on others. Vectors and weights are
    // split into two such numbers, upper = round(x) and lower = round(x − upper), and out[t][r] is the sum of upper · upper,
    // upper · lower and lower · upper over k: as quantized_dot's but for about 2⁻¹⁷ of each product. An output does not
    // depend on the other vectors or rows.
    //
    // parts: room for svc_split_numbers(count, columns), at a multiple of 64 bytes.
    void (*split_vectors)(const float *x, size_t ldx, size_t count, size_t columns, uint16_t *parts);

    // parts: from split_vectors; row_bytes: from one row of weights to the next, 0 where the weights are groups; panel: room
    // for (svc_split_panel(columns) + SVC_GROUP) · svc_split_depth(columns) floats, at a multiple of 64 bytes.
    void (*split_dot)(svc_weight_type type, const uint8_t *weights, size_t row_bytes, size_t rows, size_t columns,
                      const uint16_t *parts, size_t count, float *out, size_t ldout, float *panel);

    // Products of interleaved weights and digits, as include/interleaved.h defines them; all NULL where no instruction
    // multiplies bytes in groups of four. An output does not depend on the other vectors or rows.

    // Bytes of sixteen rows; 0 for types that are not interleaved. columns: a multiple of the type's block.
    size_t (*group_bytes)(svc_weight_type type, size_t columns);
    // Interleaves rows of weights that are row_bytes apart: [ceil(rows/16)] groups.
    void (*interleave)(svc_weight_type type, const uint8_t *weights, size_t row_bytes, size_t rows, size_t columns,
                       uint8_t *groups);
    // Rows first … first + count − 1 of a group as floats, those that expand_row gives.
    void (*interleaved_rows)(svc_weight_type type, const uint8_t *group, size_t first, size_t count, size_t columns,
                             float *out, size_t ldout);
    // The digits of the rows of tiles first … first + tiles − 1, of `count` rows in all. NaN and infinity make every product
    // of their row NaN. digits: svc_digit_bytes(count, columns) bytes for all.
    void (*digit_vectors)(const float *x, size_t ldx, size_t count, size_t columns, size_t first, size_t tiles,
                          uint8_t *digits);
    // out[t][r] = the product of the digits of row t of activations with row r of the groups, for `outputs` rows from the
    // first group on. 8 KB behind the groups may be asked for, not read. panel: svc_digit_panel_bytes(columns) at a multiple
    // of 64 bytes, if there are more rows of activations than SVC_DIGIT_FEW.
    void (*digit_dot)(svc_weight_type type, const uint8_t *groups, size_t outputs, size_t columns, const uint8_t *digits,
                      size_t count, float *out, size_t ldout, uint8_t *panel);

    // One row of `columns` weights as floats.
    void (*expand_row)(svc_weight_type type, const uint8_t *row, size_t columns, float *out);

    // Rows first … first + count − 1 as they were before svc_split_q8_0. rows: [count][columns/32] blocks.
    void (*join_planes)(const svc_nibble_planes *planes, size_t first, size_t count, uint8_t *rows);

    // bounds[r − first] ≥ what quantized_dot gives for row r and x, without the lower plane; infinite or NaN where a unit is.
    // Returns r − first for the row whose bound from below is the largest.
    size_t (*bound_planes)(const svc_nibble_planes *planes, size_t first, size_t count, const svc_bounded_vector *x,
                           float *bounds);

    // max |x[i]|; NaN if one of them is infinite or no number.
    float (*finite_magnitude)(const float *x, size_t count);

    // A row as blocks of svc_weight_iq4_nl, with nearly the least squared error. columns: a multiple of 32; |x| ≤ 7e6.
    void (*quantize_iq4_nl)(const float *x, size_t columns, uint8_t *blocks);

    // out = scale ⊙ (x + residual − mean) / sqrt(variance + epsilon) + bias, per row; residual may be NULL, and
    // out may be x or residual.
    void (*layer_norm)(const float *x, const float *residual, const float *scale, const float *bias, float epsilon,
                       size_t rows, size_t columns, float *out);

    // out = scale ⊙ x / sqrt(mean(x²) + epsilon), per row; out may be x.
    void (*rms_norm)(const float *x, const float *scale, float epsilon, size_t rows, size_t columns, float *out);

    // gate ← f(gate) ⊙ up, in place.
    void (*gate)(float *gate, const float *up, size_t count, svc_gate kind);

    // Rotates, in place, the first `rotary` features of each head of each row by that row's angles. cosines, sines:
    // [rows][rotary/2]. Pairs are (2i, 2i+1) if interleaved, else (i, i + rotary/2).
    void (*rope)(float *x, size_t ld, size_t rows, size_t heads, size_t head_dim, size_t rotary, const float *cosines,
                 const float *sines, int interleaved);

    // x ← activation(x), in place.
    void (*activate)(float *x, size_t count, svc_activation activation);

    // x[r][c] ← activation(x[r][c] + bias[c]), in place.
    void (*bias_activate)(float *x, const float *bias, size_t rows, size_t columns, svc_activation activation);

    // x ← x + y.
    void (*add)(float *x, const float *y, size_t count);

    // max |x[i]|; 0 for none.
    float (*max_magnitude)(const float *x, size_t count);

    // x ← softmax(x). count ≥ 1.
    void (*softmax)(float *x, size_t count);

    // ln Σ exp(x[i]). count ≥ 1.
    float (*log_sum_exp)(const float *x, size_t count);

    // The index of the largest value; the lowest on a tie; NaN is never the largest.
    size_t (*argmax)(const float *x, size_t count);

    // The simpler simple recurrent unit's step, elementwise: g = sigmoid(gate); cell ← g ⊙ cell + (1 − g) ⊙ input;
    // out = max(cell, 0).
    void (*ssru)(const float *gate, const float *input, float *cell, float *out, size_t count);

    // Scaled dot-product attention of `rows` queries over one sequence of `length` keys, all heads:
    // out[r][h·d…] = Σ_t softmax_t(scale · q[r][h·d…] · k[t][h·d…]) v[t][h·d…].
    // keys_transposed: [heads·head_dim][padded_length], padded_length = length rounded up to 16, zeros at the end;
    // values: [length][ldv]; scores: room for 4 · padded_length floats.
    void (*attention)(const float *queries, size_t ldq, const float *keys_transposed, const float *values, size_t ldv,
                      size_t rows, size_t length, size_t heads, size_t head_dim, float scale, float *scores,
                      float *out, size_t ldout);

    // Scaled dot-product attention of queries that share one key/value head of a paged cache (cache_attention.inc has
    // the layout of a page): out = Σ_t softmax_t(scale · query · key_t) value_t over the positions it sees. pages: by
    // position / SVC_PAGE, those that no query sees may be NULL; offset: floats from a page's start to the head;
    // head_dim: best a multiple of 16; scores: room for 8 · (end of the last − first of the first, in whole pages) floats.
    void (*cached_attention)(const svc_query *queries, size_t count, const float *const *pages, size_t offset,
                             size_t head_dim, float scale, float *scores);

    // Attention of `rows` queries of one head over all keys of one sequence: out[r] = Σ_t softmax_t(scale · q[r] · k[t] +
    // bias[r · bias_step + t]) v[t]. keys_transposed: [head_dim][padded_length], padded_length = length rounded up to 16,
    // finite at the end; values: [length][head_dim]; bias: NULL, or readable up to padded_length; scores: room for
    // 8 · padded_length floats. head_dim: any.
    void (*sequence_attention)(const float *queries, size_t ldq, size_t rows, const float *keys_transposed,
                               const float *values, size_t length, size_t head_dim, float scale, const float *bias,
                               ptrdiff_t bias_step, float *scores, float *out, size_t ldout);

    // Attention of `rows` queries of one head, each over `length` keys of its own: with s = slots[r · ldslots + t], the key
    // of position t is at s + key_offset and its value at s + value_offset. bias: NULL, or by position, the same for all
    // rows, readable up to padded_length; scores: room for padded_length floats. head_dim: any.
    void (*gathered_attention)(const float *queries, size_t ldq, size_t rows, const float *const *slots, size_t ldslots,
                               size_t length, size_t key_offset, size_t value_offset, size_t head_dim, float scale,
                               const float *bias, float *scores, float *out, size_t ldout);

    // Packs rows of an int8 matrix [·, depth] whose rows are `ld` bytes apart: row ids[i] (or row i where ids is NULL)
    // becomes column i of the packed matrix. kept_zero: 0 for signed sums; 127 for the sums of activations shifted by 127,
    // as Marian computes them. packed: [ceil(columns/16)·16 · padded_depth] bytes; offset, correction:
    // [ceil(columns/16)·16].
    void (*pack_int8)(const int8_t *rows, size_t ld, const int32_t *ids, size_t columns, size_t depth, int32_t kept_zero,
                      int8_t *packed, int32_t *offset, int32_t *correction);

    // out[column][row] = source[row][column], rows padded with zeros to padded_rows, a multiple of 16. source rows are
    // `ld` apart.
    void (*transpose)(const float *source, size_t ld, size_t rows, size_t columns, size_t padded_rows, float *out);
} svc_kernels;

// The most capable instruction set that both the processor and the operating system support. Asks Linux for the use of
// tiles, where the processor has some.
svc_isa svc_detect_isa(void);

// The functions for an instruction set. NULL if it is not compiled in or not supported here.
const svc_kernels *svc_kernels_for(svc_isa isa);

// The same without asking what is supported here. NULL if it is not compiled in.
const svc_kernels *svc_kernels_of(svc_isa isa);

// Packs a float matrix for f32_gemm. transposed = 0: source [depth, columns]; 1: source [columns, depth], of which
// row ids[c] (or c where ids is NULL) becomes column c. packed: [ceil(columns/16)·16 · depth].
void svc_pack_f32(const float *source, int transposed, const int32_t *ids, size_t columns, size_t depth,
                  float *packed);

// Rows of svc_weight_q8_0 as planes of nibbles (svc_nibble_planes). columns: a multiple of 64; chosen: [columns/32][2],
// different places in a block.
void svc_split_q8_0(const uint8_t *rows, size_t count, size_t columns, const uint8_t *chosen, uint8_t *upper, uint8_t *lower);

// The places in each block in which |x| is largest.
void svc_choose_columns(const float *x, size_t columns, uint8_t *chosen);

// Makes x ready for bound_planes. Returns 0 for numbers that cannot be bounded: NaN, infinity, or 1e15 and more.
int svc_bound_input(const float *x, size_t columns, const uint8_t *chosen, svc_bounded_vector *bounded);

// Rows that svc_products_above multiplies together, at most.
#define SVC_ROWS_ABOVE 8

// Turns bounds of the rows first … first + count − 1 into their products with x, as quantized_dot gives them, where they may
// reach `least` or are NaN, and into −∞ elsewhere. Returns how many were multiplied. rows: room for SVC_ROWS_ABOVE rows
// of blocks.
size_t svc_products_above(const svc_kernels *kernels, const svc_nibble_planes *planes, size_t first, size_t count,
                          const float *x, float least, float *bounds, uint8_t *rows);

// Gives memory that was freed and stays with the allocator back to the system, where the C library can (glibc).
void svc_give_back_memory(void);
