/* The SQLite file of queue and tasks, from the inside: a handle, its statements, its errors, its bell.
 *
 *   queue_file.c      open, close, statements, errors, the tables
 *   queue_bell.c      FILE.wake: how a sleeper in another process hears of what was put
 *   queue_embedded.c  port/queue.h          task_table_embedded.c  port/task.h
 *
 * A handle belongs to one thread at a time. Journal WAL, synchronous FULL: a put that was answered for is on disk.
 * A transaction that writes begins as one (IMMEDIATE), so that two processes wait for each other and never fail half way.
 */
#ifndef BB_ADAPTER_QUEUE_FILE_INTERNAL_H
#define BB_ADAPTER_QUEUE_FILE_INTERNAL_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "adapter/queue.h"

enum { QUEUE_FILE_STATEMENTS_MAX = 24 };

struct queue_bell {
    int fd; /* -1: closed */
    _Atomic uint32_t *word;
};

struct queue_file {
    sqlite3 *db;
    const char *const *texts; /* of the statements, by number; prepared at their first use */
    sqlite3_stmt *statements[QUEUE_FILE_STATEMENTS_MAX];
    struct queue_bell bell;
    char path[4096];
};

int bb_queue_file_open(struct queue_file *file, const char *path, const char *const *texts,
                       struct bb_error *error) BB_MUST_USE;
void bb_queue_file_close(struct queue_file *file);
int bb_queue_file_begin(struct queue_file *file, struct bb_error *error) BB_MUST_USE;
/* Commit when `result` is not negative, else roll back; returns `result`, or why it could not be committed. */
int bb_queue_file_end(struct queue_file *file, int result, struct bb_error *error) BB_MUST_USE;
/* Rows changed by the last statement. */
static inline int bb_queue_file_changes(struct queue_file *file) {
    return sqlite3_changes(file->db);
}

/* A statement on its way: parameters are bound in order, then it is stepped or run. The first thing that goes
 * wrong stays in `result` (a code of SQLite's) and makes the rest a no-op. */
struct queue_sql {
    struct queue_file *file;
    sqlite3_stmt *statement;
    int parameter; /* bound so far */
    int result;
};
struct queue_sql bb_queue_sql(struct queue_file *file, unsigned which);
void bb_queue_sql_text(struct queue_sql *sql, struct bb_span text);
void bb_queue_sql_bytes(struct queue_sql *sql, struct bb_span bytes);
void bb_queue_sql_integer(struct queue_sql *sql, int64_t value);
/* True while there is a row. */
bool bb_queue_sql_step(struct queue_sql *sql);
int bb_queue_sql_end(struct queue_sql *sql, const char *doing, struct bb_error *error) BB_MUST_USE;
int bb_queue_sql_run(struct queue_sql *sql, const char *doing, struct bb_error *error) BB_MUST_USE;
struct bb_span bb_queue_row_bytes(const struct queue_sql *sql, int column);
int64_t bb_queue_row_integer(const struct queue_sql *sql, int column);
/* NULL is BB_TIME_NONE. */
int64_t bb_queue_row_time(const struct queue_sql *sql, int column);

int bb_queue_bell_open(struct queue_bell *bell, const char *path, struct bb_error *error)
    BB_MUST_USE;
void bb_queue_bell_close(struct queue_bell *bell);
uint32_t bb_queue_bell_heard(const struct queue_bell *bell);
void bb_queue_bell_ring(struct queue_bell *bell);
/* Sleep until it rings after `heard`: true. False: timeout_ms are over, or a signal came. */
bool bb_queue_bell_wait(struct queue_bell *bell, uint32_t heard, int timeout_ms);

#endif
