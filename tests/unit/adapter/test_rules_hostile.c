/* Rules that want out: what they try is refused, costs their own window, and leaves nothing behind.
 *
 * Each row tries one thing in the middle one of three windows, and says 666 if it worked. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/rules_python.h"

enum { WINDOWS = 3, LENGTH = 4, POINTS = WINDOWS * LENGTH, SOURCE_MAX = 4096, SIDE_POINTS = 4 };

static const char *const debian_paths[] = {"/usr/lib/python3/dist-packages", NULL};
static const struct bb_rules_python_options options = {.python = "/usr/bin/python3",
                                                       .paths = debian_paths,
                                                       .memory_bytes = 256 << 20,
                                                       .deadline_ms = 700,
                                                       .processor_s = 60,
                                                       .answer_bytes = 1 << 20};

/* `does` has the lines of the attempt; what it may import was imported by the interpreter before it was locked in, or
 * not at all. Rows without an exception of their own are those that only waste. */
static const struct hostile {
    const char *name, *does;
} rows[] = {
    {"read_a_file", "open('/etc/passwd').read()"},
    {"write_a_file", "open(escaped, 'w').write('x')"},
    {"write_by_descriptor", "os.write(os.open(escaped, os.O_CREAT | os.O_WRONLY), b'x')"},
    {"list_a_folder", "os.listdir('/')"},
    {"stat_a_file", "os.stat('/etc/passwd')"},
    {"remove_a_file", "os.unlink(canary)"},
    {"rename_a_file", "os.rename(canary, escaped)"},
    {"make_a_folder", "os.mkdir(escaped)"},
    {"link_a_file", "os.symlink('/etc/passwd', escaped)"},
    {"change_rights", "os.chmod(canary, 0o777)"},
    {"change_folder", "os.chdir('/tmp')"},
    {"change_root", "os.chroot('/tmp')"},
    {"read_proc", "open('/proc/self/environ').read()"},
    {"read_parents_memory", "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)"},
    {"tcp_socket", "import socket; socket.socket()"},
    {"udp_socket", "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"},
    {"unix_socket", "import socket; socket.socket(socket.AF_UNIX)"},
    {"netlink_socket", "import socket; socket.socket(socket.AF_NETLINK)"},
    {"socket_pair", "import socket; socket.socketpair()"},
    {"raw_call_socket", "must(libc().socket(2, 1, 0))"},
    {"fork", "os.fork() or os._exit(0)"},
    {"vfork", "must(libc().vfork())"},
    {"clone_name_space", "must(libc().unshare(0x10000000))"},
    {"raw_clone", "must(libc().syscall(call(56, 220), 17, 0, 0, 0, 0))"},
    {"raw_clone3", "must(libc().syscall(435, 0, 0))"},
    {"exec", "os.execv('/bin/true', ['true'])"},
    {"exec_itself", "os.execv('/usr/bin/python3', ['python3', '-c', ''])"},
    {"spawn", "os.posix_spawn('/bin/true', ['true'], {})"},
    {"system", "must(-os.system('true'))"},
    {"subprocess", "import subprocess; subprocess.run(['true'])"},
    {"thread", "import _thread; _thread.start_new_thread(print, ())"},
    {"ptrace", "must(libc().ptrace(16, os.getppid(), 0, 0))"},
    {"read_other_memory", "must(libc().process_vm_readv(os.getppid(), 0, 0, 0, 0, 0))"},
    {"kill_the_parent", "os.kill(os.getppid(), 9)"},
    {"kill_everyone", "os.kill(-1, 15)"},
    {"stop_the_parent", "os.kill(os.getppid(), 19)"},
    {"signal_by_descriptor", "must(libc().syscall(434, os.getppid(), 0))"},
    {"raise_limits",
     "import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))"},
    {"change_user", "os.setuid(0)"},
    {"change_priority", "os.nice(-5)"},
    {"mount", "must(libc().mount(b'none', b'/tmp', b'tmpfs', 0, 0))"},
    {"anonymous_file", "os.memfd_create('x')"},
    {"io_uring", "must(libc().syscall(425, 1, 0))"},
    {"bpf", "must(libc().syscall(call(321, 280), 0, 0, 0))"},
    {"perf_events", "must(libc().syscall(call(298, 241), 0, 0, -1, -1, 0))"},
    {"user_faults", "must(libc().syscall(call(323, 282), 0))"},
    {"key_ring", "must(libc().syscall(call(250, 219), 0, 0))"},
    {"change_a_filter", "must(libc().prctl(22, 1, 0))"},
    {"executable_memory", "mapped(libc(), 7, 0x22)"},
    {"shared_memory", "mapped(libc(), 3, 0x21)"},
    {"make_executable",
     "a = mapped(libc(), 3, 0x22); must(libc().mprotect(ctypes.c_void_p(a), 4096, 5))"},
    {"late_import", "import this_is_not_there"},
    {"late_import_of_a_file", "import sqlite3"},
    {"open_pipe", "os.pipe()"},
    {"duplicate_a_descriptor", "os.dup(0)"},
    {"write_to_inputs", "w.value[0] = 1"},
    {"make_inputs_writable", "w.value.flags.writeable = True; w.value[0] = 1"},
    {"write_to_inputs_by_address", "ctypes.memset(w.value.ctypes.data, 1, 8)"},
    {"memory_bomb", "kept = [np.ones(1 << 25) for _ in range(100)]"},
    {"text_bomb", "kept = 'x' * (1 << 33)"},
    {"stack_overflow_in_python", "(f := lambda: f())()"},
    {"stack_overflow_in_c", "sys.setrecursionlimit(1 << 30); (f := lambda: f())()"},
    {"spin", "while True: pass"},
    {"sleep", "import time; time.sleep(3600)"},
    {"wait_for_ever", "os.read(wake(), 8); os.read(wake(), 8)"},
    {"leave", "os._exit(0)"},
    {"leave_by_exception", "raise SystemExit(0)"},
    {"abort", "os.abort()"},
    {"segfault", "ctypes.string_at(0)"},
    {"huge_print", "print('x' * (1 << 22)); raise ValueError('printed')"},
    {"huge_reason", "w.flag(w.new, 'x' * (1 << 20))"},
    {"many_reasons", "[w.flag(w.new, str(i)) for i in range(70000)]"},
    {"many_exceptions", "[w.exception('x' * 400) for i in range(100000)]"},
    {"wrong_shape", "w.flag(np.ones(99, bool), 'shape')"},
    {"wrong_type", "w.flag('everything', 'type')"},
    {"not_a_number", "w.correct(w.new, np.full(4, np.nan), 'nan')"},
    {"infinite", "w.correct(w.new, np.full(4, np.inf), 'inf')"},
    {"write_to_another_channel", "w.others['b'].value[0] = 1"},
    {"make_another_channel_writable",
     "a = w.others['b'].value; a.flags.writeable = True; a[0] = 1"},
    {"write_to_another_channel_by_address", "ctypes.memset(w.others['b'].value.ctypes.data, 1, 8)"},
    {"write_to_a_side_input", "w.side['t'].value[0] = 1"},
    {"make_a_side_input_writable", "a = w.side['t'].value; a.flags.writeable = True; a[0] = 1"},
    {"write_to_a_side_input_by_address", "ctypes.memset(w.side['t'].ts.ctypes.data, 1, 8)"},
    {"map_a_side_input_anew",
     "a = w.side['t'].value.ctypes.data & ~4095; "
     "must(libc().mprotect(ctypes.c_void_p(a), 4096, 3)); ctypes.memset(a, 1, 8)"},
    {"replace_a_side_input", "w.side['t'].value = np.full(2, 666.0)"},
    {"replace_all_side_inputs", "w.side['t'] = None"},
    {"write_to_the_profile", "w.profile[0] = 1"},
    {"another_name", "w.others['unnamed']"},
    {"another_side_input", "w.side['/etc/passwd']"},
    {"aligned_to_nothing", "w.aligned('unnamed')"},
    {"side_input_at_no_time", "w.side['t'].at(['yesterday'])"},
    {"side_input_of_another_shape", "w.correct(w.new, w.side['t'].value[:3], 'shape')"},
    {"flood_of_unknown", "w.correct(w.new, w.aligned('b') * np.nan, 'nan')"},
    {"flood_of_unknown_evidence",
     "w.flag(w.new, 'nan', **{f'e{i}': w.value * np.nan for i in range(99)})"},
    {"package_that_is_not_there", "w.to_pandas()"},
    {"package_through_the_back", "sys.modules['pandas'] = None; w.to_pandas()"},
    {"lies_about_verdicts", "w._verdicts.verdict[:] = 77; raise_nothing = 1; stop()"},
};

