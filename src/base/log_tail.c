/* The last lines of a log: see log_tail.h. */
#include "base/log_tail.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FIELDS_MAX = 24, TEXT_MOST_BYTES = 512, PATIENCE_MS = 1000 };
enum ring { RING_LINES = 0, RING_DECISIONS, RINGS };

/* No pointers: each process has it at an address of its own. */
struct bb_log_tail {
    uint64_t size;        /* another build's memory is not ours */
    pthread_mutex_t lock; /* of all processes; guards all below */
    uint64_t newest;      /* serial */
    uint64_t counts[RINGS];
    struct bb_log_tail_line lines[RINGS][BB_LOG_TAIL_LINES];
};
_Static_assert(sizeof(struct bb_log_tail_line) == 1016, "a line takes a KiB or less");

/* ---- the memory */

static struct bb_log_tail *map(int fd) {
    void *at = mmap(NULL, sizeof(struct bb_log_tail), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

static bool lock_init(pthread_mutex_t *lock) {
    pthread_mutexattr_t attributes;

    if (pthread_mutexattr_init(&attributes) != 0)
        return false;
    bool good = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                pthread_mutex_init(lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return good;
}

struct bb_log_tail *bb_log_tail_share(int *fd) {
    struct bb_log_tail *tail = NULL;

    *fd = memfd_create("busbar-log-tail", MFD_CLOEXEC);
    if (*fd >= 0 && ftruncate(*fd, sizeof *tail) == 0)
        tail = map(*fd);
    if (tail && lock_init(&tail->lock)) {
        tail->size = sizeof *tail;
        return tail;
    }
    if (tail)
        munmap(tail, sizeof *tail);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return NULL;
}

struct bb_log_tail *bb_log_tail_join(int fd) {
    struct stat found;
    struct bb_log_tail *tail = NULL;

    if (fstat(fd, &found) == 0 && found.st_size == (off_t)sizeof *tail)
        tail = map(fd);
    if (tail && tail->size != sizeof *tail) {
        munmap(tail, sizeof *tail);
        tail = NULL;
    }
    if (tail)
        close(fd);
    return tail;
}

/* What a holder left that was killed is whole but for its line, which has no serial yet. One that is stopped is not waited
 * for: false. */
static bool lock(struct bb_log_tail *tail) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PATIENCE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int result = pthread_mutex_clocklock(&tail->lock, CLOCK_MONOTONIC, &until);
    if (result == EOWNERDEAD)
        result = pthread_mutex_consistent(&tail->lock);
    return result == 0;
}

/* ---- one line */

/* At most `most` bytes, and no part of a character. */
static struct bb_span cut(struct bb_span text, size_t most) {
    if (text.size <= most)
        return text;
    while (most > 0 && ((unsigned char)text.data[most] & 0xc0) == 0x80)
        most--;
    return (struct bb_span){text.data, most};
}

/* Its JSON with no text longer than `most`; false: it does not fit. */
static bool format(struct bb_log_tail_line *line, int64_t now_ms, const char *message,
                   const struct bb_log_field *fields, size_t field_count, size_t most) {
    enum { BRACES = 3 }; /* {...} and the line end */
    struct bb_log_field short_fields[FIELDS_MAX];
    char short_message[TEXT_MOST_BYTES + 1];
    struct bb_span said = cut(bb_span_of(message), most);
    struct bb_buffer out;

    memcpy(short_message, said.data, said.size);
    short_message[said.size] = '\0';
    for (size_t i = 0; i < field_count; i++) {
        short_fields[i] = fields[i];
        short_fields[i].text = cut(fields[i].text, most);
    }
    bb_buffer_init(&out, BB_LOG_TAIL_BYTES + BRACES);
    bb_log_line_format(BB_LOG_JSON, now_ms, (enum bb_log_level)line->level, short_message,
                       short_fields, field_count, &out);
    bool fits = !out.overflow;
    if (fits) {
        line->size = (uint16_t)(out.size - BRACES);
        memcpy(line->members, out.data + 1, line->size);
    }
    bb_buffer_release(&out);
    return fits;
}

/* All texts are cut alike, as nobody knows which one matters; then the last fields go. */
static void fill(struct bb_log_tail_line *line, int64_t now_ms, const char *message,
                 const struct bb_log_field *fields, size_t field_count) {
    size_t most = TEXT_MOST_BYTES;

    if (field_count > FIELDS_MAX)
        field_count = FIELDS_MAX;
    while (!format(line, now_ms, message, fields, field_count, most) && most + field_count > 0) {
        if (most > 0)
            most /= 2;
        else
            field_count--;
    }
}

static bool is_decision(const struct bb_log_field *fields, size_t field_count) {
    for (size_t i = 0; i < field_count; i++)
        if (strcmp(fields[i].name, "decision") == 0)
            return true;
    return false;
}

void bb_log_tail_put(struct bb_log_tail *tail, int64_t now_ms, enum bb_log_level level,
                     const char *message, const struct bb_log_field *fields, size_t field_count) {
    struct bb_log_tail_line line = {.process = (int32_t)getpid(), .level = (uint16_t)level};
    enum ring ring = is_decision(fields, field_count) ? RING_DECISIONS : RING_LINES;

    fill(&line, now_ms, message, fields, field_count);
    if (line.size == 0 || !lock(tail)) /* no memory; no patience */
        return;
    struct bb_log_tail_line *slot = &tail->lines[ring][tail->counts[ring]++ % BB_LOG_TAIL_LINES];
    slot->serial = 0; /* it is no line as long as it is written */
    atomic_signal_fence(memory_order_seq_cst);
    memcpy((char *)slot + sizeof slot->serial, (char *)&line + sizeof line.serial,
           offsetof(struct bb_log_tail_line, members) - sizeof line.serial + line.size);
    atomic_signal_fence(memory_order_seq_cst);
    slot->serial = ++tail->newest;
    pthread_mutex_unlock(&tail->lock);
}

/* ---- asking */

uint64_t bb_log_tail_newest(struct bb_log_tail *tail) {
    if (!lock(tail))
        return 0;
    uint64_t newest = tail->newest;
    pthread_mutex_unlock(&tail->lock);
    return newest;
}

bool bb_log_tail_before(struct bb_log_tail *tail, uint64_t serial, enum bb_log_level least,
                        bool decisions_only, struct bb_log_tail_line *out) {
    const struct bb_log_tail_line *found = NULL;

    if (!lock(tail))
        return false;
    for (int ring = decisions_only ? RING_DECISIONS : RING_LINES; ring < RINGS; ring++)
        for (int i = 0; i < BB_LOG_TAIL_LINES; i++) {
            const struct bb_log_tail_line *line = &tail->lines[ring][i];
            if (line->serial > 0 && line->serial < serial && line->level >= least &&
                (!found || line->serial > found->serial))
                found = line;
        }
    if (found)
        *out = *found;
    pthread_mutex_unlock(&tail->lock);
    return found != NULL;
}
