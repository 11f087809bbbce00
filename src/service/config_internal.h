/* The table of configuration keys, shared by the reader (config_read.c) and the printer (config.c).
 *
 * A key is a dotted path. The plain ones are rows of one table; those of the pipelines are made from
 * the tables of checks and estimators, so that a new check has its keys at once:
 *
 *   log.partitions
 *   pipelines.water.checks.gap             on | off, or the first parameter
 *   pipelines.water.estimate.linear.limit
 */
#ifndef BB_SERVICE_CONFIG_INTERNAL_H
#define BB_SERVICE_CONFIG_INTERNAL_H

#include "service/config.h"

enum { BB_CONFIG_KEY_MAX = 96, BB_CONFIG_KEYS_MAX = 1024, BB_CONFIG_TEXT_MAX = 48 };

enum bb_config_unit {
    BB_CONFIG_COUNT,
    BB_CONFIG_BYTES,
    BB_CONFIG_DURATION,
    BB_CONFIG_SWITCH,
    BB_CONFIG_STEP,
    BB_CONFIG_PATH, /* char[BB_CONFIG_PATH_MAX] */
    BB_CONFIG_WORD  /* likewise: a name or an address, nothing on this disk */
};

struct bb_config_key {
    char name[BB_CONFIG_KEY_MAX]; /* dotted */
    enum bb_config_unit unit;
    size_t offset;             /* in struct bb_config, of an int64_t or of a struct bb_step */
    int64_t initial, min, max; /* steps: 1, 0, 1 */
    const char *initial_text;  /* paths and words; NULL: empty */
    const char *help;
    const struct bb_step_row *step; /* of the step itself and of its parameters; else NULL */
};

struct bb_config_keys {
    struct bb_config_key *items;
    size_t count;
};

/* All keys, in the order in which they are printed. */
int bb_config_keys_make(struct bb_config_keys *keys, struct bb_error *error) BB_MUST_USE;
void bb_config_keys_release(struct bb_config_keys *keys);

/* NULL when there is none of that name. */
const struct bb_config_key *bb_config_key_find(const struct bb_config_keys *keys, const char *name);

/* A value of a key as text, and back; set says false when `text` is not one (range included). */
void bb_config_value_format(const struct bb_config_key *key, int64_t value, char *buffer);
bool bb_config_value_set(const struct bb_config_key *key, struct bb_span text,
                         struct bb_config *config) BB_MUST_USE;

static inline bool bb_config_is_text(const struct bb_config_key *key) {
    return key->unit == BB_CONFIG_PATH || key->unit == BB_CONFIG_WORD;
}
static inline int64_t *bb_config_field(const struct bb_config_key *key, struct bb_config *config) {
    return (int64_t *)(void *)((char *)config + key->offset);
}
static inline struct bb_step *bb_config_step(const struct bb_config_key *key,
                                             struct bb_config *config) {
    return (struct bb_step *)(void *)((char *)config + key->offset);
}

#endif
