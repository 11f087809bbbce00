/* Landing: see land.h. */
#include "service/land.h"

#include "base/json_write.h"
#include "codec/container.h"
#include "service/file_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERIES_LIMIT_BYTES = 1 << 30, HASH_READ_BYTES = 256 << 10, WATCH_EVERY_BATCHES = 4 };

/* Is this error about the input, so that the plant itself is well? */
static bool about_input(const struct bb_error *error) {
    return error->code >= 1000 && error->code < 3000;
}

static void note_error(struct bb_land_report *report, const struct bb_error *error) {
    if (report->error_count < BB_LAND_ERRORS_KEPT)
        report->errors[report->error_count++] = *error;
}

/* ---- what a file is known by */

/* An edited map reads the same bytes in another way. One that is gone by now hashes as empty. */
static uint64_t map_hash(const char *path) {
    enum { MAP_BYTES = 1 << 20 };
    char *text = malloc(MAP_BYTES);
    FILE *f = text ? fopen(path, "re") : NULL;
    size_t size = f ? fread(text, 1, MAP_BYTES, f) : 0;
    uint64_t hash = bb_hash((struct bb_span){text, size});

    if (f)
        fclose(f);
    free(text);
    return hash;
}

static uint64_t reading_hash(const struct bb_land_options *o) {
    return bb_reading_form_hash(&o->form, o->partial, o->map_path) ^
           (o->map_hash   ? o->map_hash
            : o->map_path ? map_hash(o->map_path)
                          : 0);
}

/* The input passes through here, so that its content is known at its end. */
struct hashed_input {
    int fd;
    XXH3_state_t *state;
    uint64_t seed; /* the way of reading */
    bool ended;
};

static void hash_begin(struct hashed_input *in) {
    in->ended = false;
    XXH3_128bits_reset_withSeed(in->state, in->seed);
}

static struct bb_content_hash digest(const XXH3_state_t *state) {
    XXH128_hash_t h = XXH3_128bits_digest(state);
    return (struct bb_content_hash){h.low64, h.high64};
}

static int read_hashed(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct hashed_input *in = context;
    ssize_t n;

    do
        n = read(in->fd, data, capacity);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read the input");
    *got = (size_t)n;
    in->ended = n == 0;
    if (n > 0)
        XXH3_128bits_update(in->state, data, (size_t)n);
    return 0;
}

/* Hash what is left, in whole: a decoder may stop before the last byte. */
static int hash_rest(struct hashed_input *in, struct bb_error *error) {
    char *buffer = malloc(HASH_READ_BYTES);
    size_t got;
    int result = buffer ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read the input");

    while (!result && !in->ended)
        result = read_hashed(in, buffer, HASH_READ_BYTES, &got, error);
    free(buffer);
    return result;
}

static int look_at(struct hashed_input *in, struct bb_file_look *look, struct bb_error *error) {
    enum { HEAD_BYTES = 64 << 10 };
    struct stat status;

    if (fstat(in->fd, &status) < 0 || !S_ISREG(status.st_mode))
        return BB_FAIL(error, BB_E_INPUT_UNREADABLE, "this is not a regular file");
    char *head = malloc(HEAD_BYTES);
    ssize_t size = head ? pread(in->fd, head, HEAD_BYTES, 0) : 0;
    int result = !head ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read the input")
                 : size < 0
                     ? BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read the input")
                     : 0;
    if (!result)
        *look = (struct bb_file_look){
            (uint64_t)status.st_size,
            bb_hash_seeded((struct bb_span){head, (size_t)size}, in->seed)};
    free(head);
    return result;
}

/* A regular file, or "-": the standard input, which nobody can look at. */
static int open_input(const char *path, struct hashed_input *in, struct bb_file_look *look,
                      struct bb_error *error) {
    *look = (struct bb_file_look){0};
    in->fd = STDIN_FILENO;
    if (strcmp(path, "-") == 0)
        return 0;
    in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in->fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", path);
    int result = look_at(in, look, error);
    if (result)
        close(in->fd);
    return result;
}

static void close_input(struct hashed_input *in) {
    if (in->fd != STDIN_FILENO)
        close(in->fd);
}

/* ---- landing a file */

struct landing {
    struct bb_plant *plant;
    const struct bb_land_options *options;
    struct bb_land_report *report;
    struct bb_ledger_file *file; /* the owner's; its id and times are anybody's to read */
    const char *name;
    struct hashed_input *in;
    struct bb_file_look look;
    bool looks_known, is_known;    /* a file that looks so, or is of this content, counts */
    const struct bb_error *reason; /* for which it is refused as a whole */
    struct bb_file_frames frames;
    struct bb_router router;
    struct bb_container *container;
    const char *member;
    uint64_t rejected;
    struct bb_decode_ignored ignored;
    uint32_t batches;
    struct bb_buffer refusals; /* JSON objects, as the ledger keeps them of this file */
};

/* The ledger and the end of the log are their owner's: what asks or changes them runs on his thread. */
static int on_owner(struct landing *l, bb_committer_work *work, struct bb_error *error) {
    return l->options->committer ? bb_committer_append(l->options->committer, work, l, error)
                                 : work(l->plant, l, error);
}

