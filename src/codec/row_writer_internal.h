/* The inside of a row writer, shared by the files row*.c. See row_internal.h for the idea. */
#ifndef BB_CODEC_ROW_WRITER_INTERNAL_H
#define BB_CODEC_ROW_WRITER_INTERNAL_H

#include "codec/bytes_internal.h"
#include "codec/local_time_internal.h"
#include "codec/row_internal.h"
#include "codec/time_text_internal.h"

enum {
    BB_REJECTS_MAX = 1000000,
    BB_NOTE_NONE = UINT32_MAX,
    BB_QUALITY_OTHER = -1,   /* a quality that is no known word: understand it again */
    BB_ATTRIBUTE_CACHE = 128 /* slots, a power of two */
};

/* The values of a row's cells. */
struct bb_row_values {
    uint32_t note; /* of its series; BB_NOTE_NONE: to be found by hash */
    uint32_t hash; /* then */
    uint32_t said; /* of its unit, kind and length, see bb_note_said */
    int16_t unit;  /* -1: the row gives none */
    int8_t exponent;
    uint8_t kind; /* BB_KIND_UNKNOWN: the row gives none */
    uint8_t commodity;
    bool missing; /* no value */
    bool odd;     /* cannot be used as it is: row_explain.c says why */
    bool stamp_local, start_local, issued_local; /* civil times, as if UTC */
    int32_t quality;   /* index of the writer's qualities, or BB_QUALITY_OTHER */
    int64_t stamp_ms;  /* the end of an interval, or the moment; BB_TIME_NONE: only start */
    int64_t start_ms;  /* BB_TIME_NONE: not given */
    int64_t issued_ms; /* BB_TIME_NONE: not given */
    int64_t mantissa;
    struct bb_interval interval; /* seconds 0: the row gives none */
    const struct bb_zone *zone;  /* of its local times; NULL: none is known */
};

/* What the writer knows of a series: how rows call it, and what has become of that in this run.
 * Rows that state a unit, a kind or a length and rows that leave it open have notes of their own,
 * so that the order of rows decides nothing. Two notes share a cache line. */
enum {
    BB_NOTE_INTERVAL = 1, /* the series is of intervals */
    BB_NOTE_UNIT = 2,     /* its unit is known: said by the row, the map or the registry */
    BB_NOTE_PLAIN = 4     /* no multiplier, no intervals of a calendar */
};
struct bb_series_note {
    const char *names; /* the usage point's, and behind it the channel's */
    const struct bb_channel_rule *rule;
    uint32_t series;   /* of the table */
    uint32_t length_s; /* of its intervals when no row says otherwise; 0: instants */
    uint32_t said;     /* see bb_note_said */
    uint8_t usage_point_size, channel_size;
    uint8_t unit;
    uint8_t flags;
};
_Static_assert(sizeof(struct bb_series_note) == 32, "two notes share a cache line");

/* What a row states itself: unit (-1: it does not), kind (unknown), a length. */
static inline uint32_t bb_note_said(int unit, int kind, bool length) {
    return (uint32_t)(unit + 1) | (uint32_t)kind << 8 | (uint32_t)length << 16;
}

/* Notes in the order of first sight, and a table of slots: hash in the upper half, index + 1. */
struct bb_notes {
    struct bb_series_note *items;
    uint64_t *slots;
    uint32_t count, capacity, slot_count;
    struct bb_arena names;
    uint32_t last;   /* of the row before */
    uint32_t streak; /* good guesses in a row */
    uint32_t step;   /* how the guess that was right last came from the one before: 0 or 1 */
};

struct bb_series_memory {
    struct bb_notes notes; /* not while a run has them */
};
void bb_notes_init(struct bb_notes *notes, size_t names_limit_bytes);
void bb_notes_release(struct bb_notes *notes);

/* All that is behind an attribute whose quality is a known word, in eight bytes. */
#define BB_KEY_LENGTH_SHIFT  32
#define BB_KEY_QUALITY_SHIFT 26 /* index of the writer's qualities */
enum {
    BB_KEY_MISSING = 1 << 25,
    BB_KEY_AMBIGUOUS = 1 << 24, /* the marks */
    BB_KEY_ASSUMED = 1 << 23,
    BB_KEY_USED = 1 << 22, /* a key is never 0 */
    BB_KEY_UNIT_SHIFT = 8  /* and the exponent below */
};

struct bb_row_writer {
    struct bb_row_group group;
    struct bb_row_values values[BB_ROW_GROUP];

    const struct bb_decode_options *options;
    const struct bb_map *map;
    struct bb_series_table *table;
    const struct bb_decode_sink *sink;
    const struct bb_zone *zone; /* of times without offset, NULL: none */
    struct bb_zone_set *own_zones;
    int64_t latest_ms; /* times beyond are refused */

