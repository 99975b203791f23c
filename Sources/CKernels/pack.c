// The layout of float weights, which few checkpoints have (8-bit ones: layout.inc). Packing happens once per weight, or
// once per sentence for a shortlist; plain C is fast enough.
#include <string.h>
#include "ckernels.h"

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
