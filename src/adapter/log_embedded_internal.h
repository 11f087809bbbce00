/* The embedded log from the inside: what is on the disk, and who may touch what in memory.
 *
 *   DIR/log.meta   identity, number of partitions            written once, by rename
 *   DIR/lock       flock of the one appender, its pid        for people who ask "who?"
 *   DIR/tail       one page or so, mapped by every process   durable ends, wake-up word
 *   DIR/p0000/     00000000000000000000.seg  00000000000268435392.seg ...
 *   DIR/p0008/     the last folder is the control partition
 *
 * An offset is a byte position since the partition's beginning; a segment is named by the offset of
 * its first byte. Records stand back to back, each a multiple of 8 bytes:
 *
 *        segment N                        segment N+1 (the active one)
 *   ──┬────────┬──────┬───────────┐┌───────────┬────────┬──────────┬ ─ ─ ─ ─ ┐
 *     │ header │ body │ hdr  body ││ hdr  body │  ...   │ hdr body │ in flight
 *   ──┴────────┴──────┴───────────┘└───────────┴────────┴──────────┴ ─ ─ ─ ─ ┘
 *                                  ▲                               ▲         ▲
 *                           a segment begins          durable end (in tail)  appended end
 *                     only after all before it        readers stop here      (owner's memory)
 *                     is durable
 *
 * Three things make the open after a crash both quick and safe:
 *  1. The tail file gets a durable end only after fdatasync, so it may be old but never says too
 *     much. Whatever stands below it must be whole.
 *  2. A segment begins only when everything before it is durable: its name is a durable end too,
 *     and only the last segment can have a torn tail.
 *  3. Each header repeats the durable end of its moment (`durable_before`). When the tail file was
 *     lost, a later header still testifies that an earlier byte had been acknowledged: damage there
 *     is corruption and is never cut.
 *
 * Threads. The owner's thread appends, syncs, trims and asks; the crew's threads (log_embedded_sync.c)
 * only fdatasync. What they share stands in `struct bb_log_crew` under its `lock`; the tail file is
 * written under the same lock and read by anyone without one. `struct bb_log_partition` belongs to
 * the owner's thread, but for its `end`. Each reader belongs to one thread and shares nothing but
 * the tail map and that `end`.
 */
#ifndef BB_ADAPTER_LOG_EMBEDDED_INTERNAL_H
#define BB_ADAPTER_LOG_EMBEDDED_INTERNAL_H

#include "adapter/embedded.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian");

enum {
    BB_LOG_FORMAT = BB_LOG_EMBEDDED_FORMAT, /* version of all files */
    BB_LOG_PARTITIONS_LIMIT = 1024,
    BB_LOG_BODY_LIMIT = 256 << 20, /* bytes of one record's body */
    BB_LOG_SEGMENT_BYTES = 256 << 20,
    BB_LOG_PATH_SIZE = 4096,
    BB_LOG_CREW_LIMIT = 8, /* threads that fdatasync side by side */
    BB_LOG_READ_AHEAD =
        256 << 10 /* fits in the second-level cache: copied, checked, decoded there */
};

/* ---- a record on disk: this header, the body, zeros up to the next multiple of 8 */
#define BB_LOG_RECORD_MAGIC 0x4c524242u /* "BBRL" */
struct bb_log_header {
    uint32_t magic;
    uint32_t crc;       /* CRC32C of bytes 8..63, the body and its padding */
    uint8_t version;    /* BB_LOG_FORMAT */
    uint8_t kind;       /* enum bb_record_kind */
    uint16_t partition; /* with log and offset: detects a file in the wrong place */
    uint32_t readings;  /* that this record makes visible */
    uint32_t size;      /* bytes of body, without padding */
    uint32_t log;       /* low half of the log's identity */
    uint64_t offset;    /* where this record believes it stands */
    int64_t received_ms;
    uint64_t file_id;
    uint64_t readings_before; /* made visible by all records before this one */
    uint64_t durable_before;  /* durable end of the partition when this was appended */
};
_Static_assert(sizeof(struct bb_log_header) == 64, "layout of a record's header");
_Static_assert(offsetof(struct bb_log_header, version) == 8, "the CRC covers the rest");

/* Bytes that a record with this body takes. */
static inline uint64_t bb_log_record_bytes(uint64_t body_size) {
    return sizeof(struct bb_log_header) + ((body_size + 7) & ~(uint64_t)7);
}

/* ---- DIR/log.meta */
#define BB_LOG_META_MAGIC 0x6174656d2d67626cULL /* "lbg-meta" */
struct bb_log_meta {
    uint64_t magic;
    uint32_t version;
    uint32_t crc; /* of the whole with this field zero; stays here in every version */
    uint64_t identity;
    uint32_t partitions; /* without the control partition */
    uint32_t unused;
};
_Static_assert(sizeof(struct bb_log_meta) == 32, "layout of log.meta");

