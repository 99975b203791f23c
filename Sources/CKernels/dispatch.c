// Which instruction set may be used: the processor must have it and the operating system must save its registers.
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// The register sets that the operating system saves on a context switch (XCR0), or 0 where it cannot be asked.
static uint64_t saved_register_sets(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
    if (!(ecx & (1u << 27))) return 0;  // OSXSAVE
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

// Whether this process may use tiles. Linux has it asked for once, because tiles make what it saves of a thread 8 KB
// larger (arch_prctl(2), ARCH_REQ_XCOMP_PERM; Documentation/arch/x86/xstate.rst); threads that begin later inherit it.
static int tiles_granted(void) {
#if defined(__linux__)
    const int request = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
#else
    return 0;
#endif
}

svc_isa svc_detect_isa(void) {
    const uint64_t ymm_state = 0x06, zmm_state = 0xe6, tile_state = 0x60000;
    const uint64_t saved = saved_register_sets();
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return svc_isa_portable;
    const int fma = (ecx >> 12) & 1, avx = (ecx >> 28) & 1, f16c = (ecx >> 29) & 1;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return svc_isa_portable;
    const int avx2 = (ebx >> 5) & 1;
    if (!(fma && avx && f16c && avx2) || (saved & ymm_state) != ymm_state) return svc_isa_portable;
    const int avx512f = (ebx >> 16) & 1, avx512dq = (ebx >> 17) & 1, avx512bw = (ebx >> 30) & 1;
    const int avx512vl = (ebx >> 31) & 1, vnni = (ecx >> 11) & 1;
    if (avx512f && avx512dq && avx512bw && avx512vl && vnni && (saved & zmm_state) == zmm_state) {
        const int tiles = (edx >> 24) & 1, tiles_int8 = (edx >> 25) & 1, tiles_bf16 = (edx >> 22) & 1;
        const int bf16 = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && ((eax >> 5) & 1);
        const int has_all = tiles && tiles_int8 && tiles_bf16 && bf16;
        const int usable = has_all && (saved & tile_state) == tile_state && tiles_granted();
        return usable ? svc_isa_amx : svc_isa_avx512vnni;
    }
    return svc_isa_avx2;
}
#else
svc_isa svc_detect_isa(void) { return svc_isa_portable; }
#endif

const svc_kernels *svc_kernels_for(svc_isa isa) { return isa > svc_detect_isa() ? NULL : svc_kernels_of(isa); }

const svc_kernels *svc_kernels_of(svc_isa isa) {
    switch (isa) {
        case svc_isa_portable: return &svc_kernels_portable;
#if defined(__x86_64__)
        case svc_isa_avx2: return &svc_kernels_avx2;
        case svc_isa_avx512vnni: return &svc_kernels_avx512vnni;
        case svc_isa_amx: return &svc_kernels_amx;
#endif
        default: return NULL;
    }
}
