/* A server as a child: see bench_server.h. */
#include "cli/bench_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, LOOK_MS = 10 };

static bool read_port(const char *directory, uint16_t *port) {
    char path[4200], url[256];

    snprintf(path, sizeof path, "%s/busbar.url", directory);
    FILE *file = fopen(path, "re");
    bool good = file && fgets(url, sizeof url, file);
    if (file)
        fclose(file);
    const char *colon = good ? strrchr(url, ':') : NULL;
    *port = colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
    return *port > 0;
}

static void be_server(const char *directory, pid_t parent) {
    const char *const arguments[] = {"busbar", "--data", directory, "--quiet", "--no-progress",
                                     "serve",  "--port", "0",       NULL};

    /* It must not outlive the benchmark, however that ends. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        execv("/proc/self/exe", (char *const *)arguments);
    _exit(127);
}

int bench_server_start(const char *directory, struct bench_server *out, struct bb_error *error) {
    pid_t self = getpid();
    int status;

    *out = (struct bench_server){.pid = fork()};
    if (out->pid == 0)
        be_server(directory, self);
    if (out->pid < 0)
        return BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, errno, "cannot start a server");
    for (int waited = 0; waited < START_MS; waited += LOOK_MS) {
        if (read_port(directory, &out->port))
            return 0;
        if (waitpid(out->pid, &status, WNOHANG) == out->pid) {
            out->pid = 0;
            return BB_FAIL(error, BB_E_LISTEN, "the server did not start");
        }
        usleep(LOOK_MS * 1000);
    }
    (void)!bench_server_stop(out, error);
    return BB_FAIL(error, BB_E_LISTEN, "the server did not start within %d s", START_MS / 1000);
}

int bench_server_stop(struct bench_server *server, struct bb_error *error) {
    int status = 0;

    if (server->pid <= 0)
        return 0;
    kill(server->pid, SIGTERM);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : BB_FAIL(error, BB_E_BUG, "the server did not end as it should");
}

uint64_t bench_server_bytes(const struct bench_server *server) {
    char path[64], line[256];
    uint64_t kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib * 1024;
}
