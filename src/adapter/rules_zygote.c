/* The zygote: see rules_process_internal.h. It is started with everything that it may ever have. */
#include "adapter/cage_internal.h"
#include "adapter/rules_package.h"
#include "adapter/rules_process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONTROL_FD = 3,
    START_MS = 20000,
    FIRST_WORD_MAX = 4 << 20,
    PATHS_MAX = 48,
    BOOT_MAX = 100 << 10
};

/* What a program finds around it: nothing of ours. One thread; texts in UTF-8; the same hashes every time. */
static char *const environment[] = {"LANG=C.UTF-8",
                                    "TZ=UTC",
                                    "PYTHONHASHSEED=0",
                                    "OPENBLAS_NUM_THREADS=1",
                                    "OMP_NUM_THREADS=1",
                                    "MKL_NUM_THREADS=1",
                                    "OPENBLAS_MAIN_FREE=1",
                                    "HOME=/nonexistent",
                                    "NPY_DISABLE_CPU_FEATURES=",
                                    NULL};

/* What the linker, the interpreter and Debian's packages are made of; the environment's own folder comes with it. */
static const char *const system_paths[] = {
    "/usr/lib",     "/usr/lib64",          "/lib",
    "/lib64",       "/usr/local/lib",      "/etc/ld.so.cache",
    "/dev/urandom", "/usr/share/zoneinfo", "/usr/include/python3.11/pyconfig.h"};
static const char *const linkers[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};

/* ---- what it is told first ------------------------------------------------------------------ */

static void put_part(struct bb_buffer *out, const char *name, struct bb_span body) {
    const uint32_t sizes[] = {(uint32_t)strlen(name), (uint32_t)body.size};

    bb_buffer_append(out, sizes, sizeof sizes);
    bb_buffer_append(out, name, sizes[0]);
    bb_buffer_append_span(out, body);
}

static int put_filters(struct bb_buffer *out, struct bb_error *error) {
    static const struct {
        const char *name;
        enum bb_cage_filter filter;
    } parts[] = {{"zygote", BB_CAGE_ZYGOTE}, {"worker", BB_CAGE_LOCK_2}};
    struct bb_buffer part;
    int result = 0;

    bb_buffer_init(&part, 64 << 10);
    for (size_t i = 0; !result && i < sizeof parts / sizeof parts[0]; i++) {
        bb_buffer_clear(&part);
        result = bb_cage_filter(parts[i].filter, &part, error);
        put_part(out, parts[i].name, bb_buffer_span(&part));
    }
    bb_buffer_clear(&part);
    bb_cage_all_files(&part);
    put_part(out, "landlock", bb_buffer_span(&part));
    bb_buffer_release(&part);
    return result;
}

/* Texts with a zero between them. */
static void put_texts(struct bb_buffer *out, const char *name, const char *const *texts) {
    struct bb_buffer part;

    bb_buffer_init(&part, 64 << 10);
    for (size_t i = 0; texts && texts[i]; i++) {
        if (i > 0)
            bb_buffer_append_byte(&part, 0);
        bb_buffer_append_span(&part, bb_span_of(texts[i]));
    }
    put_part(out, name, bb_buffer_span(&part));
    bb_buffer_release(&part);
}

