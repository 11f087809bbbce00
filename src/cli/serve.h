/* To serve a plant until a signal comes: what `serve` does, and `demo` at its end. */
#ifndef BB_CLI_SERVE_H
#define BB_CLI_SERVE_H

#include "cli/cli.h"

struct bb_serve_options {
    int64_t port; /* 0: any that is free */
    const char *address;
    int64_t workers;
    bool insecure; /* listen on other addresses without keys or without TLS */
};

/* Serve the plant of command->globals. `listening` is told the address once it answers; may be NULL. An exit
 * code, or negative: -BB_E_LISTEN when the port is taken. */
int bb_serve(struct bb_command *command, const struct bb_serve_options *options,
             void (*listening)(struct bb_command *command, const char *url), struct bb_error *error)
    BB_MUST_USE;

#endif
