// What is done once for a matrix in planes of nibbles, and once for a vector that it is multiplied by (nibble_planes.inc).
#include <math.h>
#include <string.h>
#include "ckernels.h"

// A group of 64 weights, the blocks A and B, in fours: four i of either half of a plane's nibbles is from block i mod 2.
static size_t four_of_group(size_t i, size_t half) { return 32 * (i % 2) + 4 * (i / 2) + 16 * half; }

static void split_group(const uint8_t *weights, uint8_t *upper, uint8_t *lower) {
    const uint32_t nibbles = 0x0f0f0f0f, sign = 0x80808080;
    for (size_t i = 0; i < 8; i++) {
        uint32_t a, b, high, low;
        memcpy(&a, weights + four_of_group(i, 0), 4);
        memcpy(&b, weights + four_of_group(i, 1), 4);
        high = ((a ^ sign) >> 4 & nibbles) | ((b ^ sign) & ~nibbles);
        low = (a & nibbles) | (b & nibbles) << 4;
        memcpy(upper + 4 * i, &high, 4);
        memcpy(lower + 4 * i, &low, 4);
    }
}

void svc_split_q8_0(const uint8_t *rows, size_t count, size_t columns, const uint8_t *chosen, uint8_t *upper, uint8_t *lower) {
    for (size_t row = 0; row < count; row++, upper += svc_upper_bytes(columns)) {
        uint8_t *units = upper + columns / 2, *known = units + columns / 16;
        int widest = 0;
        for (size_t group = 0; group < columns / 64; group++, rows += 68, lower += 32) {
            uint8_t weights[64];
            for (size_t block = 2 * group; block < 2 * group + 2; block++) {
                const uint8_t *from = rows + 34 * (block % 2), *places = chosen + 2 * block;
                const uint8_t *block_weights = memcpy(weights + 32 * (block % 2), from + 2, 32);
                int squares = 0;  // of 2 · (lower − 7.5), the chosen ones taken out again
                for (size_t e = 0; e < 32; e++) {
                    const int twice = 2 * (block_weights[e] & 15) - 15;
                    squares += twice * twice;
                }
                for (size_t c = 0; c < 2; c++) {
                    const int twice = 2 * (block_weights[places[c]] & 15) - 15;
                    squares -= twice * twice;
                }
                widest = squares > widest ? squares : widest;
                known[block] = (uint8_t)((block_weights[places[0]] & 15) | block_weights[places[1]] << 4);
                memcpy(units + 2 * block, from, 2);
            }
            split_group(weights, upper + 32 * group, lower);
        }
        const float reach = sqrtf(0.25f * (float)widest) * 1.00002f;
        memcpy(known + columns / 32, &reach, 4);
    }
}

void svc_choose_columns(const float *x, size_t columns, uint8_t *chosen) {
    for (const float *end = x + columns; x < end; x += 32, chosen += 2) {
        chosen[0] = fabsf(x[1]) > fabsf(x[0]);
        chosen[1] = !chosen[0];
        for (uint8_t e = 2; e < 32; e++) {
            if (!(fabsf(x[e]) > fabsf(x[chosen[1]]))) continue;
            chosen[1] = e;
            if (!(fabsf(x[e]) > fabsf(x[chosen[0]]))) continue;
            chosen[1] = chosen[0];
            chosen[0] = e;
        }
    }
}

// How far rounding may move a bound, for every |unit| · ‖x‖ of a block: |q| ≤ 128 of 32 weights by half of a step of 2 · 32512
// for the largest of x, 0.0636 of the norm; and, of the 703 + 1369 times the norm that terms come to, 2^-24 for each of
// columns/32 + 11 additions at most, and of columns/16 + 5, of 719 times the norm, in the product itself.
static float rounding(size_t columns) { return 0.07f + 1e-5f * (float)columns; }

int svc_bound_input(const float *x, size_t columns, const uint8_t *chosen, svc_bounded_vector *to) {
    const size_t blocks = columns / 32;
    for (size_t block = 0; block < blocks; block++) {
        const float *from = x + 32 * block;
        const uint8_t *places = chosen + 2 * block;
        float largest = 0;
        double squares = 0, others = 0;
        for (size_t e = 0; e < 32; e++) {
            const double square = (double)from[e] * from[e];
            largest = fmaxf(largest, fabsf(from[e]));
            squares += square;
            if (e != places[0] && e != places[1]) others += square;
        }
        if (!(squares <= 1e30)) return 0;
        // Of so small numbers nothing is left, and all of x is error: up to 725 times its norm.
        const int vanishes = largest < 1e-25f;
        const float unit = vanishes ? 0 : largest / 32512, inverse = vanishes ? 0 : 32512 / largest;
        const size_t group = block / 2 * 64;
        int sum = 0;
        for (size_t half = 0; half < 2; half++) {
            for (size_t i = block % 2; i < 8; i += 2) {
                for (size_t j = 0; j < 4; j++) {
                    const int v = (int)lrintf(x[group + four_of_group(i, half) + j] * inverse), upper = (v + 128) >> 8;
                    int8_t *digits = to->digits + half * columns / 2 + group / 2 + 4 * i + j;
                    digits[0] = (int8_t)upper;
                    digits[columns] = (int8_t)(v - 256 * upper);
                    sum += v;
                }
            }
        }
        to->units[block] = 16 * unit;
        to->first[block] = vanishes ? 0 : from[places[0]];
        to->second[block] = vanishes ? 0 : from[places[1]];
        to->offsets[block] = -120.5f * unit * (float)sum - 7.5f * (to->first[block] + to->second[block]);
        to->norms[block] = vanishes ? 0 : (float)sqrt(others) * 1.00001f;
        to->slack[block] = (float)sqrt(squares) * (vanishes ? 800 : rounding(columns));
    }
    for (size_t b = blocks; b < (blocks + 15) / 16 * 16; b++) {
        to->units[b] = to->first[b] = to->second[b] = to->offsets[b] = to->norms[b] = to->slack[b] = 0;
    }
    return 1;
}

// Rows that lie anywhere: memory has so many under way at a time.
#define ROWS_AHEAD 16

static void ask_for(const uint8_t *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

size_t svc_products_above(const svc_kernels *kernels, const svc_nibble_planes *planes, size_t first, size_t count,
                          const float *x, float least, float *bounds, uint8_t *rows) {
    const size_t columns = planes->columns, upper_bytes = svc_upper_bytes(columns);
    size_t multiplied = 0, asked = 0, ahead = 0;
    for (size_t r = 0; r < count; r++) {
        // What is NaN is not below anything.
        if (bounds[r] < least) {
            bounds[r] = -INFINITY;
            continue;
        }
        for (; ahead < count && asked < multiplied + ROWS_AHEAD; ahead++) {
            if (bounds[ahead] < least) continue;
            ask_for(planes->upper + (first + ahead) * upper_bytes, upper_bytes);
            ask_for(planes->lower + (first + ahead) * columns / 2, columns / 2);
            asked++;
        }
        // Rows that follow one another go together.
        size_t end = r + 1;
        while (end < count && end - r < SVC_ROWS_ABOVE && !(bounds[end] < least)) end++;
        kernels->join_planes(planes, first + r, end - r, rows);
        kernels->quantized_dot(svc_weight_q8_0, rows, end - r, columns, x, columns, 1, bounds + r, end - r, NULL);
        multiplied += end - r;
        r = end - 1;
    }
    return multiplied;
}
