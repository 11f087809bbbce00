/* What the parts of the story share: story.c finds the value, its versions and findings, story_period.c
 * and story_register.c have the recipes of periods, story_clue.c finds what is
 * known around a finding and of an estimate, story_words.c and story_evidence.c say it in words. */
#ifndef BB_SERVICE_STORY_INTERNAL_H
#define BB_SERVICE_STORY_INTERNAL_H

#include "derive/vee.h"
#include "service/query_internal.h"
#include "service/story.h"

struct bb_story_rows { /* of a lane, in the arena */
    struct bb_story_value *items;
    size_t count, capacity;
    struct bb_arena *arena;
    bool full;
};

struct bb_story_work {
    struct bb_query_channel *c;
    struct bb_story *story;
    struct bb_arena *arena; /* the story's */
    bool made;              /* the lane vee as of then is in `plan` */
    struct bb_plan plan;
    struct bb_buffer made_blocks;
    struct bb_vee_account account; /* of the value, once the plan is made */
    struct bb_stat stat;           /* likewise, of the days before */
    bool near;                     /* looked up, once it is asked for: */
    struct bb_story_rows rows;     /* of the lane vee, some days before the value and up to it */
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
/* Count a value of so much of the period's time. */
void bb_story_note(struct bb_story_period *p, int64_t length_ms, bool estimated,
                   const struct bb_quality *quality);
int bb_story_tell_registers(struct bb_story_recipe *r, struct bb_error *error) BB_MUST_USE;

/* Look up w->rows. */
int bb_story_near(struct bb_story_work *w, struct bb_error *error) BB_MUST_USE;

/* Master data of the usage point, as of then; BB_ABSENT: none. */
int bb_story_master(struct bb_story_work *w, struct bb_master_usage_point *out,
                    struct bb_error *error) BB_MUST_USE;

int bb_story_tell_period(struct bb_story_work *w, struct bb_error *error) BB_MUST_USE;

/* Why versions[at] does not stand and versions[winner] does. */
const char *bb_story_why(const struct bb_story_version *versions, size_t count, size_t at,
                         size_t winner);
/* By what they claim: rank, issued, received, line (derive/merge.h). */
int bb_story_claim_order(const struct bb_story_version *a, const struct bb_story_version *b);
/* What is known around a finding, besides what it says itself. */
struct bb_story_clue {
    const struct bb_channel *channel; /* NULL: not known */
    int unit;                         /* of the value as it was sent; -1: not known */
    int64_t length_ms;                /* likewise */
    const struct bb_stat *stat;       /* of the days before; NULL: not known */
    bool has_reading, has_last;       /* registers: the reading, and the accepted one before it */
    struct bb_story_value reading, last;
    struct bb_story_meter meters[BB_STORY_METERS_MAX]; /* at from and to of the finding */
    size_t meter_count;
};
/* The evidence of a finding in words, in the arena; data NULL when it is full. Pure. */
struct bb_span bb_story_evidence(const struct bb_finding *finding, const struct bb_story_clue *clue,
                                 struct bb_arena *arena);

/* story_clue.c: what is known around a finding; how an estimate was made. */
int bb_story_clue(struct bb_story_work *w, const struct bb_finding *finding,
                  struct bb_story_clue *out, struct bb_error *error) BB_MUST_USE;
int bb_story_tell_estimate(struct bb_story_work *w, struct bb_error *error) BB_MUST_USE;

/* Make what the plan makes, as of then, in memory: w->plan, w->account. Once. */
int bb_story_make(struct bb_story_work *w, struct bb_error *error) BB_MUST_USE;

#endif
