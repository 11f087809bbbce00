/* The filters of the cage, run as the kernel runs them: for each architecture, which calls pass and which do not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "adapter/cage_internal.h"

/* ---- classic BPF, as far as filters of system calls use it ----------------------------------- */

struct machine {
    const struct sock_filter *code;
    size_t count;
};

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset) {
    uint32_t word;

    cr_assert_leq(offset + sizeof word, sizeof *data);
    memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

static bool jumps(uint16_t code, uint32_t a, uint32_t k) {
    switch (BPF_OP(code)) {
    case BPF_JEQ: return a == k;
    case BPF_JGT: return a > k;
    case BPF_JGE: return a >= k;
    case BPF_JSET: return (a & k) != 0;
    default: cr_assert_fail("a jump of an unknown kind: %x", code); return false;
    }
}

static uint32_t decide(struct machine m, const struct seccomp_data *data) {
    uint32_t a = 0;

    for (size_t at = 0; at < m.count; at++) {
        const struct sock_filter *i = &m.code[at];
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            cr_assert_eq(BPF_MODE(i->code), BPF_ABS);
            a = word_at(data, i->k);
            break;
        case BPF_ALU:
            cr_assert_eq(i->code, BPF_ALU | BPF_AND | BPF_K);
            a &= i->k;
            break;
        case BPF_JMP:
            at += BPF_OP(i->code) == BPF_JA ? i->k : jumps(i->code, a, i->k) ? i->jt : i->jf;
            break;
        case BPF_RET: return i->k;
        default: cr_assert_fail("an instruction of an unknown kind: %x", i->code);
        }
    }
    cr_assert_fail("the filter runs out of its end");
    return 0;
}

/* ---- what each filter does -------------------------------------------------------------------- */

#define PASSES  SECCOMP_RET_ALLOW
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT  (SECCOMP_RET_ERRNO | ENOSYS)

