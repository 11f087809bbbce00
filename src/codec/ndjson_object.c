/* Objects in any order of keys: see ndjson_internal.h. Keys that nobody wants are passed over. */
#include "codec/ndjson_internal.h"

#include <stdlib.h>

enum { PATH_MAX_BYTES = 256 };

static bool reserve(struct bb_object *object, uint32_t count) {
    if (count <= object->capacity)
        return true;
    uint32_t capacity = count * 2;
    struct bb_cell *cells = realloc(object->cells, capacity * sizeof *cells);
    if (cells)
        object->cells = cells;
    uint8_t *ranks = cells ? realloc(object->ranks, capacity) : NULL;
    if (!ranks)
        return false;
    object->ranks = ranks;
    memset(cells + object->capacity, 0, (capacity - object->capacity) * sizeof *cells);
    object->capacity = capacity;
    return true;
}

bool bb_object_init(struct bb_object *object, struct bb_binding *binding) {
    *object = (struct bb_object){.binding = binding, .credit = BB_FORMS * 64};
    return reserve(object, binding->slot_count + 1);
}

void bb_object_release(struct bb_object *object) {
    free(object->cells);
    free(object->ranks);
}

/* Where in the objects around it a key stands: "tags." */
struct path {
    char text[PATH_MAX_BYTES];
    size_t size;
};

/* For the form: a wanted value that is no text or number has none, nor has a text with escapes,
 * which is not where the object is. */
static void remember(struct bb_object *object, const struct bb_cell *cell, int slot) {
    bool token = cell->type == BB_CELL_TEXT || cell->type == BB_CELL_NUMBER;

    if (object->met_count < BB_FORM_TOKENS)
        object->met[object->met_count] = (struct bb_met){*cell, slot};
    object->met_count++;
    object->formable &= token || slot == BB_SLOT_NONE;
}

static bool put_cell(struct bb_object *object, struct bb_json_scan *json, struct bb_span key,
                     const struct bb_cell *cell, bool top) {
    uint32_t *hint = &object->hints[object->key_count++ % BB_KEY_HINTS];
    int rank, slot = bb_binding_slot(object->binding, key, top && cell->type == BB_CELL_NUMBER,
                                     hint, &rank);

    remember(object, cell, slot);
    if (slot == BB_SLOT_NONE)
        return true;
    if (slot == BB_SLOT_FAILED || !reserve(object, object->binding->slot_count))
        return bb_json_scan_fail(json, "there are too many different keys");
    struct bb_cell *place = &object->cells[slot];
    if (place->type != BB_CELL_ABSENT && object->ranks[slot] == rank) {
        char name[BB_EXCERPT_MAX];
        BB_FAIL(&object->reason, BB_E_SYNTAX,
                "the key \"%s\" stands twice, or two keys mean the same",
                bb_row_excerpt(key, name));
        return false;
    }
    if (place->type == BB_CELL_ABSENT || rank < object->ranks[slot]) {
        object->slots |= slot < 64 ? 1ULL << slot : 0;
        *place = *cell;
        object->ranks[slot] = (uint8_t)rank;
    }
    return true;
}

static bool read_members(struct bb_object *object, struct bb_json_scan *json, struct path *path,
                         unsigned depth);

/* A member whose key has been read; json->at stands on its value. */
static bool read_member(struct bb_object *object, struct bb_json_scan *json, struct path *path,
                        struct bb_span key, unsigned depth) {
    const size_t size = path->size;
    struct bb_span name = key;
    struct bb_cell value;

    if (size > 0) {
        if (size + key.size > PATH_MAX_BYTES - 1)
            return bb_json_scan_value(json, &value);
        memcpy(path->text + size, key.data, key.size);
        name = (struct bb_span){path->text, size + key.size};
    }
    if (*json->at == '{' && depth < BB_JSON_DEPTH_MAX && name.size < PATH_MAX_BYTES - 1 &&
        bb_binding_wants_inside(object->binding, name)) {
        memmove(path->text, name.data, name.size);
        path->text[name.size] = '.';
        path->size = name.size + 1;
        bool good = read_members(object, json, path, depth + 1);
        path->size = size;
        return good;
    }
    return bb_json_scan_value(json, &value) && put_cell(object, json, name, &value, size == 0);
}

static bool read_members(struct bb_object *object, struct bb_json_scan *json, struct path *path,
                         unsigned depth) {
    struct bb_cell key;

    json->at++;
    bb_json_scan_blanks(json);
    if (*json->at == '}') {
        json->at++;
        return true;
    }
    for (;;) {
        if (*json->at != '"')
            return bb_json_scan_fail(json, "a key in quotes is expected");
        if (!bb_json_scan_text(json, &key))
            return false;
        bb_json_scan_blanks(json);
        if (*json->at != ':')
            return bb_json_scan_fail(json, "a ':' is expected");
        json->at++;
        bb_json_scan_blanks(json);
        if (!read_member(object, json, path, bb_cell_span(key), depth))
            return false;
        bb_json_scan_blanks(json);
        char c = *json->at;
        if (c != ',' && c != '}')
            return bb_json_scan_fail(json, "a ',' or '}' is expected");
        json->at++;
        if (c == '}')
            return true;
        bb_json_scan_blanks(json);
    }
}

bool bb_object_read(struct bb_object *object, struct bb_json_scan *json) {
    struct path path;

    path.size = 0;
    json->problem = NULL;
    object->form = NULL;
    object->key_count = object->met_count = 0;
    object->formable = true;
    object->slots = 0;
    json->escapes = false;
    for (uint32_t i = 0; i < object->binding->slot_count; i++)
        object->cells[i].type = BB_CELL_ABSENT;
    const char *begin = json->at;
    if (!read_members(object, json, &path, 0))
        return false;
    if (object->slots != object->stranger.slots) {
        object->stranger.slots = object->slots;
        object->stranger.is_plain = bb_binding_plain(object->binding, object->slots,
                                                     &object->stranger.plain);
    }
    object->present = &object->stranger;
    if (!json->escapes)
        bb_object_learn(object, begin, json->at);
    return true;
}
