/* Words: texts of a small vocabulary (units, qualities, kinds) and what they mean.
 *
 * A source repeats a few words millions of times. Each is understood once and then found by its
 * bytes, the last one first. Words too long for a line of the table, or too many of them, are
 * simply understood again.
 */
#ifndef BB_CODEC_WORD_INTERNAL_H
#define BB_CODEC_WORD_INTERNAL_H

#include "codec/bytes_internal.h"

enum { BB_WORD_MAX = 24, BB_WORDS_MAX = 32 };

struct bb_words {
    uint32_t count;
    uint32_t last;
    struct bb_word {
        char text[BB_WORD_MAX];
        uint32_t size;
        int32_t meaning;
    } items[BB_WORDS_MAX];
};

static inline bool bb_word_is(const struct bb_word *word, const char *text, size_t size) {
    return word->size == size && bb_bytes_equal(word->text, text, size);
}

/* Find a known word's meaning. */
static inline bool bb_words_find(struct bb_words *words, const char *text, size_t size,
                                 int32_t *meaning) {
    if (words->count > 0 && bb_word_is(&words->items[words->last], text, size)) {
        *meaning = words->items[words->last].meaning;
        return true;
    }
    for (uint32_t i = 0; i < words->count; i++)
        if (bb_word_is(&words->items[i], text, size)) {
            words->last = i;
            *meaning = words->items[i].meaning;
            return true;
        }
    return false;
}

static inline void bb_words_learn(struct bb_words *words, const char *text, size_t size,
                                  int32_t meaning) {
    if (size > BB_WORD_MAX || words->count == BB_WORDS_MAX)
        return;
    struct bb_word *word = &words->items[words->count];
    memcpy(word->text, text, size);
    word->size = (uint32_t)size;
    word->meaning = meaning;
    words->last = words->count++;
}

#endif
