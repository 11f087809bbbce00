/* The cage: what a process may not do, by Landlock (files, network, signals) and seccomp (system calls). Linux.
 *
 *   lock no. 1  before a program of a customer's environment starts: it reads its own folders, writes nothing, has no
 *               network, starts no program but itself, forks
 *   zygote      put on by that program as its first act: it starts no program at all
 *   lock no. 2  put on by a worker before the customer's module is loaded: no file, no process, few calls
 *
 * Filters are made here for the machine's architecture and handed on as BPF, so that the policy stands in one place.
 */
#ifndef BB_ADAPTER_CAGE_INTERNAL_H
#define BB_ADAPTER_CAGE_INTERNAL_H

#include "base/buffer.h"
#include "base/error.h"

enum bb_cage_filter { BB_CAGE_LOCK_1 = 0, BB_CAGE_ZYGOTE, BB_CAGE_LOCK_2, BB_CAGE_FILTERS };

/* What lock no. 1 leaves to read and to start: absolute paths; NULL ends a list. What is not there is passed over. */
struct bb_cage_paths {
    const char *const *read;
    const char *const *start;
};

/* -BB_E_RULES_NO_CAGE: this kernel has no Landlock (`without_landlock`: that is put up with) or seccomp. */
int bb_cage_check(bool without_landlock, struct bb_error *error) BB_MUST_USE;
/* struct sock_filter items. */
int bb_cage_filter(enum bb_cage_filter which, struct bb_buffer *out, struct bb_error *error)
    BB_MUST_USE;
/* The same for another architecture: an SCMP_ARCH_ of libseccomp; 0: this machine's. */
int bb_cage_filter_of(uint32_t architecture, enum bb_cage_filter which, struct bb_buffer *out,
                      struct bb_error *error) BB_MUST_USE;
/* struct landlock_ruleset_attr of all that this kernel can forbid; nothing where it has no Landlock. */
void bb_cage_all_files(struct bb_buffer *out);

/* Lock this process: for a child between fork and exec. Where there is no Landlock, files are locked only as far as the
 * filter goes (who does not put up with that has checked). False: errno says why, and nothing must be run. */
bool bb_cage_lock(const struct bb_cage_paths *paths, const struct bb_buffer *filter) BB_MUST_USE;

#endif
