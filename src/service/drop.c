/* The drop folder: see drop.h. This file watches, decides what is complete, and lands it. */
#include "service/drop_internal.h"

#include "base/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EVENTS_BYTES = 64 << 10,
    READY_MAX = 4096,  /* names kept from one look through the folder */
    RENAMED_MAX = 4096 /* names that were renamed into place since the last one */
};

/* Names, each once; more than fit are looked for again. */
struct names {
    char **items;
    size_t count, capacity, next;
};

struct bb_drop {
    struct bb_drop_options options;
    int folder_fd, taking_fd, done_fd, failed_fd, inotify_fd;
    bool stale;              /* the folder has to be read through */
    int64_t due_ms;          /* wall clock: when a file may have become complete; INT64_MAX: none */
    uint64_t waiting;        /* files that are not complete yet */
    struct names ready;      /* complete when they were looked at */
    struct names renamed;    /* complete at once */
    char name[NAME_MAX + 1]; /* of the file being taken; "": none */
    char placed[NAME_MAX + 1]; /* what it is called in done/ or failed/ */
    char path[PATH_MAX];       /* where it is now */
    char shown[PATH_MAX];      /* FOLDER/NAME, as it is known by */
    struct bb_land_report report;
};

const char *bb_drop_outcome_name(enum bb_drop_outcome outcome) {
    static const char *const names[] = {
        [BB_DROP_TAKEN] = "taken",
        [BB_DROP_IN_PART] = "taken in part",
        [BB_DROP_KNOWN] = "taken before",
        [BB_DROP_REFUSED] = "refused",
    };

    return names[outcome];
}

/* ---- lists of names ---- */

static void names_clear(struct names *names) {
    while (names->count > 0)
        free(names->items[--names->count]);
    names->next = 0;
}

static void names_release(struct names *names) {
    names_clear(names);
    free(names->items);
}

/* False: no room; the folder has to be read again. */
static bool names_add(struct names *names, const char *name, size_t limit) {
    if (names->count >= limit)
        return false;
    if (!bb_list_room(&names->items, names->count, &names->capacity, sizeof *names->items))
        return false;
    char *copy = strdup(name);
    if (copy)
        names->items[names->count++] = copy;
    return copy != NULL;
}

static bool names_have(const struct names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* ---- which names ---- */

static bool is_passed_over(const char *name) {
    static const char *const endings[] = {".tmp",        ".part", ".partial",    ".filepart",
                                          ".crdownload", "~",     BB_DROP_REPORT};

    if (name[0] == '.')
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct bb_span whole = bb_span_of(name), ending = bb_span_of(endings[i]);
        if (whole.size >= ending.size &&
            bb_span_equal_nocase(
                (struct bb_span){whole.data + whole.size - ending.size, ending.size}, ending))
            return true;
    }
    return false;
}

/* No link, whatever it may point to. */
static bool is_regular(int folder_fd, const char *name, struct stat *about) {
    return fstatat(folder_fd, name, about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about->st_mode);
}

/* ---- is a file complete? ---- */

enum writer { WRITER_NONE = 0, WRITER_THERE, WRITER_UNKNOWN };

/* A read lease is refused while somebody has the file open for writing. */
static enum writer find_writer(int folder_fd, const char *name) {
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    enum writer found = WRITER_UNKNOWN;

    if (fd < 0)
        return WRITER_UNKNOWN;
    /* Should somebody open it in between, the kernel sends this instead of a signal that kills. */
    if (fcntl(fd, F_SETSIG, SIGURG) == 0) {
        if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
            found = WRITER_NONE;
        else if (errno == EAGAIN)
            found = WRITER_THERE;
    }
    close(fd); /* gives the lease back */
    return found;
}

static int64_t changed_ms(const struct stat *about) {
    /* Not the time of its content, which copies carry along: that of the last change of any kind. */
    return (int64_t)about->st_ctim.tv_sec * 1000 + about->st_ctim.tv_nsec / 1000000;
}

/* Complete now, or due then (INT64_MAX: when an event says so). */
static bool is_complete(struct bb_drop *drop, const char *name, const struct stat *about,
                        int64_t now_ms, int64_t *due_ms) {
    const int64_t quiet_ms = names_have(&drop->renamed, name) ? 0 : drop->options.quiet_ms;
    const int64_t since_ms = changed_ms(about);

    *due_ms = since_ms + quiet_ms;
    if (since_ms + quiet_ms > now_ms)
        return false;
    *due_ms = since_ms + drop->options.held_ms;
    return find_writer(drop->folder_fd, name) != WRITER_THERE || *due_ms <= now_ms;
}

static void consider(struct bb_drop *drop, const char *name, int64_t now_ms) {
    struct stat about;
    int64_t due_ms;

    if (is_passed_over(name) || !is_regular(drop->folder_fd, name, &about))
        return;
    if (is_complete(drop, name, &about, now_ms, &due_ms)) {
        if (!names_add(&drop->ready, name, READY_MAX))
            drop->stale = true;
        return;
    }
    drop->waiting += due_ms <= now_ms + drop->options.quiet_ms;
    if (due_ms < drop->due_ms)
        drop->due_ms = due_ms;
}

