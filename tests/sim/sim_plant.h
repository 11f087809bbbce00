/* A plant of in-memory twins for the simulator, with faults where they are wished for, and its
 * fingerprint: everything that may not depend on order, as lines of text. */
#ifndef BB_TESTS_SIM_PLANT_H
#define BB_TESTS_SIM_PLANT_H

#include "adapter/blobs.h"
#include "adapter/embedded.h"
#include "service/worker.h"
#include "sim/sim_mirror.h"

struct sim_plant {
    struct bb_plant plant; /* what workers and queries get: decorated when there are faults */
    struct bb_log *log;    /* the twins themselves */
    struct bb_store *store;
    struct bb_store *whole; /* with what was archived */
    struct bb_blob *blob;
    struct bb_registry *registry;
    struct bb_fault_plan log_faults, store_faults, blob_faults;
    struct sim_mirror *mirror; /* follows the change feed */
    struct bb_sink *sink;
};

void sim_plant_open(struct sim_plant *s, uint32_t partitions, bool with_faults);
void sim_plant_close(struct sim_plant *s);
/* The same log, store and registry for another thread: zones are not shared. */
void sim_plant_share(const struct sim_plant *s, struct bb_plant *out);
void sim_plant_unshare(struct bb_plant *plant);

#define SIM_TENANT BB_SPAN("demo")

/* A record of one reading: 5 kWh of channel "c" in the quarter of an hour that ends at 2026-03-01T00:00Z. */
void sim_plant_append(struct sim_plant *s, uint32_t partition, const char *usage_point,
                      int64_t received_ms);

/* Drain with `worker`, deliver; everything is expected to go well. The mirror must then hold what queries tell. */
void sim_plant_finish(struct sim_plant *s, struct bb_worker *worker);

/* Channels, coverage, blocks of all lanes by the channel's name, master data, open exceptions, and
 * rows as queries tell them, now and as of each of the moments. */
void sim_plant_fingerprint(struct sim_plant *s, struct bb_span tenant, const int64_t *moments,
                           size_t moment_count, struct bb_buffer *out);

/* NULL when equal; else the first pair of lines that differ, in a static buffer. */
const char *sim_difference(const struct bb_buffer *a, const struct bb_buffer *b);

#endif