static const struct row {
    const char *call;
    uint32_t lock_1, zygote, lock_2;
    uint64_t args[4];
} rows[] = {
    /* arithmetic, memory, the two ends of a call */
    {"read", PASSES, PASSES, PASSES},
    {"write", PASSES, PASSES, PASSES},
    {"futex", PASSES, PASSES, PASSES},
    {"exit_group", PASSES, PASSES, PASSES},
    {"rt_sigreturn", PASSES, PASSES, PASSES},
    {"getrandom", PASSES, PASSES, PASSES},
    {"brk", PASSES, PASSES, PASSES},
    {"madvise", PASSES, PASSES, PASSES},
    {"munmap", PASSES, PASSES, PASSES},
    {"mmap",
     PASSES,
     PASSES,
     PASSES,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
    {"mmap", PASSES, PASSES, REFUSED, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE}},
    {"mmap", PASSES, PASSES, REFUSED, {0, 4096, PROT_READ, MAP_SHARED}},
    {"mprotect", PASSES, PASSES, PASSES, {0, 4096, PROT_READ}},
    {"mprotect", PASSES, PASSES, REFUSED, {0, 4096, PROT_READ | PROT_EXEC}},
    /* starting the interpreter: by the names of either architecture */
    {"openat", PASSES, PASSES, REFUSED},
    {"open", PASSES, PASSES, REFUSED},
    {"newfstatat", PASSES, PASSES, REFUSED},
    {"stat", PASSES, PASSES, REFUSED},
    {"statx", PASSES, PASSES, REFUSED},
    {"fstat", PASSES, PASSES, REFUSED},
    {"faccessat", PASSES, PASSES, REFUSED},
    {"access", PASSES, PASSES, REFUSED},
    {"readlinkat", PASSES, PASSES, REFUSED},
    {"readlink", PASSES, PASSES, REFUSED},
    {"getdents64", PASSES, PASSES, REFUSED},
    {"lseek", PASSES, PASSES, REFUSED},
    {"ppoll", PASSES, PASSES, REFUSED},
    {"poll", PASSES, PASSES, REFUSED},
    {"set_robust_list", PASSES, PASSES, REFUSED},
    {"rseq", PASSES, PASSES, REFUSED},
    {"set_tid_address", PASSES, PASSES, REFUSED},
    {"arch_prctl", PASSES, PASSES, REFUSED},
    {"prctl", PASSES, PASSES, REFUSED},
    {"seccomp", PASSES, PASSES, REFUSED},
    {"recvmsg", PASSES, PASSES, REFUSED},
    {"sendto", PASSES, PASSES, REFUSED},
    {"wait4", PASSES, PASSES, REFUSED},
    {"landlock_create_ruleset", PASSES, PASSES, REFUSED},
    {"landlock_restrict_self", PASSES, PASSES, REFUSED},
    {"prlimit64", PASSES, PASSES, REFUSED, {0}},
    {"prlimit64", REFUSED, PASSES, REFUSED, {1}},
    /* a child of the same program, and nothing else of that kind */
    {"clone", PASSES, PASSES, REFUSED, {CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD}},
    {"clone", REFUSED, PASSES, REFUSED, {CLONE_THREAD | CLONE_VM | CLONE_SIGHAND}},
    {"clone", REFUSED, PASSES, REFUSED, {CLONE_NEWUSER | SIGCHLD}},
    {"clone", REFUSED, PASSES, REFUSED, {CLONE_NEWNET | SIGCHLD}},
    {"clone3", ABSENT, PASSES, REFUSED},
    {"fork", REFUSED, PASSES, REFUSED},
    {"vfork", REFUSED, PASSES, REFUSED},
    {"execve", PASSES, REFUSED, REFUSED},
    {"execveat", REFUSED, REFUSED, REFUSED},
    /* what nobody in there needs */
    {"socket", REFUSED, PASSES, REFUSED},
    {"connect", REFUSED, PASSES, REFUSED},
    {"bind", REFUSED, PASSES, REFUSED},
    {"kill", REFUSED, PASSES, REFUSED},
    {"tgkill", REFUSED, PASSES, REFUSED},
    {"pidfd_open", REFUSED, PASSES, REFUSED},
    {"pidfd_send_signal", REFUSED, PASSES, REFUSED},
    {"ptrace", REFUSED, PASSES, REFUSED},
    {"process_vm_readv", REFUSED, PASSES, REFUSED},
    {"process_vm_writev", REFUSED, PASSES, REFUSED},
    {"unlinkat", REFUSED, PASSES, REFUSED},
    {"renameat2", REFUSED, PASSES, REFUSED},
    {"mkdirat", REFUSED, PASSES, REFUSED},
    {"linkat", REFUSED, PASSES, REFUSED},
    {"symlinkat", REFUSED, PASSES, REFUSED},
    {"fchmodat", REFUSED, PASSES, REFUSED},
    {"fchownat", REFUSED, PASSES, REFUSED},
    {"ftruncate", REFUSED, PASSES, REFUSED},
    {"openat2", REFUSED, PASSES, REFUSED},
    {"open_by_handle_at", REFUSED, PASSES, REFUSED},
    {"memfd_create", REFUSED, PASSES, REFUSED},
    {"mount", REFUSED, PASSES, REFUSED},
    {"unshare", REFUSED, PASSES, REFUSED},
    {"setns", REFUSED, PASSES, REFUSED},
    {"chroot", REFUSED, PASSES, REFUSED},
    {"setuid", REFUSED, PASSES, REFUSED},
    {"bpf", REFUSED, PASSES, REFUSED},
    {"perf_event_open", REFUSED, PASSES, REFUSED},
    {"userfaultfd", REFUSED, PASSES, REFUSED},
    {"keyctl", REFUSED, PASSES, REFUSED},
    {"io_uring_setup", REFUSED, PASSES, REFUSED},
    {"ioctl", REFUSED, PASSES, REFUSED},
    {"shmget", REFUSED, PASSES, REFUSED},
    {"init_module", REFUSED, PASSES, REFUSED},
    {"kexec_load", REFUSED, PASSES, REFUSED},
};

