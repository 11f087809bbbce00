/* Servers that suites talk to: see cluster.h. Each test is a process of its own and the executable their parent, so
 * the shared server's folder has the parent's number in its name, and a lock lets one test at a time look for it. */
#include "support/cluster.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_BE_HAD = 77, COMMAND_SIZE = 2048 };

static bool is_ci(void) {
    const char *ci = getenv("CI");

    return ci && strcmp(ci, "true") == 0;
}

bool cluster_run(const char *name, const char *verb, const char *folder) {
    char command[COMMAND_SIZE];

    snprintf(command, sizeof command, "'%s/tools/cluster/%s' %s '%s'", BB_SOURCE_FOLDER, name, verb,
             folder);
    int status = system(command);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    cr_assert(code == 0 || (code == CANNOT_BE_HAD && !is_ci()), "%s: %d", command, code);
    return code == 0;
}

void cluster_read_address(const char *folder, char address[CLUSTER_TEXT_SIZE]) {
    char path[COMMAND_SIZE];

    snprintf(path, sizeof path, "%s/address", folder);
    FILE *file = fopen(path, "r");
    cr_assert(file && fgets(address, CLUSTER_TEXT_SIZE, file), "%s", path);
    fclose(file);
    address[strcspn(address, "\n")] = '\0';
}

/* Behind everybody's back: when the executable is gone, so are server and folder. */
static void end_with_parent(const char *name, const char *folder) {
    char command[COMMAND_SIZE];

    snprintf(command, sizeof command,
             "(while kill -0 %d; do sleep 0.5; done; '%s/tools/cluster/%s' stop '%s'; rm -rf '%s') "
             "</dev/null >/dev/null 2>&1 &",
             (int)getppid(), BB_SOURCE_FOLDER, name, folder, folder);
    cr_assert_eq(system(command), 0);
}

static bool start_once(const char *name, const char *folder) {
    char path[COMMAND_SIZE];

    snprintf(path, sizeof path, "%s/address", folder);
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof path, "%s/absent", folder);
    if (access(path, F_OK) == 0)
        return false;
    end_with_parent(name, folder);
    if (cluster_run(name, "start", folder))
        return true;
    fclose(fopen(path, "w")); /* the next test need not try */
    return false;
}

static bool start_shared(const char *name, char address[CLUSTER_TEXT_SIZE]) {
    const char *above = getenv("TMPDIR");
    char folder[COMMAND_SIZE / 4], lock[COMMAND_SIZE / 2];

    snprintf(folder, sizeof folder, "%s/busbar-%s-%d", above ? above : "/tmp", name,
             (int)getppid());
    cr_assert(mkdir(folder, 0755) == 0 || errno == EEXIST);
    snprintf(lock, sizeof lock, "%s/lock", folder);
    int file = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    cr_assert(file >= 0 && flock(file, LOCK_EX) == 0, "%s", lock);
    bool started = start_once(name, folder);
    if (started)
        cluster_read_address(folder, address);
    close(file);
    return started;
}

const char *cluster_address(const char *name) {
    static char address[CLUSTER_TEXT_SIZE];
    char variable[64];

    snprintf(variable, sizeof variable, "BUSBAR_TEST_%s", name);
    for (char *c = variable; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    const char *given = getenv(variable);
    if (given && *given)
        return given;
    return start_shared(name, address) ? address : NULL;
}