/* ---- DIR/tail. Per partition two slots that are written in turn: a process that dies half way
 * leaves the slot of the current generation whole. */
#define BB_LOG_TAIL_MAGIC 0x6c6961742d67626cULL /* "lbg-tail" */
struct bb_log_tail_head {
    uint64_t magic;
    uint64_t identity;
    uint32_t version;
    uint32_t partitions;
    _Atomic uint32_t wake; /* futex: counts publications that made a partition grow */
    uint32_t unused[25];
};
struct bb_log_tail_slot {
    _Atomic uint64_t first, end, readings;
    _Atomic uint64_t check; /* over the three, the generation, the partition and the identity */
};
struct bb_log_tail_entry {
    _Atomic uint64_t generation; /* slot[generation % 2] is current; 0: none yet */
    uint64_t unused[7];
    struct bb_log_tail_slot slot[2];
};
_Static_assert(sizeof(struct bb_log_tail_head) == 128, "layout of tail: head");
_Static_assert(sizeof(struct bb_log_tail_entry) == 128, "layout of tail: entry");

struct bb_log_tail {
    int fd;
    size_t size;
    uint32_t seen; /* value of the wake-up word at the last wait */
    bool stale;    /* recovery found other ends than the file says */
    struct bb_log_tail_head *head;
    struct bb_log_tail_entry *entry;
};

/* ---- in memory */
struct bb_log_job { /* one segment file to be made durable */
    bool wanted;
    bool directory; /* the file is new: its name must be made durable as well */
    int fd;         /* borrowed: a segment is closed only when the crew is idle */
    uint32_t partition;
    uint64_t segment;
    uint64_t end; /* what becomes the durable end, and the readings up to there */
    uint64_t readings;
};

struct bb_log_crew {
    pthread_mutex_t lock;     /* guards all below, and writing to the tail map */
    pthread_cond_t work;      /* a round begins, or the end */
    pthread_cond_t done;      /* a round is over */
    struct bb_log_job *next;  /* [partitions + 1], by partition: the round to come */
    struct bb_log_job *round; /* [partitions + 1], packed: the round under way */
    uint32_t next_count;
    uint32_t round_count, round_taken, round_left;
    uint64_t next_ticket;    /* number of the round to come; rounds below it have begun */
    uint64_t durable_ticket; /* rounds up to here are on disk */
    bool stop;
    atomic_bool failed;      /* set under the lock, for good; read without it on append */
    struct bb_error failure; /* constant once failed is set */
    uint32_t thread_count;
    pthread_t threads[BB_LOG_CREW_LIMIT];
};

struct bb_log_partition {        /* the owner's view */
    int fd;                      /* the active segment; -1: none yet */
    uint64_t segment;            /* its first offset */
    _Atomic uint64_t end;        /* one past the last appended record; readers look at this alone */
    uint64_t readings;           /* made visible by all records before `end` */
    bool dirty;                  /* appended to since the last sync_begin */
    bool new_file;               /* the directory entry has not been given to the crew */
    struct bb_log_reader *probe; /* for backlog; made on first use */
};

struct bb_log_files {
    struct bb_log base; /* first */
    char *directory;
    bool append;
    int lock_fd;
    uint64_t segment_bytes;
    void (*report_cut)(void *context, const char *file, uint64_t bytes);
    void *report_context;
    struct bb_log_tail tail;
    struct bb_log_partition *partition; /* [partitions + 1] */
    struct bb_log_crew crew;
    bool crew_started;
};

/* A view of one segment file: bytes read ahead into memory of our own. Reading by pread and not
 * through a map: a bad sector is then an error to report, not a SIGBUS, and the copy stays in cache
 * for the checksum and the decoder. */
struct bb_log_window {
    int fd;
    uint64_t segment; /* offset of the file's first byte */
    uint64_t offset;  /* of data[0] */
    size_t size;      /* bytes in data */
    size_t capacity;
    size_t read_ahead; /* bytes to read at once when less is asked for */
    char *data;
};

/* Where a record must stand, for bb_log_header_flaw. */
struct bb_log_place {
    uint32_t log;
    uint32_t partition;
    uint64_t offset;
};

/* ---- log_embedded_segment.c */
void bb_log_segment_path(const struct bb_log_files *log, uint32_t partition, uint64_t segment,
                         char path[BB_LOG_PATH_SIZE]);
void bb_log_partition_path(const struct bb_log_files *log, uint32_t partition,
                           char path[BB_LOG_PATH_SIZE]);
/* First offsets of all segments, ascending; the caller frees *segments. */
int bb_log_segment_list(const struct bb_log_files *log, uint32_t partition, uint64_t **segments,
                        size_t *count, struct bb_error *error) BB_MUST_USE;