    char delimiter;
    char point;          /* the decimal point; 0: not known yet */
    bool missing_first;  /* a number may be listed as missing */
    bool plain_ready;    /* the point is known, and no number means that there is none */
    uint64_t point_line; /* where the point was seen first */

    struct bb_notes notes;
    struct bb_local_memory *memories; /* by series; NULL until a local time comes */
    uint32_t memory_capacity;
    struct bb_local_day day;
    struct bb_time_memory stamp_text, start_text, issued_text;

    struct bb_words units, kinds, commodities, quality_words, interval_words, zone_words;
    struct bb_quality qualities[BB_WORDS_MAX + 1]; /* [0] is measured and unmarked */
    struct bb_interval intervals[BB_WORDS_MAX];
    const struct bb_zone *zones[BB_WORDS_MAX];

    struct bb_attribute_entry {
        uint64_t key; /* 0: free */
        uint32_t index;
    } attributes[BB_ATTRIBUTE_CACHE], last_attribute;
    struct bb_batch batch;

    uint64_t reject_count;
    uint64_t rejected_line; /* the last line that was reported */
};

/* row_parse.c: cells to values; sets values->odd when a cell cannot be used. */
void bb_row_parse(struct bb_row_writer *writer, const struct bb_row *row,
                  struct bb_row_values *values);
/* The parts of it that the explainer asks again; false when the text is not understood. */
bool bb_row_quality(struct bb_row_writer *writer, struct bb_span text, struct bb_quality *out);
bool bb_row_value(struct bb_row_writer *writer, const struct bb_row *row,
                  struct bb_row_values *values, enum bb_decimal_outcome *outcome);
bool bb_row_time(struct bb_row_writer *writer, struct bb_time_memory *memory,
                 const struct bb_row *row, enum bb_field field, int64_t *ms, bool *local);
int bb_row_unit(struct bb_row_writer *writer, struct bb_span text);

/* row_attribute.c: the index of an attribute in the batch; UINT32_MAX when memory is out. */
uint32_t bb_row_attribute(struct bb_row_writer *writer, uint64_t key);
/* With a quality that is no known word; the key's own is not looked at. */
uint32_t bb_row_attribute_of(struct bb_row_writer *writer, uint64_t key,
                             const struct bb_quality *quality);

/* row_explain.c: why the row cannot be used. Returns 0 with *reason filled, or the negative error
 * that ends the whole file. */
int bb_row_explain(struct bb_row_writer *writer, const struct bb_row *row, struct bb_error *reason,
                   struct bb_error *error) BB_MUST_USE;

/* row_series.c */
static inline bool bb_note_is(const struct bb_series_note *note, const struct bb_cell *usage_point,
                              const struct bb_cell *channel, uint32_t said) {
    return note->usage_point_size == usage_point->size && note->channel_size == channel->size &&
           note->said == said &&
           bb_bytes_equal(note->names, usage_point->data, usage_point->size) &&
           bb_bytes_equal(note->names + usage_point->size, channel->data, channel->size);
}

/* The note of a row, by the row before: the same one, or the next one. */
static inline uint32_t bb_note_guess(struct bb_notes *notes, uint32_t last,
                                     const struct bb_cell *usage_point,
                                     const struct bb_cell *channel, uint32_t said) {
    if (last >= notes->count)
        return BB_NOTE_NONE;
    for (int attempt = 0; attempt < 2; attempt++) {
        uint32_t guess = last + notes->step;
        guess = guess < notes->count ? guess : 0;
        if (bb_note_is(&notes->items[guess], usage_point, channel, said))
            return guess;
        notes->step ^= 1;
    }
    return BB_NOTE_NONE;
}

uint32_t bb_note_hash(const struct bb_cell *usage_point, const struct bb_cell *channel,
                      uint32_t said);
/* BB_NOTE_NONE when there is none. */
uint32_t bb_note_find(const struct bb_notes *notes, uint32_t hash,
                      const struct bb_cell *usage_point, const struct bb_cell *channel,
                      uint32_t said);
void bb_row_guess_notes(struct bb_row_writer *writer);
void bb_row_prefetch_notes(struct bb_row_writer *writer);
/* The row's note, found or made; *reason is filled for a BB_ROW_REJECTED row. */
enum bb_row_outcome { BB_ROW_OK = 0, BB_ROW_REJECTED = 1 };
int bb_row_find_note(struct bb_row_writer *writer, const struct bb_row *row,
                     struct bb_row_values *values, struct bb_error *reason, struct bb_error *error)
    BB_MUST_USE;

#endif
