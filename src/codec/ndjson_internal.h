/* The inside of the NDJSON decoder: objects to cells. */
#ifndef BB_CODEC_NDJSON_INTERNAL_H
#define BB_CODEC_NDJSON_INTERNAL_H

#include "codec/binding_internal.h"
#include "codec/json_scan_internal.h"

/* The cells of one object, by slot of the binding. */
struct bb_object {
    struct bb_binding *binding;
    struct bb_cell *cells;
    uint8_t *ranks; /* which spelling gave the cell; valid where a cell is there */
    uint32_t capacity;
    struct bb_error reason; /* when reading fails: what is wrong with the object */
};

bool bb_object_init(struct bb_object *object, struct bb_binding *binding);
void bb_object_release(struct bb_object *object);

/* Read the object at json->at ('{') in any order of its keys; afterwards json->at stands behind it.
 * False: json->problem says what is wrong, or object->reason when that is NULL. */
bool bb_object_read(struct bb_object *object, struct bb_json_scan *json);

#endif
