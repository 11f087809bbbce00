/* What the parts of a query share.
 *
 *   query.c               finds channels
 *   query_every.c         goes through all of them
 *   query_lane.c          reads the lanes of one
 *   query_plan.c          makes those that are not stored
 *   query_made_channel.c  channels that rules make
 *
 * story.c and person.c look at channels more closely. */
#ifndef BB_SERVICE_QUERY_INTERNAL_H
#define BB_SERVICE_QUERY_INTERNAL_H

#include "derive/plan.h"
#include "service/besides.h"
#include "service/made_channel.h"
#include "service/query.h"

struct bb_query_channel { /* one channel while it is read */
    struct bb_plant *plant;
    const struct bb_query *query;
    struct bb_store_view *view;
    struct bb_span usage_point, name;
    struct bb_channel_record record;
    struct bb_channel channel;
    struct bb_coverage coverage;
    struct bb_arena *arena; /* of this channel */
    bb_query_visit *visit;
    void *context;
    int64_t tick_ms; /* the tenant's latest tick at the asked moment; 0: none */
    uint64_t *left;  /* rows that may still be told; UINT64_MAX: no limit */
    /* Of lanes that are made: the registers beside the channel (companions.h), of which record, channel
     * and coverage are set, and their own lane vee as of the asked moment. */
    struct bb_query_channel *companions;
    size_t companion_count;
    /* Of lanes as of a past moment: the channels at which its rules look (besides.h), likewise. */
    struct bb_query_channel *besides;
    size_t beside_count;
    struct bb_span called; /* of such a one: as the rules call it */
    struct bb_query_made *vee;
    size_t vee_count, vee_capacity;
    int32_t *stretches; /* whose lane vee was made, and what rules said of them */
    size_t stretch_count, stretch_capacity;
    struct bb_saying *said; /* of these stretches */
    size_t said_count, said_capacity;
    /* Of a channel that rules make (made_channel.h): of which one; NULL: it is told. */
    struct bb_query_channel *of;
    struct bb_made_name made;
    struct bb_vee_account *account; /* of plans: how a value is estimated; NULL: nobody asks */
};

struct bb_query_made { /* a block that was made */
    int32_t span;
    struct bb_span packed;
};

/* Is the asked lane made for the question: not stored, or as of a past moment? */
static inline bool bb_query_is_made(const struct bb_query *query) {
    return query->lane != BB_LANE_RAW &&
           (query->as_of_ms != BB_TIME_NONE || !bb_lanes[query->lane].stored);
}
/* Open each channel that is asked for and act on it: record, channel and coverage are filled, the
 * view and the arena last until `act` returns. visit, context and left are the act's to set. Errors
 * as of bb_query_run. */
typedef int bb_query_act(struct bb_query_channel *c, void *context, struct bb_error *error);
int bb_query_channels(struct bb_plant *plant, const struct bb_query *query, bb_query_act *act,
                      void *context, struct bb_error *error) BB_MUST_USE;

/* The same of each usage point that has channels: of all from the name `first` on (empty: of all), or of
 * the one that is named, which nobody need know. 0, or 1 when an act stopped it. */
int bb_query_every(struct bb_plant *plant, const struct bb_query *query, struct bb_span first,
                   bb_query_act *act, void *context, struct bb_error *error) BB_MUST_USE;

/* A channel that the rules of `of` make: *out borrows from that. BB_FOUND, or BB_ABSENT when they make none such. */
int bb_query_made_open(struct bb_query_channel *of, const struct bb_made_name *name,
                       struct bb_query_channel *out, struct bb_error *error) BB_MUST_USE;
/* Its rows of a day, as if they had been sent. */
int bb_query_made_of_day(struct bb_query_channel *c, int32_t day, struct bb_block *out,
                         struct bb_error *error) BB_MUST_USE;

/* The lane vee of a UTC day, current or as of the asked moment; and what rules said of it, by time. */
int bb_query_vee_of_day(struct bb_query_channel *c, int32_t day, struct bb_window *out,
                        struct bb_error *error) BB_MUST_USE;
int bb_query_said_of_day(struct bb_query_channel *c, int32_t day, struct bb_sayings *out,
                         struct bb_error *error) BB_MUST_USE;

/* Tell the channel's rows of the asked lane. 0, 1 when the visitor or the limit stopped it. */
int bb_query_lane(struct bb_query_channel *c, struct bb_error *error) BB_MUST_USE;

/* A block as it is stored; an absent one is empty. */
int bb_query_block(struct bb_query_channel *c, uint8_t lane, int32_t span, struct bb_block *block,
                   struct bb_error *error) BB_MUST_USE;

/* The days that may hold rows of lane vee: the first at or behind `day` (BB_DAY_NONE: of all), or BB_DAY_NONE. */
int32_t bb_query_vee_day(const struct bb_query_channel *c, int32_t day);

/* The days that may hold rows: what is covered, cut to what is asked. Empty when first > last. */
void bb_query_day_bounds(const struct bb_query_channel *c, int32_t *first, int32_t *last);
/* One day of the lane vee: raw overlaid; and its rows told. */
int bb_query_restore_day(struct bb_query_channel *c, const struct bb_block *raw,
                         const struct bb_block *overlay, int32_t day, struct bb_window *vee,
                         struct bb_error *error) BB_MUST_USE;
int bb_query_tell_day(struct bb_query_channel *c, const struct bb_block *raw,
                      const struct bb_block *overlay, int32_t day, struct bb_error *error)
    BB_MUST_USE;
/* Rows of a period lane; a gauge's mean, min and max are one row. */
int bb_query_tell_periods(struct bb_query_channel *c, const struct bb_block *block) BB_MUST_USE;
/* A lane that is not stored, or a derived one as of a past moment: made, and told. */
int bb_query_read_made(struct bb_query_channel *c, struct bb_error *error) BB_MUST_USE;

/* The raw block of a day, current or as of the asked moment. */
int bb_query_raw_of_day(struct bb_query_channel *c, int32_t day, struct bb_block *out,
                        struct bb_error *error) BB_MUST_USE;

/* Derive what is asked for in memory, from raw as it was then: `plan` has the blocks as its writes.
 * `out` is the plan's buffer, the caller's to release. BB_ABSENT when no day is covered. */
int bb_query_make(struct bb_query_channel *c, struct bb_plan *plan, struct bb_buffer *out,
                  struct bb_error *error) BB_MUST_USE;

#endif
