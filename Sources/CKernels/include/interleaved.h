// Quantised weights times activations of 23 bits, on multipliers of bytes.
//
// A row of activations is cut into runs of 128 columns. In each, x ≈ unit · v with integers |v| < 2²², where 2²² − 1 units are the
// run's largest |x|, or 2⁻⁸⁶ if that is more: block floating point with nearly the bits of a float. v is the integer nearest to
// x · ((2²² − 1) / largest), the even one of two, and three signed digits, v = 65536 · d₂ + 256 · d₁ + d₀; the product of a block
// of 32 columns with integer weights is three sums of products of bytes, exact in 32 bits. So its bits do not depend on how the
// work is cut.
//
// Of a run is part = Σ over blocks, in their order, of fma(sum, weights' scale, ·), and for types with a minimum
// fma(Σ v, minimum, ·) after each; and out = Σ over runs, in their order, of fma(unit, part, ·). Weights of five bits with a minimum
// are 16 less, and their minimum 16 scales more, for sums that fit into 32 bits. Of 8-bit weights and IQ4_NL, which would not fit so
// either, a block has two sums, one after the other: that of 256 · d₂ + d₁, at 256 times the scale, and that of d₀; of Q6_K,
// whose scales are for 16 columns, one for each half.
//
// Weights are repacked: those of sixteen rows, a group, lie together, so that the lanes of a register are outputs and
// nothing is added across lanes. What a group takes is what its rows took, but for 3 % more for Q4_K and Q5_K and 1 % for
// Q6_K, where small scales are bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Rows of weights, outputs, that are interleaved.
#define SVC_GROUP 16
// Columns of a block of digits.
#define SVC_DIGIT_BLOCK 32
// Columns of a run, whose digits have one unit, and the largest of its integers.
#define SVC_DIGIT_RUN 128
#define SVC_DIGIT_LARGEST 0x3fffff
// Rows of activations whose digits lie together, at most.
#define SVC_DIGIT_TILE 12
// Bytes of a block's digits: three for each column, and eight numbers: its run's unit, Σ v (floats), and integers, what unsigned
// weights add too much: −8 · Σ v, −16 · Σ v, −32 · Σ v of the first 16 columns and of the rest, −128 · Σ (v − d₀) / 256, −128 · Σ d₀.
#define SVC_DIGIT_BYTES 128
// So many rows of activations, at most, are multiplied without a panel.
#define SVC_DIGIT_FEW 8

// Tiles that `count` rows of activations are divided into, as equal as whole fours of rows allow, and the row that one
// begins at.
static inline size_t svc_digit_tiles(size_t count) {
    return (count + SVC_DIGIT_TILE - 1) / SVC_DIGIT_TILE;
}
static inline size_t svc_digit_tile_start(size_t count, size_t tile) {
    const size_t start = 4 * ((count + 3) / 4 * tile / svc_digit_tiles(count));
    return start < count ? start : count;
}

// Bytes of the digits of `count` rows: [tile][block], and of each block of a tile
// [digit, highest first][8 columns of 4][row][4], then the eight numbers above, each for all rows of the tile.
static inline size_t svc_digit_bytes(size_t count, size_t columns) {
    return count * (columns / SVC_DIGIT_BLOCK) * SVC_DIGIT_BYTES;
}

// Groups that are expanded to bytes together, where there are many rows of activations: as many as a part of the
// second-level cache holds.
static inline size_t svc_digit_panel_groups(size_t columns) {
    const size_t groups = columns ? (256 << 10) / (20 * columns) : 1;
    return groups > 6 ? 6 : groups < 1 ? 1 : groups;
}
// Bytes of such a panel.
static inline size_t svc_digit_panel_bytes(size_t columns) { return svc_digit_panel_groups(columns) * 20 * columns; }
