/* A tagged record: the cells of one line or series, by slot of a binding, filled key by key.
 *
 * What formats of key=value pairs share: keys are looked up, wanted cells are put in place, a key that
 * the map names beats other spellings of the same field. NDJSON has a quicker way of its own.
 */
#ifndef BB_CODEC_TAGGED_INTERNAL_H
#define BB_CODEC_TAGGED_INTERNAL_H

#include "codec/binding_internal.h"

enum { BB_TAGGED_HINTS = 32 };

struct bb_tagged {
    struct bb_binding *binding;
    struct bb_cell *cells; /* by slot */
    uint8_t *ranks;        /* which spelling gave the cell; valid where a cell is there */
    uint32_t capacity;
    uint32_t key_count;
    uint32_t hints[BB_TAGGED_HINTS]; /* where the keys of the last record were found, in order */
};

/* False: out of memory. */
bool bb_tagged_init(struct bb_tagged *record, struct bb_binding *binding);
void bb_tagged_release(struct bb_tagged *record);

/* All cells absent. */
void bb_tagged_begin(struct bb_tagged *record);

/* The slot of a key: see bb_binding_slot. */
int bb_tagged_slot(struct bb_tagged *record, struct bb_span key, bool may_be_channel, int *rank);

enum bb_tagged_outcome {
    BB_TAGGED_PUT = 0,
    BB_TAGGED_TWICE, /* the key stands twice, or two keys mean the same */
    BB_TAGGED_FULL   /* too many different keys, or out of memory */
};
/* `slot` may be BB_SLOT_NONE (nothing happens) or BB_SLOT_FAILED. */
enum bb_tagged_outcome bb_tagged_put(struct bb_tagged *record, int slot, int rank,
                                     struct bb_cell cell);

/* The slot a field is read from, whatever its column is called; BB_SLOT_NONE. */
int bb_tagged_field_slot(const struct bb_tagged *record, enum bb_field field);

/* Is this the slot of a field that nobody named, found by a name of the default conventions? */
static inline bool bb_tagged_is_default(const struct bb_tagged *record, int slot,
                                        enum bb_field field) {
    return slot >= 0 && record->binding->field_slot[field] == slot;
}

/* Has any channel of a wide map its value here? */
bool bb_tagged_has_channel(const struct bb_tagged *record);

#endif
