/* The closing tables of `demo`: what was put in, what was found, how good estimates are, and what it
 * took. */
#ifndef BB_CLI_DEMO_REPORT_H
#define BB_CLI_DEMO_REPORT_H

#include "cli/ingest_run.h"
#include "service/generate.h"

struct bb_demo {
    struct bb_command *command;
    const char *directory;
    struct bb_plant *plant; /* open; everything is derived and listed */
    struct bb_generate_report generated;
    struct bb_ingest_run *ingest;
    uint64_t again_duplicates; /* what a second run of the same files came to */
    double seconds;            /* of all */
};

/* Prints to stdout, as tables or as one JSON value. */
int bb_demo_report(struct bb_demo *demo, const struct bb_city_options *how, struct bb_error *error)
    BB_MUST_USE;

#endif
