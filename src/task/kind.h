/* Kinds of tasks: what each takes and does. One table, which `busbar tasks`, its help and the worker share; a new kind is one
 * file and one row in kind.c.
 *
 * A kind is a function that may be begun again at any moment, in another process, and goes on from its last checkpoint:
 *
 *   open the plant ─► look at the checkpoint ─► [ work a piece ─► bb_task_checkpoint ]... ─► result
 *
 * What stands before a checkpoint is not done twice; what stands behind one may be, so a piece has to come to the same when it
 * is done again: a file that is renamed into its place, a file that the log knows, a version that speaks already.
 */
#ifndef BB_TASK_KIND_H
#define BB_TASK_KIND_H

#include "base/buffer.h"
#include "port/task.h"
#include "service/land.h"
#include "service/plant.h"

enum bb_task_parameter_kind {
    BB_TASK_TEXT = 0,
    BB_TASK_FLAG,
    BB_TASK_PATH, /* made absolute when the task is put: its worker stands elsewhere */
    BB_TASK_TIME  /* a date, or RFC 3339 */
};

struct bb_task_parameter {
    const char *name; /* NULL ends a list */
    enum bb_task_parameter_kind kind;
    bool required;
    const char *help;
};

struct bb_task_run; /* below */

struct bb_task_kind {
    const char *name, *summary;
    const char *what; /* its words, as help shows them; NULL: it has none */
    bool what_are_paths;
    bool what_are_modules;     /* a name of a module in DATA/rules, or a file */
    size_t what_min, what_max; /* 0: any number */
    const struct bb_task_parameter *parameters;
    int (*run)(struct bb_task_run *run, struct bb_error *error);
};

extern const struct bb_task_kind *const bb_task_kinds[];
extern const size_t bb_task_kind_count;
/* NULL: none. */
const struct bb_task_kind *bb_task_kind_find(struct bb_span name);
const struct bb_task_parameter *bb_task_parameter_find(const struct bb_task_kind *kind,
                                                       struct bb_span name);
/* A JSON object of texts and flags, `what` an array of texts: is it what the kind takes? -BB_E_TASK_ARGUMENT. */
int bb_task_arguments_check(const struct bb_task_kind *kind, struct bb_span arguments,
                            struct bb_error *error) BB_MUST_USE;

/* ---- what the process of a worker lends to tasks: opening a plant depends on whether a server has it. Called on the thread that
 * the task runs on. */
struct bb_task_plant {
    struct bb_plant plant;
    void *lent; /* the lender's own */
};
struct bb_task_change { /* of something people ask who changed it: it is in the audit log */
    const char *verb, *subject, *reason; /* reason may be NULL */
    int (*work)(void *context, struct bb_error *error);
    void *context;
};
struct bb_task_tools {
    void *context;
    int (*open)(void *context, struct bb_span tenant, enum bb_plant_mode mode,
                struct bb_task_plant *out, struct bb_error *error);
    void (*close)(void *context, struct bb_task_plant *plant);
    /* One file, as bb_land_file; the form is read from the task's arguments. */
    int (*land)(void *context, struct bb_task_plant *plant, const char *path,
                const struct bb_task_run *run, struct bb_land_report *report,
                struct bb_error *error);
    /* What is in the log is derived and listed: done here, or waited for where a server does it. */
    int (*follow)(void *context, struct bb_task_plant *plant, struct bb_task_run *run,
                  struct bb_error *error);
    /* Does the change's work between its entry in the audit log and that of its outcome. */
    int (*change)(void *context, struct bb_task_plant *plant, const struct bb_task_run *run,
                  const struct bb_task_change *change, struct bb_error *error);
};

/* ---- what a kind has while it runs */

const struct bb_task *bb_task_of(const struct bb_task_run *run);
const struct bb_task_tools *bb_task_tools(const struct bb_task_run *run);
const char *bb_task_text(const struct bb_task_run *run, const char *name); /* NULL: not given */
bool bb_task_flag(const struct bb_task_run *run, const char *name);
size_t bb_task_what_count(const struct bb_task_run *run);
const char *bb_task_what(const struct bb_task_run *run, size_t i);
/* BB_TIME_NONE where it is not given. */
int bb_task_time(const struct bb_task_run *run, const char *name, int64_t *ms,
                 struct bb_error *error) BB_MUST_USE;
/* Its result, a JSON object; written once, at the end. */
struct bb_buffer *bb_task_result(struct bb_task_run *run);

/* Set when it is to end soon: for work that looks at a flag. */
const volatile bool *bb_task_end_flag(const struct bb_task_run *run);
/* How far it is; cheap, and written only now and then. These three return 0, or -BB_E_TASK_INTERRUPTED when the task is to
 * end now, which is passed up. */
int bb_task_tell(struct bb_task_run *run, uint64_t done, uint64_t total, struct bb_error *error,
                 const char *format, ...) BB_PRINTF(5, 6) BB_MUST_USE;
/* The same, and how far it is stays what it was. */
int bb_task_look(struct bb_task_run *run, struct bb_error *error) BB_MUST_USE;
/* Durable when it returns 0, and nobody else has the task: whoever was stopped for a while is told here. */
int bb_task_checkpoint(struct bb_task_run *run, struct bb_span checkpoint, struct bb_error *error)
    BB_MUST_USE;

#endif
