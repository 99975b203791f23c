// Layouts. Packing happens once per weight, or once per sentence for a shortlist; plain C is fast enough.
#include <string.h>
#include "ckernels.h"

void svc_pack_int8(const int8_t *rows, size_t ld, const int32_t *ids, size_t columns, size_t depth, int32_t kept_zero,
                   int8_t *packed, int32_t *offset, int32_t *correction) {
    const size_t groups = (depth + SVC_DEPTH_GROUP - 1) / SVC_DEPTH_GROUP;
    const size_t whole = depth / SVC_DEPTH_GROUP;
    const size_t panels = (columns + SVC_PANEL - 1) / SVC_PANEL;
    for (size_t panel = 0; panel < panels; panel++) {
        int8_t *out = packed + panel * groups * SVC_PANEL * SVC_DEPTH_GROUP;
        for (size_t c = 0; c < SVC_PANEL; c++) {
            const size_t column = panel * SVC_PANEL + c;
            int8_t *lane = out + c * SVC_DEPTH_GROUP;
            if (column >= columns) {
                for (size_t g = 0; g < groups; g++) memset(lane + g * SVC_PANEL * SVC_DEPTH_GROUP, 0, SVC_DEPTH_GROUP);
                offset[column] = correction[column] = 0;
                continue;
            }
            const int8_t *row = rows + (ids ? (size_t)ids[column] : column) * ld;
            int32_t sum = 0;
            for (size_t k = 0; k < depth; k++) sum += row[k];
            offset[column] = kept_zero * sum;
            correction[column] = (kept_zero - SVC_ACTIVATION_ZERO) * sum;
            for (size_t g = 0; g < whole; g++) {
                memcpy(lane + g * SVC_PANEL * SVC_DEPTH_GROUP, row + g * SVC_DEPTH_GROUP, SVC_DEPTH_GROUP);
            }
            if (whole < groups) {
                int8_t tail[SVC_DEPTH_GROUP] = {0};
                memcpy(tail, row + whole * SVC_DEPTH_GROUP, depth - whole * SVC_DEPTH_GROUP);
                memcpy(lane + whole * SVC_PANEL * SVC_DEPTH_GROUP, tail, SVC_DEPTH_GROUP);
            }
        }
    }
}

void svc_pack_f32(const float *source, int transposed, const int32_t *ids, size_t columns, size_t depth,
                  float *packed) {
    const size_t panels = (columns + SVC_PANEL - 1) / SVC_PANEL;
    for (size_t panel = 0; panel < panels; panel++) {
        float *out = packed + panel * depth * SVC_PANEL;
        for (size_t c = 0; c < SVC_PANEL; c++) {
            const size_t column = panel * SVC_PANEL + c;
            if (column >= columns) {
                for (size_t k = 0; k < depth; k++) out[k * SVC_PANEL + c] = 0;
            } else if (transposed) {
                const float *row = source + (ids ? (size_t)ids[column] : column) * depth;
                for (size_t k = 0; k < depth; k++) out[k * SVC_PANEL + c] = row[k];
            } else {
                for (size_t k = 0; k < depth; k++) out[k * SVC_PANEL + c] = source[k * columns + column];
            }
        }
    }
}

void svc_transpose_f32(const float *source, size_t ld, size_t rows, size_t columns, size_t padded_rows, float *out) {
    // Blocks of 16 × 16 keep both sides in the first-level cache.
    for (size_t r0 = 0; r0 < padded_rows; r0 += 16) {
        const size_t r1 = r0 + 16 < padded_rows ? r0 + 16 : padded_rows;
        for (size_t c0 = 0; c0 < columns; c0 += 16) {
            const size_t c1 = c0 + 16 < columns ? c0 + 16 : columns;
            for (size_t c = c0; c < c1; c++) {
                for (size_t r = r0; r < r1; r++) {
                    out[c * padded_rows + r] = r < rows ? source[r * ld + c] : 0.0f;
                }
            }
        }
    }
}