static const struct architecture {
    const char *name;
    uint32_t of_libseccomp, of_kernel, other;
    uint32_t missing; /* calls of the table that it does not have: they became others */
} architectures[] = {
    {"x86-64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0},
    {"arm64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 8},
};

static void check(const struct architecture *architecture, enum bb_cage_filter which) {
    struct bb_buffer filter;
    struct bb_error error;
    uint32_t missing = 0;

    bb_buffer_init(&filter, 64 << 10);
    cr_assert_eq(bb_cage_filter_of(architecture->of_libseccomp, which, &filter, &error), 0, "%s",
                 error.text);
    const struct machine m = {(const struct sock_filter *)(void *)filter.data,
                              filter.size / sizeof(struct sock_filter)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        const uint32_t expected[] = {row->lock_1, row->zygote, row->lock_2};
        int number = seccomp_syscall_resolve_name_arch(architecture->of_libseccomp, row->call);
        cr_assert_neq(number, __NR_SCMP_ERROR, "libseccomp knows no %s", row->call);
        missing += number < 0;
        if (number < 0)
            continue;
        struct seccomp_data data = {.nr = number, .arch = architecture->of_kernel};
        memcpy(data.args, row->args, sizeof row->args);
        uint32_t verdict = decide(m, &data);
        cr_expect_eq(verdict, expected[which], "%s, filter %d: %s(%llx, .., %llx) gives %x",
                     architecture->name, which, row->call, (unsigned long long)row->args[0],
                     (unsigned long long)row->args[2], verdict);
        data.arch = architecture->other; /* the same machine's other way of calling */
        verdict = decide(m, &data);
        cr_expect(verdict != PASSES, "%s, filter %d: %s passes as %x", architecture->name, which,
                  row->call, data.arch);
    }
    cr_expect_eq(missing, architecture->missing, "%s lacks %u", architecture->name, missing);
    bb_buffer_release(&filter);
}

Test(cage, each_filter_on_each_architecture) {
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++)
        for (int which = 0; which < BB_CAGE_FILTERS; which++)
            check(&architectures[i], (enum bb_cage_filter)which);
}

/* Whatever number: nothing passes that the lists do not name. */
Test(cage, few_calls_pass) {
    static const struct {
        enum bb_cage_filter which;
        unsigned least, most;
    } few[] = {{BB_CAGE_LOCK_1, 60, 90}, {BB_CAGE_LOCK_2, 20, 26}};

    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++)
        for (size_t k = 0; k < sizeof few / sizeof few[0]; k++) {
            struct bb_buffer filter;
            struct bb_error error;
            unsigned passing = 0;
            bb_buffer_init(&filter, 64 << 10);
            cr_assert_eq(
                bb_cage_filter_of(architectures[i].of_libseccomp, few[k].which, &filter, &error),
                0);
            const struct machine m = {(const struct sock_filter *)(void *)filter.data,
                                      filter.size / sizeof(struct sock_filter)};
            for (int number = -20000; number < 20000; number++) {
                const struct seccomp_data data = {.nr = number, .arch = architectures[i].of_kernel};
                bool passes = decide(m, &data) == PASSES;
                cr_expect(!passes || number >= 0, "%s: %d passes", architectures[i].name, number);
                passing += passes;
            }
            cr_expect(passing >= few[k].least && passing <= few[k].most, "%s, filter %d: %u pass",
                      architectures[i].name, few[k].which, passing);
            bb_buffer_release(&filter);
        }
}

/* x86-64 has a third way of calling: numbers with bit 30 set. */
Test(cage, numbers_of_x32_do_not_pass) {
    for (int which = 0; which < BB_CAGE_FILTERS; which++) {
        struct bb_buffer filter;
        struct bb_error error;
        bb_buffer_init(&filter, 64 << 10);
        cr_assert_eq(
            bb_cage_filter_of(SCMP_ARCH_X86_64, (enum bb_cage_filter)which, &filter, &error), 0);
        const struct machine m = {(const struct sock_filter *)(void *)filter.data,
                                  filter.size / sizeof(struct sock_filter)};
        for (int number = 0; number < 600; number++) {
            const struct seccomp_data data = {.nr = 0x40000000 | number, .arch = AUDIT_ARCH_X86_64};
            cr_expect(decide(m, &data) != PASSES, "filter %d: x32 number %d passes", which, number);
        }
        bb_buffer_release(&filter);
    }
}