static void pass_over(struct landing *l, const struct bb_ledger_file *known) {
    l->is_known = true;
    l->report->files_skipped++;
    l->report->readings_before += known->readings;
}

/* On the owner's thread, as what follows. */
static int ask_look(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct landing *l = context;

    (void)error;
    l->looks_known = l->look.bytes > 0 && bb_ledger_has_look(&plant->ledger, l->look);
    return 0;
}

static int ask_content(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct landing *l = context;
    const struct bb_ledger_file *known = bb_ledger_find(&plant->ledger, digest(l->in->state));

    (void)error;
    if (known)
        pass_over(l, known);
    return 0;
}

/* Only one that looks like another has to be read to tell whether it counts. */
static int find_known(struct landing *l, struct bb_error *error) {
    int result = on_owner(l, ask_look, error);

    if (result || !l->looks_known)
        return result;
    hash_begin(l->in);
    result = hash_rest(l->in, error);
    if (!result)
        result = on_owner(l, ask_content, error);
    if (!result && lseek(l->in->fd, 0, SEEK_SET) != 0)
        result = BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read the input again");
    return result;
}

/* {"line":3,"code":"BB-1004","reason":"..."}; as many of a file as fit. */
static void note_refusal(struct landing *l, const struct bb_error *reason) {
    enum { ITEM_MAX = 4096 };
    char code[16];
    struct bb_json json;

    if (l->refusals.size + ITEM_MAX > BB_LEDGER_REFUSALS_MAX)
        return;
    if (l->refusals.size > 0)
        bb_buffer_append_byte(&l->refusals, ',');
    snprintf(code, sizeof code, "BB-%04d", (int)reason->code);
    bb_json_init(&json, &l->refusals);
    bb_json_object_begin(&json);
    if (reason->line > 0)
        bb_json_put_u64(&json, "line", reason->line);
    bb_json_put_text(&json, "code", bb_span_of(code));
    bb_json_put_text(&json, "reason", bb_span_of(reason->text));
    bb_json_object_end(&json);
}

/* What came of the file, as its last record in the ledger says. */
static void report_to_ledger(struct landing *l, struct bb_ledger *ledger) {
    l->file->tenant = bb_arena_copy(&ledger->arena, l->options->form.tenant);
    l->file->rejected = l->rejected;
    l->file->refusals = bb_buffer_span(&l->refusals);
}

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct landing *l = context;

    if (l->options->interrupted && *l->options->interrupted)
        return BB_FAIL(error, BB_E_TASK_INTERRUPTED, "reading was interrupted");
    int result = bb_router_add(&l->router, batch, error);

    if (l->batches++ % WATCH_EVERY_BATCHES == 0)
        bb_progress_tell(l->options->watch,
                         &(struct bb_progress){.phase = BB_PHASE_READ,
                                               .subject = l->member,
                                               .done = bb_container_consumed(l->container),
                                               .total = bb_container_size(l->container),
                                               .readings = l->router.readings,
                                               .rejected = l->rejected});
    return result;
}

static int take_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct landing *l = context;
    struct bb_error located = *reason;

    (void)error;
    bb_error_locate(&located, l->member, reason->line);
    note_error(l->report, &located);
    note_refusal(l, &located);
    l->rejected++;
    return 0;
}

static int land_members(struct landing *l, struct bb_series_table *table, struct bb_error *error) {
    const struct bb_decode_sink sink = {take_batch, take_reject, l, &l->ignored};
    struct bb_input stream;
    int result = 0;

    while (!result) {
        result = bb_container_next(l->container, &stream, &l->member, error);
        if (result == BB_CONTAINER_END) {
            result = bb_router_flush(&l->router, error);
            return result ? result : bb_file_frames_flush(&l->frames, error);
        }
        if (!result)
            result = bb_router_source(&l->router, bb_span_of(l->member), error);
        if (!result)
            result = bb_reading_stream_decode(l->plant, stream, l->member, &l->options->form,
                                              l->file->received_ms, &sink, table, NULL, error);
        if (result < 0)
            bb_error_locate(error, l->member, 0);
    }
    return result;
}

/* Refuse the file: nothing of it counts. On the owner's thread. */
static int refuse(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct landing *l = context;

    l->report->rejected += l->rejected;
    if (l->reason) {
        note_error(l->report, l->reason);
        note_refusal(l, l->reason);
        l->report->rejected++;
        l->rejected++;
    }
    report_to_ledger(l, &plant->ledger);
    int result = bb_ledger_abandon(&plant->ledger, l->file, error);
    return result ? result : BB_LAND_REFUSED;
}

static void note_taken(struct landing *l, uint32_t partitions) {
    struct bb_land_report *report = l->report;

    report->files++;
    report->rejected += l->rejected;
    report->readings += l->file->readings;
    bb_decode_ignored_add(&report->ignored, &l->ignored);
    report->bytes += bb_container_consumed(l->container);
    report->taken_id = l->file->file_id;
    if (report->taken_parts)
        memcpy(report->taken_parts, l->file->parts, partitions * sizeof l->file->parts[0]);
}

