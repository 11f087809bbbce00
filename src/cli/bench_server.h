/* A server of this same program as a child process of its own, for the benchmark of posts. */
#ifndef BB_CLI_BENCH_SERVER_H
#define BB_CLI_BENCH_SERVER_H

#include <sys/types.h>

#include "cli/bench.h"

struct bench_server {
    pid_t pid;
    uint16_t port;
};

/* Serves `directory`, which is made, at a port that is free, and ends with this process at the latest. */
int bench_server_start(const char *directory, struct bench_server *out, struct bb_error *error)
    BB_MUST_USE;
/* SIGTERM, and wait. -BB_E_BUG: it ended otherwise than with 0. */
int bench_server_stop(struct bench_server *server, struct bb_error *error) BB_MUST_USE;
/* Resident bytes of the server itself, without its workers. */
uint64_t bench_server_bytes(const struct bench_server *server);

#endif