static int first_word(const struct bb_rules_python_options *options, struct bb_buffer *out,
                      struct bb_error *error) {
    const uint64_t limits[] = {options->memory_bytes, options->processor_s};
    uint32_t size = 0;

    bb_buffer_append(out, &size, sizeof size);
    int result = put_filters(out, error);
    put_texts(out, "paths", options->paths);
    put_part(out, "imports", bb_span_of(options->imports ? options->imports : ""));
    put_part(out, "limits", (struct bb_span){(const char *)limits, sizeof limits});
    for (size_t i = 0; i < bb_rules_package_count; i++)
        put_part(
            out, bb_rules_package[i].name,
            (struct bb_span){(const char *)bb_rules_package[i].source, bb_rules_package[i].size});
    if (!result && out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to start Python");
    size = (uint32_t)(out->size - sizeof size);
    if (!result)
        memcpy(out->data, &size, sizeof size);
    return result;
}

/* ---- starting ------------------------------------------------------------------------------- */

struct program {
    char python[PATH_MAX];  /* where the interpreter really lies */
    char library[PATH_MAX]; /* of that interpreter */
    char venv[PATH_MAX];    /* pyvenv.cfg of what it is called from */
    const char *read[PATHS_MAX], *start[8];
    struct bb_buffer filter;
    char name[PATH_MAX]; /* what it is called: an environment is found by that */
    struct bb_buffer boot;
};

/* PREFIX/bin/python3 ─► PREFIX/BELOW */
static void beside(const char *python, const char *below, char *out) {
    struct bb_span prefix = bb_span_of(python);

    for (int up = 0; up < 2; up++)
        while (prefix.size > 0 && prefix.data[--prefix.size] != '/')
            continue;
    if (snprintf(out, PATH_MAX, "%.*s/%s", BB_SPAN_ARGS(prefix), below) >= PATH_MAX)
        out[0] = '\0';
}

static int find_paths(const struct bb_rules_python_options *options, struct program *program,
                      struct bb_error *error) {
    size_t reads = 0, starts = 0;

    snprintf(program->name, sizeof program->name, "%s", options->python);
    if (!realpath(options->python, program->python))
        return BB_FAIL_ERRNO(error, BB_E_RULES_HOST, errno, "%s cannot be started",
                             options->python);
    beside(program->python, "lib", program->library);
    beside(program->name, "pyvenv.cfg", program->venv);
    program->read[reads++] = program->library;
    program->read[reads++] = program->venv;
    for (size_t i = 0; i < sizeof system_paths / sizeof system_paths[0]; i++)
        program->read[reads++] = system_paths[i];
    for (size_t i = 0; options->paths && options->paths[i]; i++) {
        if (reads + 1 >= PATHS_MAX)
            return BB_FAIL(error, BB_E_RULES_HOST, "the environment has too many folders");
        program->read[reads++] = options->paths[i];
    }
    program->start[starts++] = program->python;
    for (size_t i = 0; i < sizeof linkers / sizeof linkers[0]; i++)
        program->start[starts++] = linkers[i];
    return 0;
}

/* In the child, between fork and exec: nothing here allocates. Standard error says what failed. */
static void become(const struct bb_rules_python_options *options, struct program *program,
                   int control_fd, int said_fd, pid_t parent) {
    char *const arguments[] = {program->name,      "-I", "-S", "-B", "-X", "utf8", "-c",
                               program->boot.data, NULL};
    const struct bb_cage_paths paths = {program->read, program->start};
    sigset_t none;
    int null_fd = open("/dev/null", O_RDWR);

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(said_fd, 2) < 0 ||
        dup2(control_fd, CONTROL_FD) < 0 || close_range(CONTROL_FD + 1, ~0U, 0) != 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (bb_cage_lock(&paths, &program->filter))
        execve(options->python, arguments, environment);
    dprintf(2, "%s: %s\n", options->python, strerror(errno));
    _exit(1);
}

static int fork_program(struct bb_zygote *zygote, struct program *program, struct bb_error *error) {
    int control[2] = {-1, -1}, said[2] = {-1, -1};
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0 ||
        pipe2(said, O_CLOEXEC | O_NONBLOCK) != 0)
        return BB_FAIL_ERRNO(error, BB_E_RULES_HOST, errno, "no channel to Python");
    zygote->pid = fork();
    if (zygote->pid == 0)
        become(zygote->options, program, control[1], said[1], parent);
    close(control[1]);
    close(said[1]);
    zygote->control_fd = control[0];
    zygote->said_fd = said[0];
    if (zygote->pid < 0) {
        zygote->pid = 0;
        return BB_FAIL_ERRNO(error, BB_E_RULES_HOST, errno, "Python cannot be started");
    }
    return 0;
}

static bool send_whole(int fd, struct bb_span bytes) {
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes.data += sent;
        bytes.size -= (size_t)sent;
    }
    return true;
}

static bool wait_ready(struct bb_zygote *zygote) {
    struct pollfd event = {.fd = zygote->control_fd, .events = POLLIN};
    char word = 0;
    int ready;

    do
        ready = poll(&event, 1, START_MS);
    while (ready < 0 && errno == EINTR);
    return ready == 1 && read(zygote->control_fd, &word, 1) == 1 && word == 'R';
}

static int start(struct bb_zygote *zygote, struct program *program, struct bb_error *error) {
    struct bb_buffer word;
    int result = find_paths(zygote->options, program, error);

    bb_buffer_init(&word, FIRST_WORD_MAX);
    if (!result)
        result = bb_cage_filter(BB_CAGE_LOCK_1, &program->filter, error);
    if (!result)
        result = first_word(zygote->options, &word, error);
    if (!result)
        result = fork_program(zygote, program, error);
    if (!result && !(send_whole(zygote->control_fd, bb_buffer_span(&word)) && wait_ready(zygote))) {
        usleep(1000);
        struct bb_span said = bb_span_trim(bb_zygote_said(zygote));
        result = BB_FAIL(error, BB_E_RULES_HOST,
                         "%s does not come up as the rules' interpreter%s%.*s",
                         zygote->options->python, said.size ? ": " : "", BB_SPAN_ARGS(said));
    }
    bb_buffer_release(&word);
    return result;
}

int bb_zygote_start(struct bb_zygote *zygote, struct bb_error *error) {
    struct program *program = calloc(1, sizeof *program);

    if (!program)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to start Python");
    bb_buffer_init(&program->filter, 64 << 10);
    bb_buffer_init(&program->boot, BOOT_MAX);
    bb_buffer_append(&program->boot, bb_rules_boot, strlen((const char *)bb_rules_boot) + 1);
    int result = bb_cage_check(zygote->options->without_landlock, error);
    if (!result)
        result = start(zygote, program, error);
    if (result)
        bb_zygote_end(zygote);
    bb_buffer_release(&program->boot);
    bb_buffer_release(&program->filter);
    free(program);
    return result;
}

void bb_zygote_end(struct bb_zygote *zygote) {
    if (zygote->pid > 0) {
        kill(zygote->pid, SIGKILL); /* and its workers with it: they asked for that */
        while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        close(zygote->control_fd);
        close(zygote->said_fd);
    }
    zygote->pid = 0;
}

struct bb_span bb_zygote_said(struct bb_zygote *zygote) {
    ssize_t got;
    char rest[BB_RULES_SAID_MAX];

    zygote->said_size = 0;
    while (zygote->said_size < sizeof zygote->said &&
           (got = read(zygote->said_fd, zygote->said + zygote->said_size,
                       sizeof zygote->said - zygote->said_size)) > 0)
        zygote->said_size += (size_t)got;
    for (int i = 0; i < 64 && read(zygote->said_fd, rest, sizeof rest) > 0; i++)
        continue; /* more than that nobody reads */
    return (struct bb_span){zygote->said, zygote->said_size};
}
