/* The cage: see cage_internal.h. */
#include "adapter/cage_internal.h"

#include "adapter/rules_python.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Landlock ------------------------------------------------------------------------------- */

/* The numbers of landlock(7), which the headers of an older system do not have all. */
enum {
    FS_EXECUTE = 1 << 0,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    VERSION_OF_KERNEL = 1 << 0, /* a flag of landlock_create_ruleset */
    RULE_PATH_BENEATH = 1
};

struct ruleset_attr {
    uint64_t files, network, scoped;
};
struct __attribute__((packed)) path_attr {
    uint64_t allowed;
    int32_t folder;
};

/* What each version of the interface can forbid: bits of files, network, scopes. */
static const struct {
    int version, files, network, scopes;
} abilities[] = {{1, 13, 0, 0}, {2, 14, 0, 0}, {3, 15, 0, 0},
                 {4, 15, 2, 0}, {5, 16, 2, 0}, {6, 16, 2, 2}};

static int landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_OF_KERNEL);
}

static struct ruleset_attr all_of(int version) {
    struct ruleset_attr attr = {0};

    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++)
        if (version >= abilities[i].version)
            attr = (struct ruleset_attr){(UINT64_C(1) << abilities[i].files) - 1,
                                         (UINT64_C(1) << abilities[i].network) - 1,
                                         (UINT64_C(1) << abilities[i].scopes) - 1};
    return attr;
}

/* Older kernels refuse a struct with fields that they do not know. */
static size_t size_of(int version) {
    return version >= 6   ? sizeof(struct ruleset_attr)
           : version >= 4 ? offsetof(struct ruleset_attr, scoped)
                          : offsetof(struct ruleset_attr, network);
}

void bb_cage_all_files(struct bb_buffer *out) {
    int version = landlock_version();
    struct ruleset_attr attr = all_of(version);

    if (version >= 1)
        bb_buffer_append(out, &attr, size_of(version));
}

static bool allow(int ruleset, const char *path, uint64_t folder_rights) {
    const uint64_t file_rights = folder_rights & ~(uint64_t)FS_READ_DIR;
    struct stat about;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    bool is_folder = fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
    const struct path_attr rule = {is_folder ? folder_rights : file_rights, fd};
    bool done = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
    close(fd);
    return done;
}

static bool restrict_files(const struct bb_cage_paths *paths) {
    int version = landlock_version();
    struct ruleset_attr attr = all_of(version);
    int ruleset = version < 1
                      ? -1
                      : (int)syscall(SYS_landlock_create_ruleset, &attr, size_of(version), 0);
    bool done = ruleset >= 0;

    for (size_t i = 0; done && paths->read[i]; i++)
        done = allow(ruleset, paths->read[i], FS_READ_FILE | FS_READ_DIR);
    for (size_t i = 0; done && paths->start[i]; i++)
        done = allow(ruleset, paths->start[i], FS_READ_FILE | FS_EXECUTE);
    done = done && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (ruleset >= 0)
        close(ruleset);
    return done;
}

/* ---- seccomp -------------------------------------------------------------------------------- */

#define CALL(name) SCMP_SYS(name)

/* What the interpreter needs to start, import, fork and be told: no call that makes a socket, a name, a file or a
 * process of another program. Which files may be opened is Landlock's. */
static const int lock_1[] = {CALL(read),
                             CALL(write),
                             CALL(readv),
                             CALL(writev),
                             CALL(pread64),
                             CALL(open),
                             CALL(openat),
                             CALL(close),
                             CALL(close_range),
                             CALL(stat),
                             CALL(fstat),
                             CALL(lstat),
                             CALL(newfstatat),
                             CALL(statx),
                             CALL(lseek),
                             CALL(mmap),
                             CALL(mprotect),
                             CALL(munmap),
                             CALL(mremap),
                             CALL(brk),
                             CALL(madvise),
                             CALL(rt_sigaction),
                             CALL(rt_sigprocmask),
                             CALL(rt_sigreturn),
                             CALL(sigaltstack),
                             CALL(access),
                             CALL(faccessat),
                             CALL(faccessat2),
                             CALL(readlink),
                             CALL(readlinkat),
                             CALL(getcwd),
                             CALL(getdents64),
                             CALL(dup),
                             CALL(fcntl),
                             CALL(recvmsg),
                             CALL(recvfrom),
                             CALL(sendto),
                             CALL(sendmsg),
                             CALL(getsockname),
                             CALL(getsockopt),
                             CALL(futex),
                             CALL(set_robust_list),
                             CALL(set_tid_address),
                             CALL(rseq),
                             CALL(arch_prctl),
                             CALL(prctl),
                             CALL(seccomp),
                             CALL(landlock_create_ruleset),
                             CALL(landlock_restrict_self),
                             CALL(getrlimit),
                             CALL(setrlimit),
                             CALL(getpid),
                             CALL(getppid),
                             CALL(gettid),
                             CALL(getuid),
                             CALL(geteuid),
                             CALL(getgid),
                             CALL(getegid),
                             CALL(wait4),
                             CALL(exit),
                             CALL(exit_group),
                             CALL(getrandom),
                             CALL(sched_getaffinity),
                             CALL(sched_yield),
                             CALL(sysinfo),
                             CALL(uname),
                             CALL(clock_gettime),
                             CALL(clock_getres),
                             CALL(clock_nanosleep),
                             CALL(gettimeofday),
                             CALL(getrusage),
                             CALL(poll),
                             CALL(ppoll),
                             CALL(execve),
                             CALL(fadvise64),
                             CALL(membarrier),
                             CALL(restart_syscall)};

