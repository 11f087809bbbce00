/* A cut through a log: see cut.h. All ends are read twice; when nothing moved between, they were all
 * true at the moment between, because ends only grow. */
#include "service/cut.h"

#include <sched.h>

enum { TRIES = 100000 };

static int read_ends(struct bb_log *log, struct bb_log_end *ends, bool *same,
                     struct bb_error *error) {
    *same = true;
    for (uint32_t p = 0; p <= log->partitions; p++) {
        struct bb_log_end end;
        int result = log->ops->end(log, p, &end, error);
        if (result < 0)
            return result;
        *same = *same && end.offset == ends[p].offset && end.first_offset == ends[p].first_offset;
        ends[p] = end;
    }
    return 0;
}

int bb_log_cut(struct bb_log *log, struct bb_log_end *ends, struct bb_error *error) {
    bool same;
    int result;

    for (uint32_t p = 0; p <= log->partitions; p++)
        ends[p] = (struct bb_log_end){.offset = UINT64_MAX};
    for (int try = 0; try < TRIES; try++) {
        result = read_ends(log, ends, &same, error);
        if (result < 0 || same)
            return result;
        if (try % 16 == 15)
            sched_yield();
    }
    result = BB_FAIL(error, BB_E_LOCKED, "the log grew all the while its end was looked for");
    error->retriable = true;
    return result;
}
