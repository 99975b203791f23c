// What is done once for a matrix in planes of nibbles, and once for a vector that it is multiplied by (nibble_planes.inc).
#include <math.h>
#include <string.h>
#include "ckernels.h"

// A group of 64 weights, the blocks A and B, in fours: four i of either half of a plane's nibbles is from block i mod 2.
static size_t four_of_group(size_t i, size_t half) { return 32 * (i % 2) + 4 * (i / 2) + 16 * half; }

void svc_split_q8_0(const uint8_t *rows, size_t count, size_t columns, uint8_t *upper, uint8_t *lower, uint16_t *units,
                    float *reach) {
    for (size_t row = 0; row < count; row++) {
        float widest = 0;
        for (size_t group = 0; group < columns / 64; group++, rows += 68, upper += 32, lower += 32, units += 2) {
            const uint32_t nibbles = 0x0f0f0f0f, sign = 0x80808080;
            uint8_t weights[64];
            memcpy(units, rows, 2);
            memcpy(weights, rows + 2, 32);
            memcpy(units + 1, rows + 34, 2);
            memcpy(weights + 32, rows + 36, 32);
            for (size_t i = 0; i < 8; i++) {
                uint32_t a, b, high, low;
                memcpy(&a, weights + four_of_group(i, 0), 4);
                memcpy(&b, weights + four_of_group(i, 1), 4);
                high = ((a ^ sign) >> 4 & nibbles) | ((b ^ sign) & ~nibbles);
                low = (a & nibbles) | (b & nibbles) << 4;
                memcpy(upper + 4 * i, &high, 4);
                memcpy(lower + 4 * i, &low, 4);
            }
            for (size_t block = 0; block < 64; block += 32) {
                int squares = 0;  // of 2 · (lower − 7.5)
                for (size_t e = 0; e < 32; e++) {
                    const int twice = 2 * (weights[block + e] & 15) - 15;
                    squares += twice * twice;
                }
                widest = fmaxf(widest, 0.25f * (float)squares);
            }
        }
        *reach++ = sqrtf(widest) * 1.00002f;
    }
}

int svc_bound_input(const float *x, size_t columns, int8_t *high, int8_t *low, float *units, float *offsets, float *norms) {
    const size_t blocks = columns / 32;
    for (size_t block = 0; block < blocks; block++) {
        const float *from = x + 32 * block;
        float largest = 0;
        double squares = 0;
        for (size_t e = 0; e < 32; e++) {
            largest = fmaxf(largest, fabsf(from[e]));
            squares += (double)from[e] * from[e];
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
                    high[group + 32 * half + 4 * i + j] = (int8_t)upper;
                    low[group + 32 * half + 4 * i + j] = (int8_t)(v - 256 * upper);
                    sum += v;
                }
            }
        }
        units[block] = 16 * unit;
        offsets[block] = -120.5f * unit * (float)sum;
        norms[block] = (float)sqrt(squares) * (vanishes ? 12000 : 1.00001f);
    }
    for (size_t block = blocks; block < (blocks + 7) / 8 * 8; block++) units[block] = offsets[block] = norms[block] = 0;
    return 1;
}

void svc_products_above(const svc_kernels *kernels, const svc_nibble_planes *planes, size_t first, size_t count,
                        const float *x, const svc_bounded_vector *bounded, float least, float *bounds, uint8_t *row) {
    const size_t bytes = planes->columns / 2;
    for (size_t start = 0; start < count; start += 64) {
        const size_t end = start + 64 < count ? start + 64 : count;
        size_t rows[64], held = 0;
        for (size_t r = start; r < end; r++) {
            // What is NaN is not below anything. (More requests can be under way to the second-level cache.)
            if (bounds[r] < least) {
                bounds[r] = -INFINITY;
            } else {
                const uint8_t *lower = planes->lower + (first + r) * bytes;
                for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(lower + line, 0, 2);
                __builtin_prefetch(planes->units + (first + r) * planes->columns / 32, 0, 2);
                rows[held++] = r;
            }
        }
        for (size_t i = 0; i < held; i++) {
            const size_t r = first + rows[i];
            float *bound = bounds + rows[i];
            *bound = kernels->tighten_bound(planes, r, bounded, *bound);
            if (*bound < least) {
                *bound = -INFINITY;
            } else {
                kernels->join_planes(planes, r, 1, row);
                kernels->quantized_dot(svc_weight_q8_0, row, 1, planes->columns, x, planes->columns, 1, bound, 1, NULL);
            }
        }
    }
}

size_t svc_count_not_below(const float *values, size_t count, float least) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) found += !(values[i] < least);
    return found;
}
