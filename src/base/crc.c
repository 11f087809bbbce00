/* CRC32C: the SSE4.2 or ARMv8 instruction where the processor has it, else a table of 8 slices.
 * The choice is made once, at load time, by a constructor; after that the pointer never changes. */
#include "base/crc.h"

#include <string.h>

static uint32_t table[8][256];

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t size) {
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
              table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^
              table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
        p += 8;
        size -= 8;
    }
    while (size--)
        crc = table[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p,
                                                                     size_t size) {
    uint64_t wide = crc;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
        p += 8;
        size -= 8;
    }
    crc = (uint32_t)wide;
    while (size--)
        crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
static int has_instruction(void) {
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
__attribute__((target("+crc"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p,
                                                                   size_t size) {
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
        p += 8;
        size -= 8;
    }
    while (size--)
        crc = __crc32cb(crc, *p++);
    return crc;
}
static int has_instruction(void) {
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
#else
#define crc_by_instruction crc_by_table
static int has_instruction(void) {
    return 0;
}
#endif

static uint32_t (*crc_best)(uint32_t, const uint8_t *, size_t);

__attribute__((constructor)) static void choose(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xff];
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    crc_best = has_instruction() ? crc_by_instruction : crc_by_table;
}

uint32_t bb_crc32c(uint32_t crc, const void *data, size_t size) {
    return ~crc_best(~crc, data, size);
}
