// Private: the tables that the instruction-set files define and dispatch.c chooses from.
#pragma once
#include "ckernels.h"

extern const svc_kernels svc_kernels_portable;
#if defined(__x86_64__)
extern const svc_kernels svc_kernels_avx2;
extern const svc_kernels svc_kernels_avx512vnni;
#endif
