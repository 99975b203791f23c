// The most arithmetic that one thread of this processor does: loops of nothing but multiply-adds on registers, with
// enough independent sums to hide their latency.

#ifndef CPEAK_H
#define CPEAK_H

#include <stdint.h>

typedef enum {
    cpeak_portable,
    cpeak_avx2,
    cpeak_avx512vnni,
} cpeak_isa;

/// Multiplies and adds 32-bit floats, `loops` times; what came of it through `sink`. Returns the number of
/// multiply-adds.
uint64_t cpeak_float(cpeak_isa isa, uint64_t loops, float *sink);

/// Multiplies 8-bit integers and adds the products to 32-bit ones, in the same way.
uint64_t cpeak_int8(cpeak_isa isa, uint64_t loops, int32_t *sink);

#endif
