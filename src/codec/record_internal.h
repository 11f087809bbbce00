/* A record: the cells of one line or series, by slot of a binding, filled key by key.
 *
 * What formats of key=value pairs share: keys are looked up, wanted cells are put in place, a key that
 * the map names beats other spellings of the same field. NDJSON has a quicker way of its own.
 */
#ifndef BB_CODEC_RECORD_INTERNAL_H
#define BB_CODEC_RECORD_INTERNAL_H

#include "codec/binding_internal.h"

enum { BB_RECORD_HINTS = 32 };

struct bb_record {
    struct bb_binding *binding;
    struct bb_cell *cells; /* by slot */
    uint8_t *ranks;        /* which spelling gave the cell; valid where a cell is there */
    uint32_t capacity;
    uint32_t key_count;
    uint32_t hints[BB_RECORD_HINTS]; /* where the keys of the last record were found, in order */
};

/* False: out of memory. */
bool bb_record_init(struct bb_record *record, struct bb_binding *binding);
void bb_record_release(struct bb_record *record);

/* All cells absent. */
void bb_record_begin(struct bb_record *record);

/* The slot of a key: see bb_binding_slot. */
int bb_record_slot(struct bb_record *record, struct bb_span key, bool may_be_channel, int *rank);

enum bb_record_outcome {
    BB_RECORD_PUT = 0,
    BB_RECORD_TWICE, /* the key stands twice, or two keys mean the same */
    BB_RECORD_FULL   /* too many different keys, or out of memory */
};
/* `slot` may be BB_SLOT_NONE (nothing happens) or BB_SLOT_FAILED. */
enum bb_record_outcome bb_record_put(struct bb_record *record, int slot, int rank,
                                     struct bb_cell cell);

/* The slot a field is read from, whatever its column is called; BB_SLOT_NONE. */
int bb_record_field_slot(const struct bb_record *record, enum bb_field field);

/* Is this the slot of a field that nobody named, found by a name of the default conventions? */
static inline bool bb_record_is_default(const struct bb_record *record, int slot,
                                        enum bb_field field) {
    return slot >= 0 && record->binding->field_slot[field] == slot;
}

/* Has any channel of a wide map its value here? */
bool bb_record_has_channel(const struct bb_record *record);

#endif