static const char frame[] =
    "import ctypes, os, sys\n"
    "import numpy as np\n"
    "from busbar import rule\n"
    "def libc():\n"
    "    return ctypes.CDLL(None, use_errno=True)\n"
    "def call(x86_64, aarch64):\n"
    "    return aarch64 if 'aarch64' in sys.implementation._multiarch else x86_64\n"
    "def must(result):\n"
    "    if result < 0: raise OSError(ctypes.get_errno(), 'refused')\n"
    "def mapped(c, protection, flags):\n"
    "    c.mmap.restype = ctypes.c_ssize_t\n"
    "    a = c.mmap(None, ctypes.c_size_t(4096), protection, flags, -1, ctypes.c_size_t(0))\n"
    "    must(a)\n"
    "    return a\n"
    "def wake():\n"
    "    return next(fd for fd in range(3, 64) if fd_is_open(fd))\n"
    "def fd_is_open(fd):\n"
    "    try: os.read(fd, 0); return True\n"
    "    except OSError as error: return error.errno != 9\n"
    "def stop():\n"
    "    raise RuntimeError('done')\n"
    "canary, escaped = '/tmp/busbar-canary-%d', '/tmp/busbar-escaped-%d'\n"
    "@rule(inputs='1.8.0', others={'b': 'b'}, side={'t': 't.csv'})\n"
    "def hostile(w):\n"
    "    assert (w.side['t'].value == 3).all() and (w.others['b'].value == 4).all() and (w.profile == 5).all()\n"
    "    if w.value[0] != 1:\n"
    "        w.flag(w.new, 'fine')\n"
    "        return\n"
    "    %s\n"
    "    w.correct(w.new, np.full(len(w), 666.0), 'escaped')\n";