/* ---- looking ---- */

static DIR *open_to_read(int folder_fd) {
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

static int fail_folder(const struct bb_drop *drop, const char *what, struct bb_error *error) {
    return BB_FAIL_ERRNO(error, BB_E_DROP_FOLDER, errno, "the drop folder %s %s",
                         drop->options.folder, what);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_through(struct bb_drop *drop, struct bb_error *error) {
    const int64_t now_ms = bb_clock_now_ms(bb_clock_system()); /* that of the files' times */
    DIR *dir = open_to_read(drop->folder_fd);

    if (!dir)
        return fail_folder(drop, "cannot be read", error);
    drop->stale = false;
    drop->due_ms = INT64_MAX;
    drop->waiting = 0;
    names_clear(&drop->ready);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        consider(drop, entry->d_name, now_ms);
    closedir(dir);
    names_clear(&drop->renamed);
    if (drop->ready.count > 0)
        qsort(drop->ready.items, drop->ready.count, sizeof *drop->ready.items, by_name);
    return 0;
}

/* What was left in .taking, when a process ended there. */
static int find_left(struct bb_drop *drop, struct bb_error *error) {
    DIR *dir = open_to_read(drop->taking_fd);
    struct stat about;

    if (!dir)
        return fail_folder(drop, "cannot be read", error);
    for (const struct dirent *entry; !drop->name[0] && (entry = readdir(dir)) != NULL;)
        if (is_regular(drop->taking_fd, entry->d_name, &about))
            snprintf(drop->name, sizeof drop->name, "%s", entry->d_name);
    closedir(dir);
    return 0;
}

/* Any event is a reason to look; a rename also says which file is whole. */
static void read_events(struct bb_drop *drop) {
    _Alignas(struct inotify_event) char events[EVENTS_BYTES];
    ssize_t size;

    while ((size = read(drop->inotify_fd, events, sizeof events)) > 0) {
        drop->stale = true;
        for (const char *at = events; at < events + size;) {
            const struct inotify_event *event = (const void *)at;
            if (event->mask & IN_MOVED_TO && event->len > 0)
                (void)!names_add(&drop->renamed, event->name, RENAMED_MAX);
            at += sizeof *event + event->len;
        }
    }
}

int bb_drop_look(struct bb_drop *drop, struct bb_error *error) {
    if (drop->name[0])
        return BB_DROP_READY;
    read_events(drop);
    bool is_due = bb_clock_now_ms(bb_clock_system()) >= drop->due_ms;
    if (drop->ready.next >= drop->ready.count && (drop->stale || is_due)) {
        int r = read_through(drop, error);
        if (r < 0)
            return r;
    }
    return drop->ready.next < drop->ready.count ? BB_DROP_READY : BB_DROP_NOTHING;
}

int bb_drop_fd(const struct bb_drop *drop) {
    return drop->inotify_fd;
}

int bb_drop_wait_ms(const struct bb_drop *drop) {
    if (drop->name[0] || drop->stale || drop->ready.next < drop->ready.count)
        return 0;
    if (drop->due_ms == INT64_MAX)
        return -1;
    int64_t left_ms = drop->due_ms - bb_clock_now_ms(bb_clock_system());
    return left_ms <= 0 ? 0 : left_ms < BB_HOUR_MS ? (int)left_ms + 1 : BB_HOUR_MS;
}

uint64_t bb_drop_waiting(const struct bb_drop *drop) {
    return drop->waiting;
}

/* ---- taking ---- */

/* Out of its sender's reach, so that what is read is what is put away. */
static int fetch(struct bb_drop *drop, const char *name, struct bb_error *error) {
    struct stat about;
    bool waited = is_regular(drop->folder_fd, name, &about) && /* moving it changes that */
                  changed_ms(&about) + drop->options.held_ms <= bb_clock_now_ms(bb_clock_system());
    int r = bb_drop_move(drop->folder_fd, name, drop->taking_fd, name, error);

    if (r == BB_DROP_ABSENT)
        return BB_DROP_GONE;
    if (r == BB_DROP_EXISTS)
        return BB_FAIL(error, BB_E_DROP_FOLDER,
                       "the drop folder %s has a file %s under way already: two processes watch it",
                       drop->options.folder, name);
    if (r < 0)
        return r;
    bool is_file = is_regular(drop->taking_fd, name, &about);
    if (is_file && (waited || find_writer(drop->taking_fd, name) != WRITER_THERE)) {
        snprintf(drop->name, sizeof drop->name, "%s", name);
        return 0;
    }
    /* Opened again in the last moment: its sender goes on. Or a link took its place. */
    drop->stale = true;
    r = bb_drop_move(drop->taking_fd, name, drop->folder_fd, name, error);
    if (r != BB_DROP_EXISTS)
        return r < 0 ? r : BB_DROP_GONE;
    if (!is_file)
        return unlinkat(drop->taking_fd, name, 0) == 0
                   ? BB_DROP_GONE
                   : fail_folder(drop, "cannot be written to", error);
    snprintf(drop->name, sizeof drop->name, "%s",
             name); /* another one is there: take what we have */
    return 0;
}

static enum bb_drop_outcome outcome_of(const struct bb_land_report *report) {
    if (report->files_skipped > 0)
        return BB_DROP_KNOWN;
    if (report->files == 0)
        return BB_DROP_REFUSED;
    return report->rejected > 0 ? BB_DROP_IN_PART : BB_DROP_TAKEN;
}

static int land(struct bb_drop *drop, struct bb_plant *plant, struct bb_error *error) {
    struct bb_land_options options = drop->options.land;

    snprintf(drop->path, sizeof drop->path, "%s/.taking/%s", drop->options.folder, drop->name);
    snprintf(drop->shown, sizeof drop->shown, "%s/%s", drop->options.folder, drop->name);
    options.name = drop->shown;
    options.again = false;
    memset(&drop->report, 0, sizeof drop->report);
    int r = bb_land_file(plant, drop->path, &options, &drop->report, error);
    return r < 0 ? r : 0;
}

int bb_drop_take(struct bb_drop *drop, struct bb_plant *plant, struct bb_drop_file *out,
                 struct bb_error *error) {
    int r = drop->name[0] ? 0 : fetch(drop, drop->ready.items[drop->ready.next++], error);

    if (r != 0)
        return r;
    r = land(drop, plant, error);
    if (r < 0)
        return r;
    *out = (struct bb_drop_file){.name = drop->name,
                                 .path = drop->path,
                                 .outcome = outcome_of(&drop->report),
                                 .report = &drop->report};
    const bool failed = out->outcome == BB_DROP_REFUSED;
    r = bb_drop_put_away(drop->taking_fd, failed ? drop->failed_fd : drop->done_fd, out,
                         bb_clock_now_ms(drop->options.land.clock), drop->placed, error);
    if (r < 0)
        return r;
    snprintf(drop->path, sizeof drop->path, "%s/%s/%s", drop->options.folder,
             failed ? "failed" : "done", drop->placed);
    out->name = strrchr(drop->shown, '/') + 1;
    drop->name[0] = '\0';
    return BB_DROP_PUT_AWAY;
}

/* ---- opening ---- */

static int open_inside(struct bb_drop *drop, const char *name, mode_t mode, int *fd,
                       struct bb_error *error) {
    if (mkdirat(drop->folder_fd, name, mode) != 0 && errno != EEXIST)
        return fail_folder(drop, "cannot be written to", error);
    *fd = openat(drop->folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        return fail_folder(drop, "cannot be read", error);
    return faccessat(*fd, ".", W_OK | X_OK, AT_EACCESS) == 0
               ? 0
               : fail_folder(drop, "cannot be written to", error);
}

static int open_all(struct bb_drop *drop, struct bb_error *error) {
    /* Not every write: a file under way is looked at again when it could be complete. */
    const uint32_t events = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO;

    drop->folder_fd = open(drop->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (drop->folder_fd < 0)
        return fail_folder(drop, "cannot be opened", error);
    if (faccessat(drop->folder_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return fail_folder(drop, "cannot be written to, so that no file can be taken out of it",
                           error);
    drop->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (drop->inotify_fd < 0 ||
        inotify_add_watch(drop->inotify_fd, drop->options.folder, events) < 0)
        return fail_folder(drop, "cannot be watched", error);
    int r = open_inside(drop, ".taking", 0700, &drop->taking_fd, error);
    if (r == 0)
        r = open_inside(drop, "done", 0777, &drop->done_fd, error);
    if (r == 0)
        r = open_inside(drop, "failed", 0777, &drop->failed_fd, error);
    return r == 0 ? find_left(drop, error) : r;
}

int bb_drop_open(const struct bb_drop_options *options, struct bb_drop **out,
                 struct bb_error *error) {
    struct bb_drop *drop = calloc(1, sizeof *drop);

    if (!drop)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a drop folder");
    if (strlen(options->folder) + NAME_MAX + 16 > PATH_MAX) {
        free(drop);
        return BB_FAIL(error, BB_E_DROP_FOLDER, "the name of the drop folder is too long");
    }
    drop->options = *options;
    drop->folder_fd = drop->taking_fd = drop->done_fd = drop->failed_fd = drop->inotify_fd = -1;
    drop->stale = true;
    drop->due_ms = INT64_MAX;
    int r = open_all(drop, error);
    if (r < 0) {
        bb_drop_close(drop);
        return r;
    }
    *out = drop;
    return 0;
}

void bb_drop_close(struct bb_drop *drop) {
    if (!drop)
        return;
    const int fds[] = {drop->folder_fd, drop->taking_fd, drop->done_fd, drop->failed_fd,
                       drop->inotify_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    names_release(&drop->ready);
    names_release(&drop->renamed);
    free(drop);
}
