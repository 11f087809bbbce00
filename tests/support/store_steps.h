/* Numbered commits whose every part says which number it is, and a look whether a store shows one
 * number only: the way to find a torn commit. And processes to make them.
 *
 * Step N of a partition writes its number into STORE_STEP_BLOCKS blocks whose sizes change from step
 * to step (so that pages split and merge), one name and one outbox record, and moves the position to
 * N. No Criterion: children of a test use it, too.
 */
#ifndef SUPPORT_STORE_STEPS_H
#define SUPPORT_STORE_STEPS_H

#include <sys/types.h>

#include "adapter/embedded.h"

enum { STORE_STEP_BLOCKS = 300, STORE_STEP_LOG = 77 };

/* The next step after claim->position; the outcome of the commit. Moves claim->position when done.
 */
int store_step(struct bb_store *store, uint32_t partition, struct bb_claim *claim,
               struct bb_error *error);
/* One new view: NULL when it shows exactly the steps up to *number, else what is wrong. Steps whose
 * outbox records were trimmed are not missed. */
const char *store_steps_look(struct bb_store *store, uint32_t partition, uint64_t *number);

/* A child process that runs `run` and ends with its result. It must be started before this process
 * opens an environment. The two talk in single bytes; a child that hears EOF (0) has lost its
 * parent. */
struct store_child {
    pid_t pid;
    int hear, say; /* file descriptors */
};
typedef int store_child_run(struct store_child *self, const char *directory);
void store_child_start(struct store_child *child, store_child_run *run, const char *directory);
void store_child_say(const struct store_child *child, char word);
char store_child_hear(const struct store_child *child);
/* Wait until it has stopped itself (SIGSTOP). */
void store_child_wait_stopped(const struct store_child *child);
/* Wait until it has ended: its result, or -SIGNAL. Closes the talk. */
int store_child_end(struct store_child *child);

#endif
