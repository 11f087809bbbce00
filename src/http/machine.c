/* What the machine knows of the plant: see machine_internal.h. Any thread. */
#include "http/machine_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* ---- processes */

const char *bb_process_state_name(enum bb_process_state state) {
    static const char *const names[BB_PROCESS_STATES] = {"running", "stopped", "ended"};

    return names[state];
}

int bb_machine_children(int *pids, int limit) {
    char path[64];
    int count = 0, pid;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    for (; file && fscanf(file, "%d", &pid) == 1; count++)
        if (count < limit)
            pids[count] = pid;
    if (file)
        fclose(file);
    return count;
}

/* What stands behind the name in /proc/PID/stat; the name may hold anything, so its last bracket counts. NULL: there
 * is no such process. */
static const char *read_stat(int pid, char *text, size_t size) {
    char path[64];

    if (pid)
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
    else
        snprintf(path, sizeof path, "/proc/self/stat");
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    const char *bracket = strrchr(text, ')');
    return bracket && bracket[1] == ' ' ? bracket + 2 : NULL;
}

enum bb_process_state bb_machine_state_of(int pid) {
    char text[1024];
    const char *stat = read_stat(pid, text, sizeof text);

    switch (stat ? *stat : 'X') {
    case 'T':
    case 't': return BB_PROCESS_STOPPED;
    case 'Z':
    case 'X': return BB_PROCESS_ENDED;
    default: return BB_PROCESS_RUNNING;
    }
}

/* When the machine came up, since 1970: the difference of two of its clocks. */
static double boot_time_s(void) {
    struct timespec wall, boot;

    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
}

bool bb_machine_process(int pid, struct bb_machine_process *out) {
    enum { USER = 11, SYSTEM = 12, START = 19, VIRTUAL = 20, RESIDENT = 21, FIELDS = 22 };
    unsigned long long fields[FIELDS] = {0};
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    char text[1024];
    const char *stat = read_stat(pid, text, sizeof text);
    char *at = NULL;

    if (!stat)
        return false;
    stat++; /* the letter of the state is field 0 */
    for (int i = 1; i < FIELDS; i++, stat = at) {
        fields[i] = strtoull(stat, &at, 10);
        if (at == stat)
            return false;
    }
    *out = (struct bb_machine_process){.cpu_s = (double)(fields[USER] + fields[SYSTEM]) / ticks,
                                       .start_s = boot_time_s() + (double)fields[START] / ticks,
                                       .virtual_bytes = fields[VIRTUAL],
                                       .resident_bytes = fields[RESIDENT] *
                                                         (uint64_t)sysconf(_SC_PAGESIZE)};
    return true;
}

uint64_t bb_machine_open_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count > 0 ? count - 1 : 0; /* the folder itself was open */
}

uint64_t bb_machine_max_fds(void) {
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* ---- files */

static uint64_t bytes_below(int folder, int depth) {
    DIR *dir = folder >= 0 ? fdopendir(folder) : NULL;
    struct dirent *entry;
    struct stat found;
    uint64_t sum = 0;

    if (!dir && folder >= 0)
        close(folder);
    while (dir && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || fstatat(folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW))
            continue;
        if (S_ISDIR(found.st_mode) && depth > 0)
            sum += bytes_below(openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                               depth - 1);
        else if (S_ISREG(found.st_mode))
            sum += (uint64_t)found.st_size;
    }
    if (dir)
        closedir(dir);
    return sum;
}

uint64_t bb_machine_bytes_in(const char *path) {
    return bytes_below(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 1);
}

uint64_t bb_machine_free_bytes(const char *path) {
    struct statvfs found;

    return statvfs(path, &found) == 0 ? (uint64_t)found.f_bavail * found.f_frsize : 0;
}