struct outcome {
    uint8_t verdict[POINTS];
    double value[POINTS];
    int seen[WINDOWS];
    bool spoiled; /* raised, or in a failure: the middle one */
};

static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct outcome *out = context;

    (void)error;
    memcpy(out->verdict + part->first_point, part->verdict, part->points);
    memcpy(out->value + part->first_point, part->value, part->points * sizeof *part->value);
    for (uint32_t i = 0; i < part->windows; i++) {
        out->seen[part->first + i]++;
        if (part->first + i == 1)
            out->spoiled |= part->raised[i] != 0;
    }
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct outcome *out = context;

    (void)error;
    out->seen[failure->window]++;
    out->spoiled |= failure->window == 1;
    return 0;
}

static void run(struct bb_rules *rules, struct bb_rules_set *set, struct outcome *out) {
    static const uint32_t offset[] = {0, LENGTH, 2 * LENGTH, 3 * LENGTH};
    static const uint32_t judge[WINDOWS], quality[POINTS];
    static const int64_t interval[WINDOWS], end[POINTS];
    static const int32_t utc_offset[POINTS];
    double value[POINTS], other[POINTS], profile[POINTS];
    const struct bb_rules_batch batch = {
        .others = {.count = 1, .offset = offset, .end_ms = end, .value = other, .quality = quality},
        .profile = profile,
        .windows = WINDOWS,
        .offset = offset,
        .judge = judge,
        .interval_ms = interval,
        .end_ms = end,
        .utc_offset_s = utc_offset,
        .value = value,
        .quality = quality};
    const struct bb_rules_sink sink = {take_part, take_failure, out};
    struct bb_error error;

    for (uint32_t i = 0; i < POINTS; i++) {
        value[i] = i / LENGTH;
        other[i] = 4;
        profile[i] = 5;
    }
    memset(out, 0, sizeof *out);
    cr_assert_eq(rules->ops->run(set, &batch, &sink, &error), 0, "%s", error.text);
}

