/* The common number: up to 15 digits, perhaps a sign and a point, in padded memory.
 *
 * bb_decimal_parse (model/decimal.h) is the definition and reads what this one declines. Here the
 * text may be loaded past its end, so that eight characters come with one load and a shift:
 *
 *   text   1 2 . 5 , k W h        shifted up: the last character in the highest byte,
 *   word   . . . . 1 2 . 5        zeros below; then the point is squeezed out: 0 0 0 0 0 1 2 5
 */
#ifndef BB_CODEC_NUMBER_TEXT_INTERNAL_H
#define BB_CODEC_NUMBER_TEXT_INTERNAL_H

#include "codec/bytes_internal.h"

/* Eight times the same byte. */
#define BB_EIGHT(byte) (0x0101010101010101ULL * (byte))

/* 1 to 8 characters, each less '0', the last in the highest byte. */
static inline uint64_t bb_digits_up(const char *text, size_t size) {
    unsigned shift = 64 - 8 * (unsigned)size;
    return (bb_load_word(text) ^ BB_EIGHT('0')) << shift;
}

/* The top bit of each byte that is no digit 0..9. */
static inline uint64_t bb_not_digits(uint64_t word) {
    return (word | (word + BB_EIGHT(0x7f - 9))) & BB_EIGHT(0x80);
}

/* The number that eight digits spell: pairs, fours, all. */
static inline uint64_t bb_digits_value(uint64_t word) {
    word = word * 10 + (word >> 8);
    return ((word & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32)) +
            (word >> 16 & 0x000000ff000000ffULL) * (1 + (10000ULL << 32))) >>
           32;
}

/* Take out the byte marked in `at`; what stands before it in the text moves up. */
static inline uint64_t bb_digits_squeeze(uint64_t word, uint64_t at) {
    uint64_t before = (at >> 7) - 1, behind = ~(at | (at - 1));
    return (word & behind) | (word & before) << 8;
}

static inline bool bb_is_one_point(uint64_t word, uint64_t bad, char point) {
    return (bad & (bad - 1)) == 0 &&
           (uint8_t)(word >> (__builtin_ctzll(bad) - 7)) == ((uint8_t)point ^ '0');
}

/* False: not that common, ask bb_decimal_parse. */
static inline bool bb_number_quick(const char *text, size_t size, char point, int64_t *mantissa,
                                   int8_t *exponent) {
    const bool negative = size > 0 && *text == '-';
    uint64_t value;
    int fraction = 0;

    text += negative;
    size -= negative;
    if (size - 1 >= 15)
        return false;
    if (size <= 8) {
        uint64_t word = bb_digits_up(text, size), bad = bb_not_digits(word);
        if (bad) {
            if (size == 1 || !bb_is_one_point(word, bad, point))
                return false;
            fraction = __builtin_clzll(bad) / 8;
            word = bb_digits_squeeze(word, bad);
        }
        value = bb_digits_value(word);
    } else {
        uint64_t high = bb_digits_up(text + size - 8, 8), low = bb_digits_up(text, size - 8);
        uint64_t bad_high = bb_not_digits(high), bad_low = bb_not_digits(low);
        if (bad_high) {
            if (bad_low || !bb_is_one_point(high, bad_high, point))
                return false;
            fraction = __builtin_clzll(bad_high) / 8;
            high = bb_digits_squeeze(high, bad_high) | low >> 56;
            low <<= 8;
        } else if (bad_low) {
            if (!bb_is_one_point(low, bad_low, point))
                return false;
            fraction = 8 + __builtin_clzll(bad_low) / 8;
            low = bb_digits_squeeze(low, bad_low);
        }
        value = bb_digits_value(low) * 100000000 + bb_digits_value(high);
    }
    *mantissa = negative ? -(int64_t)value : (int64_t)value;
    *exponent = (int8_t)-fraction;
    return true;
}

#endif
