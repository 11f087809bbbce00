/* Eight decimal digits at a time: what the parsers of numbers and times share.
 *
 * Text is loaded into a 64-bit word, first character in the lowest byte, and taken apart with a
 * handful of multiplications instead of a loop per character. Nothing here reads past its argument.
 */
#ifndef BB_MODEL_DIGITS_INTERNAL_H
#define BB_MODEL_DIGITS_INTERNAL_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are taken apart low byte first");

#define BB_BYTES_OF(byte) (0x0101010101010101ULL * (byte))

static inline uint64_t bb_load_8(const char *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint64_t bb_load_4(const char *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* The number that eight bytes of 0..9 spell, most significant in the lowest byte: neighbours are
 * joined to pairs, pairs to fours, fours to the whole. */
static inline uint64_t bb_join_8_digits(uint64_t digits) {
    const uint64_t mask = 0x000000ff000000ffULL;
    uint64_t pairs = digits * 10 + (digits >> 8);

    return ((pairs & mask) * (100 + (1000000ULL << 32)) +
            ((pairs >> 16) & mask) * (1 + (10000ULL << 32))) >>
           32;
}

static inline int bb_is_digit(char c) {
    return (unsigned char)(c - '0') <= 9;
}

#endif