/* Children of this process, and theirs, that are still there. */
static int count_processes(void) {
    char path[64], text[256];
    int count = 0;
    DIR *dir = opendir("/proc");
    const struct dirent *entry;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        int parent;
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%.32s/stat", entry->d_name);
        FILE *file = fopen(path, "re");
        size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
        if (file)
            fclose(file);
        text[size] = '\0';
        const char *bracket = strrchr(text, ')');
        count += bracket && sscanf(bracket, ") %*c %d", &parent) == 1 && parent == getpid();
    }
    closedir(dir);
    return count;
}

static void try_all(void) {
    static const int64_t side_ts[SIDE_POINTS] = {1, 2, 3, 4};
    static const double side_value[SIDE_POINTS] = {3, 3, 3, 3};
    const struct bb_rules_side side = {BB_SPAN("t.csv"), side_ts, side_value, SIDE_POINTS};
    char source[SOURCE_MAX], canary[64], escaped[64];
    struct bb_rules *rules;
    struct bb_error error;
    struct outcome out;

    snprintf(canary, sizeof canary, "/tmp/busbar-canary-%d", (int)getpid());
    snprintf(escaped, sizeof escaped, "/tmp/busbar-escaped-%d", (int)getpid());
    int fd = open(canary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(bb_rules_python_open(&options, &rules, &error), 0, "%s", error.text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bb_rules_set *set;
        struct bb_span told;
        snprintf(source, sizeof source, frame, (int)getpid(), (int)getpid(), rows[i].does);
        cr_assert_eq(rules->ops->load(rules, BB_SPAN("rules/hostile.py"), bb_span_of(source), &set,
                                      &told, &error),
                     0, "%s: %s %.*s", rows[i].name, error.text, BB_SPAN_ARGS(told));
        cr_assert_eq(rules->ops->side(set, &side, 1, &error), 0, "%s", error.text);
        run(rules, set, &out);
        for (uint32_t w = 0; w < WINDOWS; w++)
            cr_expect_eq(out.seen[w], 1, "%s: window %u was told %d times", rows[i].name, w,
                         out.seen[w]);
        cr_expect(out.spoiled, "%s: nobody was told", rows[i].name);
        for (uint32_t p = 0; p < POINTS; p++)
            cr_expect_eq(out.verdict[p], p / LENGTH == 1 ? BB_RULES_NOTHING : BB_RULES_FLAG,
                         "%s: point %u has %d", rows[i].name, p, out.verdict[p]);
        rules->ops->unload(set);
        cr_expect_eq(count_processes(), 1, "%s: there are %d processes", rows[i].name,
                     count_processes());
    }
    rules->ops->close(rules);
    cr_expect_eq(count_processes(), 0);
    cr_expect_eq(access(canary, F_OK), 0);
    cr_expect_neq(access(escaped, F_OK), 0);
    unlink(canary);
}

Test(rules_hostile, what_a_rule_tries_is_refused, .timeout = 300) {
    try_all();
}

Test(rules_hostile, nor_may_it_without_privilege, .timeout = 300) {
    if (getuid() == 0)
        cr_assert(setgid(65534) == 0 && setuid(65534) == 0);
    try_all();
}

/* Before any window: in the module's body. */
static const struct hostile bodies[] = {
    {"exit", "import os; os._exit(0)"},
    {"spin", "while True: pass"},
    {"fork", "import os; os.fork()"},
    {"raise", "raise ValueError('no')"},
    {"file", "open('/etc/passwd')"},
    {"nothing", "x = 1"},
    {"syntax", "def f(:"},
    {"memory", "x = 'x' * (1 << 40)"},
    {"segfault", "import ctypes; ctypes.string_at(0)"},
};

Test(rules_hostile, a_module_that_does_not_load_says_why, .timeout = 100) {
    struct bb_rules *rules;
    struct bb_error error;

    cr_assert_eq(bb_rules_python_open(&options, &rules, &error), 0, "%s", error.text);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct bb_rules_set *set;
        struct bb_span told;
        int result = rules->ops->load(rules, BB_SPAN("rules/body.py"), bb_span_of(bodies[i].does),
                                      &set, &told, &error);
        cr_expect_eq(result, -BB_E_RULE_LOAD, "%s: %d", bodies[i].name, result);
        cr_expect(told.size > 0 || strlen(error.text) > 20, "%s: %s", bodies[i].name, error.text);
        if (set)
            rules->ops->unload(set);
    }
    rules->ops->close(rules);
    cr_expect_eq(count_processes(), 0);
}