int bb_log_directory_sync(const char *path, struct bb_error *error) BB_MUST_USE;
/* Write all of `size` bytes at `at`; 0 or an errno. */
int bb_log_write_whole(int fd, const void *data, size_t size, uint64_t at);
/* What is wrong with the header alone, or NULL. */
const char *bb_log_header_flaw(const struct bb_log_header *header,
                               const struct bb_log_place *place);
/* CRC32C of a record; `body` is header->size bytes. */
uint32_t bb_log_record_crc(const struct bb_log_header *header, const void *body);
/* What is wrong with the record whose padded bytes begin at `bytes`, header included, or NULL. */
const char *bb_log_record_flaw(const char *bytes);
/* -BB_E_LOG_CORRUPT with the file and the byte in it. */
int bb_log_fail_corrupt(const struct bb_log_files *log, uint32_t partition, uint64_t segment,
                        uint64_t offset, const char *flaw, struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_reader.c */
void bb_log_window_release(struct bb_log_window *window);
/* Have bytes from `offset` on: up to `need` of them, fewer where the file ends or `limit` (an
 * offset) is reached. *bytes points into the window until the next call. 0 or an errno. */
int bb_log_window_fetch(struct bb_log_window *window, uint64_t offset, uint64_t need,
                        uint64_t limit, const char **bytes, size_t *available);
int bb_log_files_reader_open(struct bb_log *log, uint32_t partition, struct bb_log_reader **out,
                             struct bb_error *error) BB_MUST_USE;
void bb_log_files_reader_close(struct bb_log_reader *reader);
/* Read single records only from here on: nothing ahead of them. */
void bb_log_files_reader_set_single(struct bb_log_reader *reader);
/* The record, and the readings before it when `readings_before` is not NULL. */
int bb_log_files_read_counted(struct bb_log_reader *reader, uint64_t offset,
                              struct bb_log_record *out, uint64_t *readings_before,
                              struct bb_error *error) BB_MUST_USE;
int bb_log_files_read(struct bb_log_reader *reader, uint64_t offset, struct bb_log_record *out,
                      struct bb_error *error) BB_MUST_USE;
int bb_log_files_verify(struct bb_log *log, uint32_t partition, uint64_t *records,
                        struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_tail.c */
/* Map DIR/tail. The owner makes it when it is absent or unusable; partitions without a valid slot
 * then have no state. */
int bb_log_tail_open(struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;
void bb_log_tail_close(struct bb_log_tail *tail);
/* Write the map to disk, so that the next open after a power cut has less to scan. */
int bb_log_tail_flush(const struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;
/* The state as published. */
int bb_log_tail_load(const struct bb_log_files *log, uint32_t partition, struct bb_log_end *out,
                     struct bb_error *error) BB_MUST_USE;
/* For the open after a crash: the newest slot that is whole; false: none. */
bool bb_log_tail_salvage(const struct bb_log_files *log, uint32_t partition,
                         struct bb_log_end *out);
/* Under crew.lock once the crew runs. Does not wake. */
void bb_log_tail_publish(struct bb_log_files *log, uint32_t partition,
                         const struct bb_log_end *end);
void bb_log_tail_wake(struct bb_log_files *log);
int bb_log_tail_wait(struct bb_log_files *log, int timeout_ms, struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_sync.c */
int bb_log_crew_start(struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;
/* Finishes the rounds that were asked for. */
void bb_log_crew_stop(struct bb_log_files *log);
/* The failure that ended this log's writing; 0 while there is none. */
int bb_log_crew_check(struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;
/* No append or sync will be accepted any more; the first reason stays. */
void bb_log_crew_poison(struct bb_log_files *log, const struct bb_error *reason);
int bb_log_files_sync_begin(struct bb_log *log, struct bb_error *error) BB_MUST_USE;
int bb_log_files_sync(struct bb_log *log, struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_recover.c */
/* Find where every partition ends, cut torn tails, publish. Changes nothing when any partition is
 * found damaged. Fills log->partition. */
int bb_log_recover(struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_copy.c */
int bb_log_files_copy(struct bb_log *log, const struct bb_log_end *upto, const char *folder,
                      struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded_open.c */
/* Write log.meta for log->base, durable but for its name. */
int bb_log_meta_write(const struct bb_log_files *log, struct bb_error *error) BB_MUST_USE;

/* ---- log_embedded.c */
/* Begin the next segment: everything before it is durable and stays as it is. */
int bb_log_files_roll(struct bb_log_files *log, uint32_t number, struct bb_error *error)
    BB_MUST_USE;
extern const struct bb_log_ops bb_log_files_ops;

#endif
