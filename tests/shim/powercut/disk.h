/* A power cut, for LD_PRELOAD: what was written and not synced may be gone afterwards.
 *
 *   POWERCUT_DIR        folder (absolute, no links) whose files and names are watched
 *   POWERCUT_AT=N       at the N-th watched call the power goes, or with POWERCUT_KILL=1 the process
 *                       is killed and the power stays
 *   POWERCUT_SEED=S     decides what is lost, and on which side of the N-th call it happens
 *   POWERCUT_FAIL_SYNC=N  the N-th fsync or fdatasync fails with EIO, and as in Linux the pages it
 *                       should have written count as clean: no later sync writes them either
 *   POWERCUT_LIE=1      syncs make nothing durable: whoever tests with this disk has to notice
 *   POWERCUT_CARRY=FILE what is not synced when a process ends or is killed stays so for the next
 *                       one. Without it, or with POWERCUT_END=1, the power goes right behind the
 *                       end of the process
 *   POWERCUT_LOG=FILE   gets one line per process: calls=N syncs=N end=cut|killed|ended ...
 *
 * The idea: every change is done at once and noted with what was there before. A sync forgets the
 * notes of its file. At the cut each unit of storage survives up to a moment of its own, and what
 * came later is put back, newest first:
 *
 *     moment      1    2    3    4    5    6    7 = now
 *     sector 0    w ───────── w ────────── w          survives until 5: the last w is undone
 *     sector 1         w ──────────── w               until 0: both are undone
 *     length              +         +                 until 3: the second growth is undone
 *     folder           create  rename                 in order, like a journal: a prefix survives
 *
 * A unit is a sector of 512 bytes (a write may be torn between sectors, never inside one, which is
 * what disks promise), a page of 4 KiB, a file, or all; `manner` is drawn from the seed.
 *
 * How strict, against ext4: data and lengths as ext4 with delayed allocation, but sectors of one
 * page may part. Names are stricter: what happens in a folder survives in its order, but only fsync
 * of that folder makes it durable; ext4 would do so at any fsync, POSIX promises no more than this.
 * A write through a descriptor with O_DSYNC or O_SYNC is durable once it returns; cut inside it, it
 * is torn like any other. As the power may go right behind the end of a process, exit code and all,
 * what it acknowledged without a sync is found out.
 *
 * Shared writable maps cannot be watched store by store. Of a file mapped so, each page is at the
 * cut either as it is or as it was at its last sync (or when it was first mapped). That covers the
 * two ends (msync, which nobody here relies on, makes nothing durable). What lies between is
 * harmless, because nobody trusts these pages after a power cut: the log's `tail` has a check word
 * per slot and is compared with the segments at open, LMDB's lock.mdb and SQLite's -shm are made
 * anew by the first process that comes. LMDB's data file is mapped for reading only.
 *
 * Soundness of the simulator itself: one process writes at a time (there is no common memory of
 * what two have not synced); everything runs under disk_lock, so a call is one step. Own
 * descriptors are never closed, because closing one would give up the process's POSIX locks.
 *
 *   calls.c   the calls themselves          disk.c   notes, and putting back
 *   carry.c   notes from process to process
 */
#ifndef POWERCUT_DISK_H
#define POWERCUT_DISK_H

#undef _FILE_OFFSET_BITS /* open and open64 are two names here */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, PAGE = 4096 };

struct before { /* a sector as it was before a write */
    uint64_t moment;
    off_t at;
    bool cut; /* by a truncation: comes back with the length */
    unsigned char bytes[SECTOR];
};

struct length { /* of a file before it changed */
    uint64_t moment;
    off_t size;
};

struct file {
    struct file *next;
    dev_t device;
    ino_t inode;
    int fd; /* our own; -1 while the process has only read */
    struct before *befores;
    size_t count, capacity;
    size_t stuck; /* the first of them were lost by a failed sync */
    struct length *lengths;
    size_t length_count, length_capacity;
    unsigned char *image; /* of a mapped file, at its last sync */
    off_t image_size;
    bool mapped;
};

struct folder { /* held open: it may be renamed while it has notes */
    struct folder *next;
    dev_t device;
    ino_t inode;
    int fd;
};

enum change_kind { MADE, REMOVED, RENAMED };

struct change { /* of a name */
    uint64_t moment;
    enum change_kind kind;
    struct folder *folder, *from_folder;
    char *name, *from;
    char *saved; /* where a removed file is kept; NULL: none */
};

struct disk {
    char watched[PATH_MAX]; /* empty: nothing is */
    uint64_t seed, moment;
    struct file *files;
    struct folder *folders;
    struct change *changes;
    size_t change_count, change_capacity;
    uint64_t lost_bytes, lost_names;
    int manner; /* of the cut */
};

#pragma GCC visibility push(hidden) /* only the calls are for others */

extern struct disk disk;
extern pthread_mutex_t disk_lock; /* guards all of the above */

/* The functions below us. */
extern int (*real_openat)(int, const char *, int, ...);
extern int (*real_close)(int);
extern ssize_t (*real_writev)(int, const struct iovec *, int);
extern ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
extern int (*real_ftruncate)(int, off_t);
extern int (*real_rename)(const char *, const char *);
extern int (*real_unlink)(const char *);
extern int (*real_link)(const char *, const char *);
extern int (*real_mkdir)(const char *, mode_t);
extern int (*real_rmdir)(const char *);

_Noreturn void die(const char *why);
uint64_t mix(uint64_t x);

/* ---- disk.c: all under disk_lock */

struct file *disk_file(dev_t device, ino_t inode);
off_t disk_size_of(const struct file *file);
struct folder *disk_folder(const char *path);
/* Removed, durably: what happened inside does not matter any more. */
bool disk_is_gone(const struct folder *folder);
/* A new place below the folder `watched`.lost. The caller frees it. */
char *disk_place(const char *what);

/* What is about to change, as it is now. */
void disk_note_sectors(struct file *file, off_t from, off_t to, bool by_truncation);
void disk_note_length(struct file *file, off_t size);
void disk_note_image(struct file *file);
/* What has changed: `from` NULL or the old name, `saved` NULL or where the removed file is kept. */
void disk_note_name(enum change_kind kind, const char *path, const char *from, char *saved);

/* What has become durable. */
void disk_forget(struct file *file);
void disk_forget_range(struct file *file, off_t from, off_t to);
void disk_forget_names(dev_t device, ino_t inode);

/* The power goes: put back what did not survive. */
void disk_cut(void);

/* ---- carry.c */

void carry_load(const char *path);
void carry_save(const char *path);

#pragma GCC visibility pop

#endif
