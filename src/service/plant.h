/* A plant: the log, the store and the registry of one data folder, opened together.
 *
 *   DIR/busbar.yaml   configuration (optional)
 *   DIR/log/          segment files        DIR/store/   one environment per partition
 *   DIR/registry.db   registry             DIR/lock     (in log/: the one appender)
 */
#ifndef BB_SERVICE_PLANT_H
#define BB_SERVICE_PLANT_H

#include "model/calendar.h"
#include "port/blob.h"
#include "port/log.h"
#include "port/registry.h"
#include "port/sink.h"
#include "port/store.h"
#include "service/config.h"
#include "service/ledger.h"
#include "service/rules_host.h"

enum bb_plant_mode {
    BB_PLANT_READ,   /* queries: must exist; takes no lock */
    BB_PLANT_WORK,   /* a worker: must exist; derives, does not append */
    BB_PLANT_APPEND, /* ingest, registry apply: made when absent; takes the log's lock */
    BB_PLANT_FROZEN, /* reads what nobody writes: a backup, one in the making; leaves no trace there */
};

struct bb_plant {
    char directory[4096 - 64];
    struct bb_config config;
    struct bb_log *log;
    struct bb_store *store;
    struct bb_store *hot; /* the store itself: what lies in archived files is not there */
    struct bb_blob *blob; /* where archived files are; NULL: no archive */
    struct bb_registry *registry;
    struct bb_sink **sinks; /* who follows the change feed besides the registry; the plant's own */
    size_t sink_count;
    struct bb_zone_set *zones;
    struct bb_ledger
        ledger; /* BB_PLANT_APPEND: of files; what a crash left half marked is completed */
    struct bb_rules_host *rules; /* customers' code; runs nothing before it is asked */
    bb_rule_judge *judge;        /* who answers what plans ask: the host, context `judge_context` */
    void *judge_context;
    int lock_fd;        /* of an appender whose log is elsewhere; 0: none */
    uint64_t cut_bytes; /* unacknowledged tail that opening the log removed */
};

/* `config_path` NULL: DIR/busbar.yaml when it exists. Nothing is left open on failure. A backup may be
 * read like a plant; to write to it is -BB_E_NO_PERMISSION. */
int bb_plant_open(const char *directory, const char *config_path, enum bb_plant_mode mode,
                  struct bb_plant *out, struct bb_error *error) BB_MUST_USE;
/* Open who follows the change feed, as the configuration says, into plant->sinks: for those who deliver. */
int bb_plant_follow(struct bb_plant *plant, struct bb_error *error) BB_MUST_USE;
void bb_plant_close(struct bb_plant *plant);

#endif