/* Everything was read: decide. On the owner's thread; meanwhile the same content may have come to count. */
static int finish(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct landing *l = context;
    struct bb_ledger *ledger = &plant->ledger;
    struct bb_content_hash hash = digest(l->in->state);

    if (l->rejected > 0 && !l->options->partial)
        return refuse(plant, l, error);
    const struct bb_ledger_file *known = l->options->again ? NULL : bb_ledger_find(ledger, hash);
    if (known) {
        pass_over(l, known);
        l->report->rejected += l->rejected;
        return bb_ledger_abandon(ledger, l->file, error);
    }
    l->file->readings = l->router.readings;
    report_to_ledger(l, ledger);
    int result = bb_ledger_decide(ledger, l->file, hash, error);
    if (result)
        return result;
    note_taken(l, plant->log->partitions);
    return l->rejected ? BB_LAND_REFUSED : BB_LAND_DONE;
}

static int begin(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct landing *l = context;

    return bb_ledger_begin(&plant->ledger, bb_span_of(l->name), l->look,
                           bb_clock_now_ms(l->options->clock), &l->file, error);
}

/* ---- on the caller's thread again */

static int land_routed(struct landing *l, struct bb_series_table *table, struct bb_error *error) {
    struct bb_error reason;
    int result = land_members(l, table, error);

    if (!result)
        result = hash_rest(l->in, error);
    if (!result)
        return on_owner(l, finish, error);
    if (!about_input(error) && error->code != BB_E_NO_PERMISSION)
        return result;
    reason = *error;
    l->reason = &reason;
    result = on_owner(l, refuse, error);
    l->reason = NULL;
    return result;
}

static int land_opened(struct landing *l, struct bb_error *error) {
    struct bb_log *log = l->plant->log;
    struct bb_committer *committer = l->options->committer;
    struct bb_series_table table;
    int result = on_owner(l, begin, error);

    if (result)
        return result;
    const struct bb_router_target target = committer
                                               ? bb_file_frames_begin_by(&l->frames, committer,
                                                                         log->partitions, l->file)
                                               : bb_file_frames_begin(&l->frames, log, l->file);
    bb_series_table_init(&table, SERIES_LIMIT_BYTES);
    result = bb_router_init(&l->router, &target, l->options->form.tenant, &table, error);
    if (!result) {
        result = land_routed(l, &table, error);
        bb_router_release(&l->router);
    }
    bb_series_table_release(&table);
    bb_file_frames_release(&l->frames);
    return result;
}

/* The failure is the input's, and refuses just this file. */
static int refuse_input(const char *path, struct bb_land_report *report, struct bb_error *error) {
    bb_error_locate(error, path, 0);
    note_error(report, error);
    report->rejected++;
    return BB_LAND_REFUSED;
}

static int land_input(struct landing *l, struct bb_error *error) {
    if (!l->options->again && find_known(l, error))
        return refuse_input(l->name, l->report, error);
    if (l->is_known)
        return BB_LAND_DONE;
    hash_begin(l->in);
    const char *name = l->in->fd == STDIN_FILENO ? "stdin" : l->name;
    if (bb_container_open_input((struct bb_input){read_hashed, l->in}, l->look.bytes, name,
                                &l->container, error))
        return refuse_input(l->name, l->report, error);
    bb_buffer_init(&l->refusals, BB_LEDGER_REFUSALS_MAX);
    int result = land_opened(l, error);
    bb_container_close(l->container);
    bb_buffer_release(&l->refusals);
    return result;
}

int bb_land_file(struct bb_plant *plant, const char *path, const struct bb_land_options *options,
                 struct bb_land_report *report, struct bb_error *error) {
    struct hashed_input in = {.state = XXH3_createState(), .seed = reading_hash(options)};
    struct landing l = {.plant = plant,
                        .options = options,
                        .report = report,
                        .name = options->name ? options->name : path,
                        .in = &in};

    if (!in.state)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to hash a file");
    int result = open_input(path, &in, &l.look, error);
    if (result) {
        result = refuse_input(l.name, report, error);
    } else {
        result = land_input(&l, error);
        close_input(&in);
    }
    XXH3_freeState(in.state);
    return result;
}

int bb_land_decode(struct bb_plant *plant, const char *path, const struct bb_land_options *options,
                   const struct bb_decode_sink *sink, struct bb_series_table *table,
                   const struct bb_format_row **format, struct bb_error *error) {
    struct bb_container *container;
    struct bb_input stream;
    const char *name;
    int result = bb_container_open(path, &container, error);

    if (result) {
        bb_error_locate(error, path, 0);
        return result;
    }
    for (;;) {
        result = bb_container_next(container, &stream, &name, error);
        if (!result)
            result = bb_reading_stream_decode(plant, stream, name, &options->form,
                                              bb_clock_now_ms(options->clock), sink, table, format,
                                              error);
        if (result < 0)
            bb_error_locate(error, name, 0);
        if (result)
            break;
    }
    bb_container_close(container);
    return result == BB_CONTAINER_END ? 0 : result;
}
