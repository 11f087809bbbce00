/* One registry file at a time: see registry_turn.h. */
#include "service/registry_turn.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOOK_MS = 5 };

int bb_registry_turn_take(const struct bb_plant *plant, int patience_ms, int *turn,
                          struct bb_error *error) {
    int64_t until_ns = bb_monotonic_ns() + (int64_t)patience_ms * 1000000;
    int folder = open(plant->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = folder < 0 ? errno : 0;

    while (!why && flock(folder, LOCK_EX | LOCK_NB) != 0) {
        why = errno == EINTR ? 0 : errno;
        if (why == EWOULDBLOCK && bb_monotonic_ns() < until_ns) {
            why = 0;
            usleep(LOOK_MS * 1000);
        }
    }
    *turn = why ? -1 : folder;
    if (!why)
        return 0;
    if (folder >= 0)
        close(folder);
    if (why != EWOULDBLOCK)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "cannot lock %s", plant->directory);
    int failed = BB_FAIL(error, BB_E_LOCKED,
                         "other registry files are being applied: try again, nothing was changed");
    error->retriable = true;
    return failed;
}

void bb_registry_turn_end(int turn) {
    if (turn >= 0)
        close(turn);
}
