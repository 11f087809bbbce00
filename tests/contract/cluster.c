/* Servers for the suites. See cluster.h. */
#include "contract/cluster.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/log_folder.h"

enum { NOT_HERE = 77 };

static const char *const names[] = {"kafka", "postgres", "rabbitmq", "dynamodb", "s3"};
enum { NAMES = sizeof names / sizeof names[0] };

/* Tests are processes of their own; what one of them starts belongs to the run, which is their parent. */
static void shared_folder(pid_t run, const char *name, char folder[CLUSTER_PATH]) {
    const char *temporary = getenv("TMPDIR");

    snprintf(folder, CLUSTER_PATH, "%s/busbar-%s-%ld", temporary ? temporary : "/tmp", name,
             (long)run);
}

/* The script's exit. */
static int run_script(const char *name, const char *verb, const char *folder,
                      const char *arguments) {
    char command[4 * CLUSTER_PATH];

    snprintf(command, sizeof command, "'%s/tools/cluster/%s' %s '%s' %s", BB_TEST_TOP, name, verb,
             folder, arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_started(const char *name, int status) {
    const char *ci = getenv("CI");

    if (status == NOT_HERE && !(ci && strcmp(ci, "true") == 0))
        cr_skip_test("%s cannot be had on this machine", name);
    cr_assert_eq(status, 0, "tools/cluster/%s start: exit %d", name, status);
}

static void read_line(const char *folder, const char *name, char line[CLUSTER_PATH]) {
    char path[2 * CLUSTER_PATH];
    size_t size;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = log_file_load(path, &size);
    cr_assert(size > 0 && size < CLUSTER_PATH);
    memcpy(line, text, size);
    line[size - (text[size - 1] == '\n')] = '\0';
    free(text);
}

void cluster_read(const struct cluster *cluster, const char *name, char text[CLUSTER_PATH]) {
    read_line(cluster->folder, name, text);
}

static size_t number_of(const char *name) {
    size_t i = 0;

    while (i < NAMES && strcmp(names[i], name) != 0)
        i++;
    cr_assert_lt(i, NAMES, "no server %s", name);
    return i;
}

const char *cluster_address(const char *name) {
    static char addresses[NAMES][CLUSTER_PATH];
    char *address = addresses[number_of(name)];
    char variable[64] = "BUSBAR_TEST_", folder[CLUSTER_PATH], path[2 * CLUSTER_PATH];
    size_t used = strlen(variable);
    int status = 0;

    for (size_t i = 0; name[i] && used < sizeof variable - 1; i++)
        variable[used++] = (char)toupper((unsigned char)name[i]);
    const char *told = getenv(variable);
    if (told && told[0])
        return told;
    shared_folder(getppid(), name, folder);
    snprintf(path, sizeof path, "%s.lock", folder);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    snprintf(path, sizeof path, "%s/address", folder);
    if (!log_file_exists(path))
        status = run_script(name, "start", folder, "");
    close(lock);
    expect_started(name, status);
    read_line(folder, "address", address);
    return address;
}

/* A server that the run does not stop, as it was killed, sees for itself that the run is gone. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests) {
    char owner[24];

    (void)tests;
    snprintf(owner, sizeof owner, "%ld", (long)getpid());
    setenv("BUSBAR_CLUSTER_OWNER", owner, 1);
}

static void remove_cluster(const char *name, const char *folder) {
    (void)!run_script(name, "stop", folder, "");
    log_folder_remove(folder);
}

/* The run's own, and what tests left behind that did not come to their end. */
ReportHook(POST_ALL)(struct criterion_global_stats *stats) {
    char pattern[CLUSTER_PATH], lock[2 * CLUSTER_PATH];
    glob_t found;

    (void)stats;
    for (size_t i = 0; i < NAMES; i++) {
        shared_folder(getpid(), names[i], pattern);
        snprintf(lock, sizeof lock, "%s.lock", pattern);
        unlink(lock);
        if (log_file_exists(pattern))
            remove_cluster(names[i], pattern);
        snprintf(lock, sizeof lock, "%s-*", pattern);
        if (glob(lock, 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++)
            remove_cluster(names[i], found.gl_pathv[k]);
        globfree(&found);
    }
}

void cluster_start(struct cluster *cluster, const char *name, const char *arguments) {
    char unique[16];

    cluster_unique(unique, sizeof unique);
    *cluster = (struct cluster){.name = name};
    shared_folder(getppid(), name, cluster->folder);
    snprintf(cluster->folder + strlen(cluster->folder),
             sizeof cluster->folder - strlen(cluster->folder), "-%s", unique);
    expect_started(name, run_script(name, "start", cluster->folder, arguments));
    read_line(cluster->folder, "address", cluster->address);
}

void cluster_do(const struct cluster *cluster, const char *verb, const char *arguments) {
    int status = run_script(cluster->name, verb, cluster->folder, arguments);

    cr_assert_eq(status, 0, "tools/cluster/%s %s %s: exit %d", cluster->name, verb, arguments,
                 status);
}

void cluster_stop(struct cluster *cluster) {
    cluster_do(cluster, "stop", "");
    log_folder_remove(cluster->folder);
}

void cluster_unique(char *to, size_t size) {
    uint64_t random = 0;

    cr_assert_eq(getrandom(&random, sizeof random, 0), (ssize_t)sizeof random);
    snprintf(to, size, "%012" PRIx64, random & 0xffffffffffff);
}