/* What arithmetic, memory, the end of a process and the two ends of a call need. */
static const int lock_2[] = {
    CALL(read),           CALL(write),        CALL(close),          CALL(munmap),
    CALL(mremap),         CALL(brk),          CALL(madvise),        CALL(rt_sigaction),
    CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack),    CALL(futex),
    CALL(getpid),         CALL(gettid),       CALL(exit),           CALL(exit_group),
    CALL(getrandom),      CALL(sched_yield),  CALL(clock_gettime),  CALL(clock_nanosleep),
    CALL(gettimeofday),   CALL(getrusage),    CALL(restart_syscall)};

/* Calls are told by the numbers of the machine that this is compiled for; an architecture of later date has no `open`,
 * `stat` or `poll`, only what they became (openat, newfstatat, ppoll). */
static bool has_call(uint32_t architecture, int call) {
    char *name = call < 0 ? NULL : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
    bool has = name && seccomp_syscall_resolve_name_arch(architecture, name) >= 0;

    free(name);
    return has;
}

static int allow_all(scmp_filter_ctx filter, uint32_t architecture, const int *calls,
                     size_t count) {
    int failure = 0;

    for (size_t i = 0; !failure && i < count; i++)
        if (has_call(architecture, calls[i]))
            failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return failure;
}

/* A child of this same program; no name space of its own, no thread. clone3 hides its flags in memory. Flags are the first
 * argument of clone on x86-64 and arm64 (they are not everywhere). */
static int allow_fork(scmp_filter_ctx filter) {
    const scmp_datum_t other = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                               CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_THREAD;
    int failure = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);

    return failure ? failure
                   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, other, 0));
}

/* A process's limits are its own business, another's are not. */
static int allow_own_limits(scmp_filter_ctx filter) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
}

/* Memory: of its own, and never a program. */
static int allow_memory(scmp_filter_ctx filter) {
    int failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 2,
                                   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                   SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));

    return failure ? failure
                   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
                                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int fill(scmp_filter_ctx filter, uint32_t architecture, enum bb_cage_filter which) {
    int failure;

    switch (which) {
    case BB_CAGE_LOCK_1:
        failure = allow_all(filter, architecture, lock_1, sizeof lock_1 / sizeof lock_1[0]);
        failure = failure ? failure : allow_fork(filter);
        return failure ? failure : allow_own_limits(filter);
    case BB_CAGE_ZYGOTE:
        failure = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), CALL(execve), 0);
        return failure ? failure
                       : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), CALL(execveat), 0);
    default:
        failure = allow_all(filter, architecture, lock_2, sizeof lock_2 / sizeof lock_2[0]);
        return failure ? failure : allow_memory(filter);
    }
}

/* libseccomp writes to a file. */
static int export(scmp_filter_ctx filter, struct bb_buffer *out) {
    enum { FILTER_MAX = 64 << 10 };
    int fd = memfd_create("filter", MFD_CLOEXEC), failure = fd < 0 ? -errno : 0;

    if (!failure)
        failure = seccomp_export_bpf(filter, fd);
    off_t size = failure ? 0 : lseek(fd, 0, SEEK_END);
    if (!failure && (size <= 0 || size > FILTER_MAX || !bb_buffer_reserve(out, (size_t)size)))
        failure = -ENOMEM;
    if (!failure && pread(fd, out->data + out->size, (size_t)size, 0) != size)
        failure = -EIO;
    if (!failure)
        out->size += (size_t)size;
    if (fd >= 0)
        close(fd);
    return failure;
}

int bb_cage_filter_of(uint32_t architecture, enum bb_cage_filter which, struct bb_buffer *out,
                      struct bb_error *error) {
    const uint32_t otherwise = which == BB_CAGE_ZYGOTE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx filter = seccomp_init(otherwise);
    int failure = filter ? 0 : -ENOMEM;

    if (!failure && architecture != SCMP_ARCH_NATIVE && architecture != seccomp_arch_native()) {
        failure = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
        failure = failure ? failure : seccomp_arch_add(filter, architecture);
    }
    if (!failure)
        failure = fill(filter, architecture, which);
    if (!failure)
        failure = export(filter, out);
    if (filter)
        seccomp_release(filter);
    return failure ? BB_FAIL_ERRNO(error, BB_E_RULES_NO_CAGE, -failure,
                                   "the filter of system calls cannot be made")
                   : 0;
}

int bb_cage_filter(enum bb_cage_filter which, struct bb_buffer *out, struct bb_error *error) {
    return bb_cage_filter_of(SCMP_ARCH_NATIVE, which, out, error);
}

/* ---- both ----------------------------------------------------------------------------------- */

bool bb_rules_python_has_landlock(void) {
    return landlock_version() >= 1;
}

int bb_cage_check(bool without_landlock, struct bb_error *error) {
    if (landlock_version() < 1 && !without_landlock)
        return BB_FAIL_ERRNO(error, BB_E_RULES_NO_CAGE, errno,
                             "this kernel has no Landlock, without which no customer's code is run "
                             "(unless rules.cage says seccomp)");
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        return BB_FAIL_ERRNO(error, BB_E_RULES_NO_CAGE, errno,
                             "this kernel has no seccomp, without which no customer's code is run");
    return 0;
}

bool bb_cage_lock(const struct bb_cage_paths *paths, const struct bb_buffer *filter) {
    const struct sock_fprog program = {
        .len = (unsigned short)(filter->size / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(void *)filter->data};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           (landlock_version() < 1 || restrict_files(paths)) &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
