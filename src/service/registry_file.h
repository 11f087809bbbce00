/* Registry files: master data as people write it (docs/registry.md), and the way back.
 *
 *   YAML or CSV --parse--> entries --compare--> changes --(service/master.h)--> log
 *   registry --export--> YAML
 *
 * A file is read whole or not at all. An entry of a file replaces the stored entry of its name as a
 * whole; entries that the file does not name stay. What `export` writes, `parse` and `compare` find
 * unchanged. One table per kind of entry (registry_field.c) drives reading, comparing and writing.
 */
#ifndef BB_SERVICE_REGISTRY_FILE_H
#define BB_SERVICE_REGISTRY_FILE_H

#include "model/calendar.h"
#include "port/registry.h"

enum bb_registry_format { BB_REGISTRY_AUTO = 0, BB_REGISTRY_YAML, BB_REGISTRY_CSV };
enum { BB_REGISTRY_FILE_MAX_BYTES = 1 << 30 };

struct bb_registry_file_options {
    struct bb_span tenant; /* of entries for which the file names none */
    const char *source;    /* the file's name, for messages */
    enum bb_registry_format format;
    struct bb_zone_set *zones; /* zones are looked up and kept here */
};

struct bb_registry_entry {
    struct bb_master master;
    uint64_t line; /* where it stands in the file */
};

struct bb_registry_file {
    struct bb_registry_entry *entries; /* in the order of the file; no name twice */
    uint32_t count;
};

/* Entries live in the arena; nothing borrows from `text`. -BB_E_REGISTRY_INVALID,
 * -BB_E_ZONE_UNKNOWN, -BB_E_TIME_ZONE_MISSING, -BB_E_INPUT_EMPTY, -BB_E_ENCODING with the line;
 * -BB_E_NO_MEMORY when the arena is full. */
int bb_registry_file_parse(struct bb_span text, const struct bb_registry_file_options *options,
                           struct bb_arena *arena, struct bb_registry_file *out,
                           struct bb_error *error) BB_MUST_USE;

enum bb_registry_change_kind {
    BB_REGISTRY_UNCHANGED = 0, /* no need to append it */
    BB_REGISTRY_ADDED,
    BB_REGISTRY_CHANGED
};

struct bb_registry_change {
    enum bb_registry_change_kind kind;
    const struct bb_registry_entry *entry; /* of the file */
    struct bb_span *lines; /* for people: one per field that changes, or one that sums up what is
                              new; none when nothing changes */
    uint32_t line_count;
};

struct bb_registry_changes {
    struct bb_registry_change *items; /* one per entry, in the file's order */
    uint32_t count;
    uint32_t added, changed, unchanged;
};

/* What applying the file would change. -BB_E_REGISTRY_INVALID also when a usage point names a
 * calendar or a profile that neither the file nor the registry has. Borrows `file`; the rest lives in the arena.
 */
int bb_registry_file_compare(struct bb_registry *registry, const struct bb_registry_file *file,
                             const char *source, struct bb_arena *arena,
                             struct bb_registry_changes *out, struct bb_error *error) BB_MUST_USE;

/* The entries of a tenant (empty: all tenants), current or as of a moment (BB_TIME_NONE: current),
 * as YAML, told to `write` piece by piece; a negative answer of `write` ends the export with it. */
int bb_registry_export(struct bb_registry *registry, struct bb_span tenant, int64_t as_of_ms,
                       int (*write)(void *context, struct bb_span text), void *context,
                       struct bb_error *error) BB_MUST_USE;

/* Is a rules module a text that a file can hold? UTF-8 without control characters other than line ends, tabs and form
 * feeds; 1 to BB_MASTER_SOURCE_MAX bytes. */
bool bb_registry_source_fits(struct bb_span source);
bool bb_registry_side_fits(struct bb_span text);

/* One entry as YAML, the way it stands in a file. */
void bb_registry_entry_print(const struct bb_master *master, struct bb_buffer *out);

#endif
