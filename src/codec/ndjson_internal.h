/* The inside of the NDJSON decoder: objects to cells.
 *
 * Writers of NDJSON write every line alike. So an object is read once as a stranger, key by key
 * (ndjson_object.c), and then its form is known: what stands between the values, byte by byte.
 *
 *   {"usage_point":" 8716... ","channel":" 1.29.0 ","timestamp":" ... ","value": 0.123 ,"unit":" kWh "}
 *   └── literal ──┘  token   └─ literal ─┘  token  └── literal ──┘
 *
 * A line of a known form is compared with the literals and cut at the tokens (ndjson_form.c); the
 * comparison is the proof that the keys are the same. Whatever does not compare is read as a
 * stranger again.
 */
#ifndef BB_CODEC_NDJSON_INTERNAL_H
#define BB_CODEC_NDJSON_INTERNAL_H

#include "codec/binding_internal.h"
#include "codec/json_scan_internal.h"

enum { BB_FORMS = 4, BB_FORM_TOKENS = 32, BB_FORM_BYTES = 1024, BB_KEY_HINTS = 32 };

struct bb_form_token {
    uint16_t literal_size; /* of the bytes in front of it */
    uint16_t literal_at;
    uint8_t type;  /* BB_CELL_TEXT or BB_CELL_NUMBER */
    uint32_t size; /* of the text in the last object of this form: mostly it is the same again */
    int32_t slot;  /* BB_SLOT_NONE: nobody wants it */
};

/* Which cells an object has, and whether that makes it one plain reading. */
struct bb_present {
    uint64_t slots; /* a bit each; slots past 63 are never part of a plain reading */
    bool is_plain;
    struct bb_plain_slots plain;
};

struct bb_form {
    uint32_t token_count; /* behind them stands one more, which is only a literal */
    struct bb_present present;
    struct bb_form_token tokens[BB_FORM_TOKENS + 1];
    char literals[BB_FORM_BYTES];
};

/* A value met while an object is read as a stranger. */
struct bb_met {
    struct bb_cell cell;
    int32_t slot;
};

/* The cells of one object, by slot of the binding. */
struct bb_object {
    struct bb_binding *binding;
    struct bb_cell *cells;
    uint8_t *ranks; /* which spelling gave the cell; valid where a cell is there */
    uint32_t capacity;
    const struct bb_present *present; /* of the object read last */
    struct bb_error reason;           /* when reading fails: what is wrong with the object */

    uint32_t hints[BB_KEY_HINTS]; /* where the keys of the last object were found, in its order */
    uint32_t key_count;
    struct bb_met met[BB_FORM_TOKENS];
    uint32_t met_count; /* more than BB_FORM_TOKENS: too many for a form */
    bool formable;      /* no escapes, no nulls and the like among what is wanted */
    uint64_t slots;     /* met so far */
    struct bb_present stranger;

    struct bb_form forms[BB_FORMS];
    uint32_t form_count, form_next;
    struct bb_form *form; /* that the cells belong to; NULL: read as a stranger */
    int32_t credit;       /* forms are learned as long as they are used */
};

bool bb_object_init(struct bb_object *object, struct bb_binding *binding);
void bb_object_release(struct bb_object *object);

/* Read the object at json->at ('{') in any order of its keys; afterwards json->at stands behind it.
 * False: json->problem says what is wrong, or object->reason when that is NULL. */
bool bb_object_read(struct bb_object *object, struct bb_json_scan *json);

/* The same for an object of a known form; false: it has none, and nothing has happened. */
bool bb_object_recall(struct bb_object *object, struct bb_json_scan *json);

/* Learn the form of the object from `begin` to `end` that has just been read as a stranger. */
void bb_object_learn(struct bb_object *object, const char *begin, const char *end);

#endif
