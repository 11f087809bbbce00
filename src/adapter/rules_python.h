/* The port "rules" by CPython: python/busbar in a process of its own, caged. See port/rules.h.
 *
 *   this process                zygote                          worker, one a set
 *   open ───── exec, lock 1 ──► imports the environment ─ fork ► lock 2, loads the module
 *   run: columns ─► shared memory (the worker reads) ──────────► numpy views
 *        checks ◄── shared memory (the worker writes) ◄───────── verdicts
 *
 * The package python/busbar is compiled into the binary: the environment needs nothing but numpy. A worker lives for
 * `recycle` calls; one that ends, hangs or breaks the layout is ended and the module loaded again in another.
 * One thread a host and its sets.
 */
#ifndef BB_ADAPTER_RULES_PYTHON_H
#define BB_ADAPTER_RULES_PYTHON_H

#include "port/rules.h"

struct bb_rules_python_options {
    const char
        *python; /* "/usr/bin/python3"; one of a virtual environment is started with its packages */
    const char *const
        *paths;            /* where its packages lie, NULL ends; NULL: asked from the interpreter */
    const char *imports;   /* further modules to import before the lock, by blanks; "": none */
    uint64_t memory_bytes; /* that a worker may have */
    uint32_t deadline_ms;  /* of a try */
    uint32_t processor_s;  /* of a worker's life: a second wall behind the deadline */
    uint32_t recycle;      /* calls; 0: never */
    uint64_t answer_bytes; /* most that a worker may write at a time */
    bool without_landlock; /* where the kernel has none, seccomp alone is enough */
};

bool bb_rules_python_has_landlock(void);

/* -BB_E_RULES_NO_CAGE; -BB_E_RULES_HOST: the interpreter does not start or has no numpy; the text says why. */
int bb_rules_python_open(const struct bb_rules_python_options *options, struct bb_rules **out,
                         struct bb_error *error) BB_MUST_USE;

#endif
