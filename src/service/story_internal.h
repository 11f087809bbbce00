/* What the parts of the story share: story.c finds the value, its versions and findings, story_period.c
 * and story_register.c have the recipes of periods, story_words.c says what is told in words. */
#ifndef BB_SERVICE_STORY_INTERNAL_H
#define BB_SERVICE_STORY_INTERNAL_H

#include "service/query_internal.h"
#include "service/story.h"

struct bb_story_work {
    struct bb_query_channel *c;
    struct bb_story *story;
    struct bb_arena *arena; /* the story's */
    bool made;              /* the lane vee as of then is in `plan`; else it is stored */
    struct bb_plan plan;
    struct bb_buffer made_blocks;
};

struct bb_story_rows { /* of a lane, in the arena */
    struct bb_story_value *items;
    size_t count, capacity;
    struct bb_arena *arena;
    bool full;
};

/* Append the rows of a lane with from < end <= to (instants: from <= end < to). */
int bb_story_rows(struct bb_story_work *w, enum bb_lane lane, int64_t from_ms, int64_t to_ms,
                  struct bb_story_rows *out, struct bb_error *error) BB_MUST_USE;

/* A block of the lane vee, current or as of then. */
int bb_story_vee_block(struct bb_story_work *w, int32_t day, struct bb_block *out,
                       struct bb_error *error) BB_MUST_USE;

/* Room for one more item of a list in an arena; the items may move. */
bool bb_story_grow(struct bb_arena *arena, void **items, size_t count, size_t *capacity,
                   size_t size) BB_MUST_USE;

/* A period while its recipe is told. */
struct bb_story_recipe {
    struct bb_story_work *w;
    struct bb_story_period *p;
    int64_t start_ms, end_ms;
    size_t capacity, aside_capacity;
    bool full; /* memory was out */
};
/* Set the amount of a part from its whole, x 10^exponent. */
void bb_story_cut(struct bb_story_recipe *r, struct bb_story_part *part, bb_wide whole,
                  int exponent);
void bb_story_add_part(struct bb_story_recipe *r, const struct bb_story_part *part);
int bb_story_tell_registers(struct bb_story_recipe *r, struct bb_error *error) BB_MUST_USE;

/* Master data of the usage point, as of then; BB_ABSENT: none. */
int bb_story_master(struct bb_story_work *w, struct bb_master_usage_point *out,
                    struct bb_error *error) BB_MUST_USE;

int bb_story_tell_period(struct bb_story_work *w, struct bb_error *error) BB_MUST_USE;

/* Why versions[at] does not stand and versions[winner] does. */
const char *bb_story_why(const struct bb_story_version *versions, size_t count, size_t at,
                         size_t winner);
/* By what they claim: rank, issued, received, line (derive/merge.h). */
int bb_story_claim_order(const struct bb_story_version *a, const struct bb_story_version *b);
/* The evidence of a finding in words, in the arena; data NULL when it is full. */
struct bb_span bb_story_evidence(const struct bb_finding *finding, struct bb_arena *arena);

#endif
