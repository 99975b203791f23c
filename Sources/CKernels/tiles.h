// AMX tiles, as the kernels use them: eight registers of up to 16 rows of 64 bytes, and an instruction that multiplies
// two of them (Intel's Architectures Software Developer's Manual, volume 1, chapter 18). What a register holds is a
// thread's own. Included where the target has AMX.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

// Rows and bytes of a row of each register.
typedef struct svc_tile_shapes {
    uint8_t palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} svc_tile_shapes;

// The registers of a product: sums in 0 … 3, of which each two belong to a block of rows; 4 … 7 hold 64 bytes of depth,
// 4 and 5 of the two blocks, 6 and 7 of weights. With one block, sums 0 … 3 are its own, and 5 … 7 hold weights.
static inline __attribute__((always_inline, target("amx-tile"))) void svc_shape_tiles(int first_rows, int second_rows) {
    svc_tile_shapes shapes = {.palette = 1};
    const int last = second_rows ? second_rows : first_rows;
    for (int t = 0; t < 8; t++) shapes.row_bytes[t] = 64;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = (uint8_t)first_rows;
    shapes.rows[2] = shapes.rows[3] = (uint8_t)last;
    shapes.rows[5] = second_rows ? (uint8_t)second_rows : 16;
    shapes.rows[6] = shapes.rows[7] = 16;
    _tile_loadconfig(&shapes);
}
