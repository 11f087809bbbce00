/* What a simulated plant is told: channels with all that meters and senders do wrong, master data,
 * and the many ways in which both may come into the log. Everything comes from the seed. */
#ifndef BB_TESTS_SIM_WORLD_H
#define BB_TESTS_SIM_WORLD_H

#include "model/batch.h"
#include "model/master.h"
#include "port/log.h"
#include "support/channel_case.h"

enum {
    WORLD_CHANNELS_MAX = 8,
    WORLD_DELIVERIES = 6,
    WORLD_MASTERS_MAX = 24,
    WORLD_TICKS = 2,
    WORLD_NAME_MAX = 32
};

struct
    world_item { /* one reading of one channel, or (channel UINT32_MAX) a master entry or a tick */
    uint32_t channel;
    uint32_t
        delivery; /* of a master entry: its number; of a tick: WORLD_MASTERS_MAX + its number */
    struct telling telling;
};

struct world_channel {
    enum case_kind kind;
    struct channel_case c;
    char usage_point[WORLD_NAME_MAX], channel[WORLD_NAME_MAX];
    const char *obis; /* an interval channel and the register beside it have codes */
    struct bb_series series[WORLD_DELIVERIES]; /* as each delivery describes it */
};

struct world_master {
    int64_t received_ms;
    struct bb_buffer packed;
};

struct world_tick {
    int64_t at_ms, received_ms;
};

struct world {
    struct bb_random r; /* for the orders */
    struct world_channel channels[WORLD_CHANNELS_MAX];
    uint32_t channel_count;
    struct world_master masters[WORLD_MASTERS_MAX];
    uint32_t master_count;
    struct world_tick ticks[WORLD_TICKS];
    int64_t received_ms[WORLD_DELIVERIES];
    struct world_item *items;
    size_t count;
    uint64_t files; /* ids given so far */
};

#define WORLD_TENANT BB_SPAN("demo")

void world_make(struct world *w, uint64_t seed, bool with_masters);
/* Add versions of the tenant's own rules: deployed, changed, withdrawn. */
void world_add_rules(struct world *w);
/* More versions of master data: multipliers that change amid the readings, exchanges, holidays,
 * connections, profiles. */
void world_install(struct world *w);
/* Time is told, too: up to somewhere among the readings, and behind them. */
void world_add_ticks(struct world *w);
void world_release(struct world *w);

void world_shuffle(struct world *w, struct world_item *items, size_t count);
/* Append as a sender would: by partition and delivery, in frames of their own or of files. */
void world_append(struct world *w, struct bb_log *log, const struct world_item *items, size_t count,
                  bool plain);
/* An order to archive a lane and a month, in each partition. */
void world_append_order(struct world *w, struct bb_log *log);
/* Frames of a file that is never decided. */
void world_append_ghost(struct world *w, struct bb_log *log);

#endif
