#include "contract/cluster_fixture.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/log_folder.h"

enum { CANNOT_BE_HAD = 77 };

/* ---- the run's folder: its name is the runner's, which all tests are children of */

static char folder_of_run[128];

ReportHook(PRE_ALL)(struct criterion_test_set *tests) {
    const char *temporary = getenv("TMPDIR");
    char owner[24];

    (void)tests;
    snprintf(folder_of_run, sizeof folder_of_run, "%.80s/busbar-cluster-%d",
             temporary ? temporary : "/tmp", (int)getpid());
    snprintf(owner, sizeof owner, "%d", (int)getpid());
    setenv("BUSBAR_TEST_CLUSTER", folder_of_run, 1);
    setenv("BUSBAR_CLUSTER_OWNER", owner, 1);
}

static int run_script(const char *name, const char *verb, const char *folder) {
    char command[400];

    snprintf(command, sizeof command, "tools/cluster/%s %s '%s' </dev/null >&2", name, verb,
             folder);
    int status = system(command); /* NOLINT(cert-env33-c): a script of ours */
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stop_all(const char *folder) {
    static const char *const names[] = {"kafka", "postgres", "rabbitmq", "dynamodb"};
    char one[200];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(one, sizeof one, "%s/%s", folder, names[i]);
        if (access(one, F_OK) == 0)
            run_script(names[i], "stop", one);
    }
    log_folder_remove(folder);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats) {
    (void)stats;
    if (folder_of_run[0] && access(folder_of_run, F_OK) == 0)
        stop_all(folder_of_run);
}

/* ---- addresses */

static const char *read_address(const char *folder, char address[512]) {
    char path[200];

    snprintf(path, sizeof path, "%s/address", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    bool read = fgets(address, 512, file) != NULL;
    fclose(file);
    address[strcspn(address, "\n")] = '\0';
    return read ? address : NULL;
}

static void cannot_be_had(const char *name) {
    const char *ci = getenv("CI");

    if (ci && strcmp(ci, "true") == 0)
        cr_assert_fail("%s cannot be had here, and CI does without nothing", name);
    cr_skip_test("%s cannot be had on this machine", name);
}

static void start_or_skip(const char *name, const char *folder) {
    int code = run_script(name, "start", folder);

    if (code == CANNOT_BE_HAD)
        cannot_be_had(name);
    cr_assert_eq(code, 0, "tools/cluster/%s start ended with %d", name, code);
}

const char *cluster_address(const char *name, const char *variable) {
    static char address[512];
    const char *given = getenv(variable), *run = getenv("BUSBAR_TEST_CLUSTER");
    char folder[200], lock[200];

    if (given && *given)
        return given;
    cr_assert_not_null(run);
    mkdir(run, 0700);
    snprintf(lock, sizeof lock, "%s/lock", run);
    snprintf(folder, sizeof folder, "%s/%s", run, name);
    int file = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    cr_assert(file >= 0 && flock(file, LOCK_EX) == 0); /* one test starts it, others wait */
    if (!read_address(folder, address))
        start_or_skip(name, folder);
    cr_assert_not_null(read_address(folder, address));
    close(file);
    return address;
}

const char *cluster_start(const char *name, char folder[128]) {
    static char address[512];
    const char *run = getenv("BUSBAR_TEST_CLUSTER");

    cr_assert_not_null(run);
    mkdir(run, 0700);
    snprintf(folder, 128, "%.100s/%s-%d", run, name, (int)getpid());
    start_or_skip(name, folder);
    cr_assert_not_null(read_address(folder, address));
    return address;
}

void cluster_do(const char *name, const char *verb, const char *folder) {
    cr_assert_eq(run_script(name, verb, folder), 0, "%s %s", name, verb);
}
