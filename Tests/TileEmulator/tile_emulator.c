// What the instructions do: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, at their names
// (LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE, TDPBUSD, TDPBF16PS …) and volume 1, chapter 18. What the manual calls
// an exception ends the program here, with a line that says which rule was broken.
#define _GNU_SOURCE
#include "tile_emulator.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

typedef struct tile { uint8_t rows, row_bytes; uint8_t data[16][64]; } tile;
static __thread struct { int configured; tile tiles[8]; } state;
static __thread long executed;
static struct sigaction before;

static void refuse(const char *rule) {
    static const char prefix[] = "tile emulator: ";
    (void)!write(2, prefix, sizeof prefix - 1);
    (void)!write(2, rule, strlen(rule));
    (void)!write(2, "\n", 1);
    abort();
}

// The registers in the order in which instructions number them.
static const int register_order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                       REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

typedef struct instruction {
    uint8_t opcode, prefix;  // prefix: 0 none, 1 66, 2 F3, 3 F2
    int reg, rm, vvvv, is_memory, has_index;
    uint8_t *address;
    int64_t index;  // the distance of rows
    int length;
} instruction;

// A VEX instruction of map 0F 38, 128 bits, W0; 0 if it is another.
static int decode(const uint8_t *code, const greg_t *registers, instruction *out) {
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return 0;
    const int r = !(code[1] & 0x80), x = !(code[1] & 0x40), b = !(code[1] & 0x20);
    const uint8_t modrm = code[4], mod = modrm >> 6;
    *out = (instruction){.opcode = code[3], .prefix = code[2] & 3, .reg = (modrm >> 3 & 7) + 8 * r,
                         .rm = (modrm & 7) + 8 * b, .vvvv = ~(code[2] >> 3) & 15, .is_memory = mod != 3, .length = 5};
    if (out->opcode != 0x49 && out->opcode != 0x4b && out->opcode != 0x5c && out->opcode != 0x5e) return 0;
    if (mod == 3) return 1;
    uint8_t *base = NULL;
    int has_base = 1, base_register = out->rm;
    if ((modrm & 7) == 4) {
        const uint8_t sib = code[out->length++];
        const int index = (sib >> 3 & 7) + 8 * x;
        out->has_index = index != 4;
        if (out->has_index) out->index = registers[register_order[index]] * (1 << (sib >> 6));
        base_register = (sib & 7) + 8 * b;
        has_base = !((sib & 7) == 5 && mod == 0);
    }
    int32_t displacement = 0;
    if (mod == 1) {
        displacement = (int8_t)code[out->length++];
    } else if (mod == 2 || !has_base || ((modrm & 7) == 5 && mod == 0)) {
        memcpy(&displacement, code + out->length, 4);
        out->length += 4;
    }
    if ((modrm & 7) == 5 && mod == 0) base = (uint8_t *)(uintptr_t)code + out->length;  // relative to the next instruction
    else if (has_base) base = (uint8_t *)registers[register_order[base_register]];
    out->address = base + displacement;
    return 1;
}

static void release(void) { memset(&state, 0, sizeof state); }

static void configure(const uint8_t *memory) {
    if (memory[0] == 0) { release(); return; }
    if (memory[0] != 1) refuse("palette 1 is the only one");
    for (int i = 1; i < 16; i++) if (memory[i]) refuse("a reserved byte, or a row to start at, in a configuration");
    for (int i = 32; i < 48; i++) if (memory[i]) refuse("a reserved byte in a configuration");
    for (int i = 56; i < 64; i++) if (memory[i]) refuse("a reserved byte in a configuration");
    release();
    for (int t = 0; t < 8; t++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, memory + 16 + 2 * t, 2);
        const uint8_t rows = memory[48 + t];
        if (row_bytes > 64 || rows > 16 || !row_bytes != !rows) refuse("a tile of a configuration is too large, or half empty");
        state.tiles[t].rows = rows;
        state.tiles[t].row_bytes = (uint8_t)row_bytes;
    }
    state.configured = 1;
}

static tile *valid(int number) {
    if (!state.configured) refuse("tiles are not configured");
    if (number > 7 || !state.tiles[number].rows) refuse("a tile that is not configured");
    if (state.tiles[number].row_bytes % 4) refuse("rows of a tile that are no whole dwords");
    return &state.tiles[number];
}

static void move(const instruction *i, int load) {
    if (!i->is_memory || !i->has_index) refuse("a tile is loaded or stored by base and distance");
    tile *t = valid(i->reg);
    if (load) memset(t->data, 0, sizeof t->data);
    for (int row = 0; row < t->rows; row++) {
        uint8_t *memory = i->address + row * i->index;
        if (load) memcpy(t->data[row], memory, t->row_bytes);
        else memcpy(memory, t->data[row], t->row_bytes);
    }
}

