/* Files of backups: a folder that appears whole or not at all, what is in a folder, copies with their hash.
 *
 *   NAME.unfinished/ ── filled, made durable ──► rename ──► NAME/
 *        │ locked (flock) while somebody fills it
 *        └ left by a process that was killed: emptied by whoever comes next
 */
#ifndef BB_SERVICE_BACKUP_FILES_H
#define BB_SERVICE_BACKUP_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/span.h"

enum { BB_BACKUP_PATH_SIZE = 4096 - 64 };

/* ---- a folder in the making */

struct bb_staging {
    char final[BB_BACKUP_PATH_SIZE];
    char path[BB_BACKUP_PATH_SIZE]; /* final and the suffix */
    int folder;                     /* open and locked; -1: none */
};

/* `name` is to be made: it must be absent, or an empty folder, in a folder that is there
 * (-BB_E_FOLDER_OCCUPIED, -BB_E_CONFIG_INVALID). -BB_E_LOCKED: somebody is making it. `suffix` says
 * what for: ".unfinished". What a killed process left there is removed, unless somebody else's
 * files are among it. */
int bb_staging_begin(struct bb_staging *staging, const char *name, const char *suffix,
                     struct bb_error *error) BB_MUST_USE;
/* Everything in it durable, then its name. */
int bb_staging_finish(struct bb_staging *staging, struct bb_error *error) BB_MUST_USE;
/* Remove what was made; nothing after bb_staging_finish. */
void bb_staging_drop(struct bb_staging *staging);

/* ---- what is in a folder */

struct bb_file_entry {
    struct bb_span name; /* below the folder: "log/p0000/...", with a NUL behind it */
    bool empty_folder;   /* a folder that holds nothing; others are told by what they hold */
};
struct bb_file_list {
    struct bb_file_entry *entries; /* ascending by name */
    size_t count, capacity;
    struct bb_arena arena;
};
/* Of every depth; links and other things that are no files are -BB_E_BACKUP_DAMAGED. */
int bb_file_list_read(struct bb_file_list *list, const char *folder, struct bb_error *error)
    BB_MUST_USE;
void bb_file_list_release(struct bb_file_list *list);

/* ---- bytes */

/* Hash a file, and copy it to `to` (new, durable but for its name) unless that is NULL. */
int bb_file_hash(const char *path, const char *to, uint64_t *bytes, struct bb_content_hash *hash,
                 struct bb_error *error) BB_MUST_USE;
/* A new file of these bytes, durable but for its name. */
int bb_file_write(const char *path, struct bb_span bytes, struct bb_error *error) BB_MUST_USE;
/* Make the folders that `name` lies in, below `folder`. */
int bb_file_make_folders(const char *folder, struct bb_span name, struct bb_error *error)
    BB_MUST_USE;

#endif
