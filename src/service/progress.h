/* Progress: what a long run tells whoever watches. Called a few times a second at most, on the
 * caller's thread; `watch` may be NULL. */
#ifndef BB_SERVICE_PROGRESS_H
#define BB_SERVICE_PROGRESS_H

#include <stdint.h>

enum bb_progress_phase { BB_PHASE_READ = 0, BB_PHASE_DERIVE, BB_PHASE_PROJECT };

struct bb_progress {
    enum bb_progress_phase phase;
    const char *subject;  /* the file being read */
    uint64_t done, total; /* bytes while reading, readings while deriving; total 0: unknown */
    uint64_t readings;    /* handled in this phase so far */
    uint64_t rejected;
};

struct bb_progress_watch {
    void (*report)(void *context, const struct bb_progress *progress);
    void *context;
};

static inline void bb_progress_tell(const struct bb_progress_watch *watch,
                                    const struct bb_progress *progress) {
    if (watch && watch->report)
        watch->report(watch->context, progress);
}

#endif