// Sums of products of bytes: TDPBSSD (F2), TDPBSUD (F3), TDPBUSD (66), TDPBUUD (none); the first letter after TDPB is
// of the rows (rm), the second of the columns (vvvv).
static void multiply(const instruction *i) {
    if (i->is_memory) refuse("a product of tiles in memory");
    tile *c = valid(i->reg), *a = valid(i->rm), *b = valid(i->vvvv);
    if (c == a || c == b || a == b) refuse("a product needs three tiles");
    if (c->rows != a->rows || c->row_bytes != b->row_bytes || a->row_bytes != 4 * b->rows) refuse("shapes of a product of tiles");
    const int a_signed = i->prefix >= 2, b_signed = i->prefix == 3 || i->prefix == 1;
    for (int m = 0; m < c->rows; m++) {
        for (int n = 0; n < c->row_bytes / 4; n++) {
            uint32_t sum;
            memcpy(&sum, c->data[m] + 4 * n, 4);
            for (int k = 0; k < b->rows; k++) {
                for (int byte = 0; byte < 4; byte++) {
                    const uint8_t x = a->data[m][4 * k + byte], y = b->data[k][4 * n + byte];
                    sum += (uint32_t)((a_signed ? (int8_t)x : x) * (b_signed ? (int8_t)y : y));
                }
            }
            memcpy(c->data[m] + 4 * n, &sum, 4);
        }
    }
}

// Sums of products of pairs of bfloat16: TDPBF16PS. Even and odd numbers have sums of their own, which fuse, round to
// nearest, and know no subnormal numbers.
__attribute__((target("avx512f"))) static void multiply_bfloat16(const instruction *i) {
    if (i->is_memory) refuse("a product of tiles in memory");
    tile *c = valid(i->reg), *a = valid(i->rm), *b = valid(i->vvvv);
    if (c == a || c == b || a == b) refuse("a product needs three tiles");
    if (c->rows != a->rows || c->row_bytes != b->row_bytes || a->row_bytes != 4 * b->rows) refuse("shapes of a product of tiles");
    const unsigned kept = _mm_getcsr();
    _mm_setcsr(0x9fc0);  // no exceptions, round to nearest, subnormal numbers are zeros
    const __m512i odd_bits = _mm512_set1_epi32((int)0xffff0000);
    for (int m = 0; m < c->rows; m++) {
        __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
        for (int k = 0; k < b->rows; k++) {
            uint32_t pair;
            memcpy(&pair, a->data[m] + 4 * k, 4);
            const __m512i columns = _mm512_loadu_si512(b->data[k]);
            const __m512 low = _mm512_castsi512_ps(_mm512_set1_epi32((int)(pair << 16)));
            const __m512 high = _mm512_castsi512_ps(_mm512_set1_epi32((int)(pair & 0xffff0000)));
            even = _mm512_fmadd_ps(low, _mm512_castsi512_ps(_mm512_slli_epi32(columns, 16)), even);
            odd = _mm512_fmadd_ps(high, _mm512_castsi512_ps(_mm512_and_si512(columns, odd_bits)), odd);
        }
        const __m512 sums = _mm512_add_ps(_mm512_loadu_ps(c->data[m]), _mm512_add_ps(even, odd));
        const __mmask16 columns = (__mmask16)((1u << c->row_bytes / 4) - 1);
        _mm512_mask_storeu_ps(c->data[m], columns, sums);
    }
    _mm_setcsr(kept);
}

static void handle(int signal, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    instruction i;
    if (!decode((const uint8_t *)registers[REG_RIP], registers, &i)) {
        if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, context);
        else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) before.sa_handler(signal);
        else abort();
        return;
    }
    if (i.opcode == 0x5e) multiply(&i);
    else if (i.opcode == 0x5c && i.prefix == 2) multiply_bfloat16(&i);
    else if (i.opcode == 0x4b && (i.prefix == 3 || i.prefix == 1)) move(&i, 1);
    else if (i.opcode == 0x4b && i.prefix == 2) move(&i, 0);
    else if (i.opcode == 0x49 && i.prefix == 3 && !i.is_memory) memset(valid(i.reg)->data, 0, sizeof state.tiles[0].data);
    else if (i.opcode == 0x49 && i.prefix == 0 && i.is_memory) configure(i.address);
    else if (i.opcode == 0x49 && i.prefix == 0) release();
    else refuse("an instruction that the kernels do not use");
    executed++;
    registers[REG_RIP] += i.length;
}

// What is emulated is tiles: conversions to bfloat16 (AVX512_BF16), which every processor with AMX has, it must have.
static int converts_bfloat16(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1);
}

int svc_emulate_tiles(void) {
    static int installed;
    if (!installed && converts_bfloat16()) {
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
        action.sa_sigaction = handle;
        sigemptyset(&action.sa_mask);
        installed = sigaction(SIGILL, &action, &before) == 0;
    }
    return installed;
}
long svc_tile_instructions(void) { return executed; }
#else
int svc_emulate_tiles(void) { return 0; }
long svc_tile_instructions(void) { return 0; }
#endif
