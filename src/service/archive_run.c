/* Carrying out an archive order: see archive_run.h. One thread. */
#include "service/archive_run.h"

#include <stdlib.h>

#include "base/list.h"
#include "model/outbox.h"
#include "service/archive_verify.h"

enum {
    ARENA_CHUNK_BYTES = 1 << 20,
    ARENA_LIMIT_BYTES = 1 << 30,
    WRITE_BYTES = 1 << 20,
    CHANNELS_A_VIEW = 64, /* a view keeps what it read from files */
    LANES_MAX = 2,
    NUMBER_BYTES = 8
};

struct channel {
    struct bb_span name; /* tenant 0 usage point 0 channel */
    uint32_t number;
    uint32_t hot_blocks;
};

struct tenant_file {
    struct bb_span tenant;
    size_t from, to;               /* its channels */
    struct bb_archive_place place; /* size 0: no blocks are left, there is no file */
};

struct bb_archive_run {
    struct bb_archive_task task;
    struct bb_error *error;
    struct bb_arena arena;
    uint8_t lanes[LANES_MAX];
    int lane_count;
    struct bb_block_change *hot; /* that go, by key */
    size_t hot_count, hot_capacity;
    struct channel *channels; /* all of the partition, by name */
    size_t channel_count, channel_capacity;
    struct tenant_file *files; /* of tenants that have hot blocks */
    size_t file_count, file_capacity;
    struct bb_name_change *names;
    size_t name_count, name_capacity;
    uint64_t blocks;
    char generation[NUMBER_BYTES];
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to archive a month");
}

/* ---- what goes */

static int note_hot(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct bb_archive_run *run = context;

    (void)packed;
    if (!bb_list_room(&run->hot, run->hot_count, &run->hot_capacity, sizeof run->hot[0]))
        return no_memory(run->error);
    run->hot[run->hot_count++] = (struct bb_block_change){.key = *key};
    return 0;
}

static int note_channel(void *context, struct bb_span name, struct bb_span value) {
    struct bb_archive_run *run = context;
    struct bb_channel_record record;
    int result = bb_channel_record_decode(value, &record, run->error);

    if (result)
        return result;
    struct bb_span copy = bb_arena_copy(&run->arena, name);
    if (!copy.data || !bb_list_room(&run->channels, run->channel_count, &run->channel_capacity,
                                    sizeof run->channels[0]))
        return no_memory(run->error);
    run->channels[run->channel_count++] = (struct channel){copy, record.number, 0};
    return 0;
}

static int find_hot(struct bb_archive_run *run, struct bb_store_view *view) {
    const struct bb_store_ops *ops = run->task.plant->hot->ops;
    int result = 0;

    for (int i = 0; result >= 0 && i < run->lane_count; i++) {
        int32_t first, last;
        if (bb_archive_spans_of(run->lanes[i], run->task.order.month, &first, &last))
            result = ops->block_scan(view, run->lanes[i], first, last, note_hot, run, run->error);
    }
    if (result >= 0 && run->hot_count > 0)
        result = ops->name_scan(view, BB_NAME_CHANNEL, BB_SPAN(""), note_channel, run, run->error);
    return result < 0 ? result : 0;
}

static int by_number(const void *a, const void *b) {
    const struct channel *const *x = a, *const *y = b;
    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static int order_number(const void *key, const void *item) {
    const uint32_t *number = key;
    const struct channel *const *c = item;
    return (*number > (*c)->number) - (*number < (*c)->number);
}

/* Which channel has how many of them. A block of a channel that has no name would be lost: nothing is moved then. */
static int count_hot(struct bb_archive_run *run) {
    struct channel **sorted = malloc((run->channel_count + 1) * sizeof(struct channel *));
    int result = sorted ? 0 : no_memory(run->error);

    for (size_t i = 0; sorted && i < run->channel_count; i++)
        sorted[i] = &run->channels[i];
    if (sorted && run->channel_count > 1)
        qsort(sorted, run->channel_count, sizeof(struct channel *), by_number);
    for (size_t i = 0; !result && i < run->hot_count; i++) {
        uint32_t number = run->hot[i].key.channel;
        struct channel **found = run->channel_count
                                     ? bsearch(&number, sorted, run->channel_count,
                                               sizeof(struct channel *), order_number)
                                     : NULL;
        if (found)
            (*found)->hot_blocks++;
        else
            result = BB_FAIL(run->error, BB_E_STORE_CORRUPT,
                             "the store has blocks of channel %u, which has no name", number);
    }
    free(sorted);
    return result;
}

static struct bb_span tenant_of(struct bb_span name) {
    const char *end = memchr(name.data, '\0', name.size);

    return (struct bb_span){name.data, end ? (size_t)(end - name.data) : name.size};
}

static int list_tenants(struct bb_archive_run *run) {
    for (size_t from = 0, to; from < run->channel_count; from = to) {
        struct bb_span tenant = tenant_of(run->channels[from].name);
        uint64_t hot = 0;
        for (to = from;
             to < run->channel_count && bb_span_equal(tenant_of(run->channels[to].name), tenant);
             to++)
            hot += run->channels[to].hot_blocks;
        if (hot == 0)
            continue;
        if (!bb_list_room(&run->files, run->file_count, &run->file_capacity, sizeof run->files[0]))
            return no_memory(run->error);
        run->files[run->file_count++] = (struct tenant_file){
            .tenant = tenant, .from = from, .to = to};
    }
    return 0;
}

/* ---- a file */

struct writing {
    struct bb_archive_run *run;
    struct bb_archive_writer writer;
    struct bb_blob_put *put;
    struct bb_store_view *view; /* of the plant's store: hot over archived */
};

static int write_out(struct writing *w) {
    struct bb_blob *blob = w->run->task.plant->blob;
    int result = blob->ops->put_write(w->put, bb_buffer_span(&w->writer.out), w->run->error);

    bb_buffer_clear(&w->writer.out);
    return result;
}

static int write_channel(struct writing *w, const struct channel *channel) {
    struct bb_archive_run *run = w->run;
    const struct bb_store_ops *ops = run->task.plant->store->ops;
    struct bb_span rest = channel->name, tenant = tenant_of(rest);
    rest = (struct bb_span){rest.data + tenant.size + 1, rest.size - tenant.size - 1};
    struct bb_span usage_point = tenant_of(rest);
    struct bb_span name = {rest.data + usage_point.size + 1, rest.size - usage_point.size - 1};
    int result = 0;

    for (int i = 0; result >= 0 && i < run->lane_count; i++) {
        int32_t first = 0, last = -1;
        if (!bb_archive_spans_of(run->lanes[i], run->task.order.month, &first, &last))
            continue;
        for (int32_t span = first; result >= 0 && span <= last; span++) {
            struct bb_block_key key = {channel->number, span, run->lanes[i]};
            struct bb_span packed;
            result = ops->block_get(w->view, &key, &packed, run->error);
            if (result == BB_FOUND)
                result = bb_archive_put(&w->writer, usage_point, name, run->lanes[i], span, packed,
                                        run->error);
        }
    }
    if (result >= 0 && w->writer.out.size >= WRITE_BYTES)
        result = write_out(w);
    return result < 0 ? result : 0;
}

static int write_channels(struct writing *w, const struct tenant_file *file) {
    struct bb_archive_run *run = w->run;
    struct bb_store *store = run->task.plant->store;
    int result = 0;

    for (size_t i = file->from; !result && i < file->to; i++) {
        if (*run->task.stop)
            return BB_ARCHIVE_STOPPED;
        if (!w->view)
            result = store->ops->view_begin(store, run->task.partition, &w->view, run->error);
        if (!result)
            result = write_channel(w, &run->channels[i]);
        if (!result && (i - file->from) % CHANNELS_A_VIEW == CHANNELS_A_VIEW - 1) {
            store->ops->view_end(w->view);
            w->view = NULL;
        }
    }
    return result;
}

static int end_file(struct writing *w, struct tenant_file *file) {
    struct bb_archive_run *run = w->run;
    struct bb_blob *blob = run->task.plant->blob;
    int result = bb_archive_finish(&w->writer, &file->place.trailer, run->error);

    if (!result && file->place.trailer.blocks == 0) { /* tombstones alone */
        blob->ops->put_abandon(w->put);
        w->put = NULL;
        return 0;
    }
    if (!result)
        result = write_out(w);
    if (result)
        return result;
    result = blob->ops->put_end(w->put, run->error);
    w->put = NULL;
    file->place.size = w->writer.size;
    run->blocks += file->place.trailer.blocks;
    return result ? result : bb_archive_verify(blob, &file->place, run->error);
}

static int write_file(struct bb_archive_run *run, struct tenant_file *file) {
    const struct bb_archive_task *task = &run->task;
    const struct bb_archive_head head = {file->tenant, task->order.lane, task->order.month,
                                         task->partition};
    const struct bb_archive_maker maker = {task->plant->log->identity, task->epoch, task->offset};
    struct bb_blob *blob = task->plant->blob;
    struct bb_store *store = task->plant->store;
    struct writing w = {.run = run};

    if (!bb_archive_name_make(&head, &maker, file->place.name))
        return BB_FAIL(run->error, BB_E_BLOB_NAME,
                       "the tenant's name is too long for an archived file");
    int result = blob->ops->put_begin(blob, file->place.name, &w.put, run->error);
    if (result)
        return result;
    bb_archive_writer_init(&w.writer, &head);
    result = write_channels(&w, file);
    if (w.view)
        store->ops->view_end(w.view);
    if (!result)
        result = end_file(&w, file);
    blob->ops->put_abandon(w.put);
    bb_archive_writer_release(&w.writer);
    return result;
}

/* ---- the commit */

static void put_number(uint64_t v, char out[NUMBER_BYTES]) {
    for (int i = 0; i < NUMBER_BYTES; i++)
        out[i] = (char)(v >> (8 * (NUMBER_BYTES - 1 - i)));
}

static int put_name(struct bb_archive_run *run, enum bb_name_kind kind, struct bb_span name,
                    struct bb_span value) {
    if (!bb_list_room(&run->names, run->name_count, &run->name_capacity, sizeof run->names[0]))
        return no_memory(run->error);
    struct bb_name_change *change = &run->names[run->name_count];
    *change = (struct bb_name_change){kind, bb_arena_copy(&run->arena, name), {NULL, 0}};
    if (value.size > 0)
        change->value = bb_arena_copy(&run->arena, value);
    if (!change->name.data || (value.size > 0 && !change->value.data))
        return no_memory(run->error);
    run->name_count++;
    return 0;
}

/* From now on nobody new looks for the older file. */
static int retire(struct bb_archive_run *run, struct bb_span value) {
    struct bb_archive_place older;
    char name[BB_ARCHIVE_NAME_MAX + 2], since[NUMBER_BYTES];
    int result = bb_archive_place_decode(value, &older, run->error);

    if (result)
        return result;
    size_t size = strlen(older.name);
    name[0] = 'R';
    memcpy(name + 1, older.name, size);
    put_number((uint64_t)run->task.now_ms, since);
    return put_name(run, BB_NAME_ARCHIVE, (struct bb_span){name, size + 1},
                    (struct bb_span){since, sizeof since});
}

static int note_file(struct bb_archive_run *run, struct bb_store_view *view,
                     const struct tenant_file *file) {
    const struct bb_store_ops *ops = run->task.plant->hot->ops;
    char key[BB_ARCHIVE_KEY_MAX];
    struct bb_span name = {
        key, bb_archive_key_make(run->task.order.lane, run->task.order.month, file->tenant, key)};
    struct bb_span value;
    struct bb_buffer place;
    int result = ops->name_get(view, BB_NAME_ARCHIVE, name, &value, run->error);

    if (result == BB_FOUND)
        result = retire(run, value);
    if (result < 0)
        return result;
    bb_buffer_init(&place, 2048);
    if (file->place.size > 0)
        bb_archive_place_encode(&file->place, &place);
    result = place.overflow ? no_memory(run->error)
                            : put_name(run, BB_NAME_ARCHIVE, name, bb_buffer_span(&place));
    bb_buffer_release(&place);
    return result;
}

struct sweeping {
    struct bb_archive_run *run;
    int64_t before_ms;
};

static uint64_t get_number(struct bb_span value) {
    uint64_t v = 0;

    for (size_t i = 0; i < value.size && i < NUMBER_BYTES; i++)
        v = v << 8 | (uint8_t)value.data[i];
    return v;
}

/* First the file goes, then what says so: killed between the two, the next order does it again. */
static int sweep_retired(void *context, struct bb_span name, struct bb_span value) {
    struct sweeping *s = context;
    struct bb_blob *blob = s->run->task.plant->blob;
    char file[BB_ARCHIVE_NAME_MAX + 1];
    struct bb_error ignored;

    if ((int64_t)get_number(value) > s->before_ms || name.size > sizeof file)
        return 0;
    memcpy(file, name.data + 1, name.size - 1);
    file[name.size - 1] = '\0';
    if (blob->ops->remove(blob, file, &ignored) != 0)
        return 0;
    return put_name(s->run, BB_NAME_ARCHIVE, name, (struct bb_span){NULL, 0});
}

static int by_name(const void *a, const void *b) {
    const struct bb_name_change *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bb_span_compare(x->name, y->name);
}

static int fill_commit(struct bb_archive_run *run, struct bb_store_view *view,
                       struct bb_commit *commit) {
    const struct bb_archive_task *task = &run->task;
    struct sweeping sweeping = {run, task->now_ms - task->plant->config.archive_grace_ms};
    int result = task->plant->hot->ops->name_scan(view, BB_NAME_ARCHIVE, BB_SPAN("R"),
                                                  sweep_retired, &sweeping, run->error);

    for (size_t i = 0; result >= 0 && i < run->file_count; i++)
        result = note_file(run, view, &run->files[i]);
    put_number(task->offset + 1, run->generation); /* ascends from order to order */
    if (result >= 0)
        result = put_name(run, BB_NAME_META, BB_SPAN("archive"),
                          (struct bb_span){run->generation, NUMBER_BYTES});
    if (result < 0)
        return result;
    qsort(run->names, run->name_count, sizeof run->names[0], by_name);
    commit->blocks = run->hot;
    commit->block_count = run->hot_count;
    commit->names = run->names;
    commit->name_count = run->name_count;
    return 0;
}

static int make(struct bb_archive_run *run, struct bb_commit *commit) {
    struct bb_store *hot = run->task.plant->hot;
    struct bb_store_view *view;
    int result = hot->ops->view_begin(hot, run->task.partition, &view, run->error);

    if (result)
        return result;
    result = find_hot(run, view);
    hot->ops->view_end(view); /* writing takes long; nobody but this worker changes what is here */
    if (!result && run->hot_count == 0)
        return BB_ARCHIVE_NOTHING;
    if (!result)
        result = count_hot(run);
    if (!result)
        result = list_tenants(run);
    for (size_t i = 0; !result && i < run->file_count; i++)
        result = write_file(run, &run->files[i]);
    if (result)
        return result;
    result = hot->ops->view_begin(hot, run->task.partition, &view, run->error);
    if (result)
        return result;
    result = fill_commit(run, view, commit);
    hot->ops->view_end(view);
    return result;
}

int bb_archive_run(const struct bb_archive_task *task, struct bb_archive_run **out,
                   struct bb_commit *commit, struct bb_error *error) {
    struct bb_archive_run *run;

    *out = NULL;
    if (!task->plant->blob)
        return BB_FAIL(error, BB_E_ARCHIVE_NONE,
                       "an order says that old values go, and busbar.yaml does not say where");
    run = calloc(1, sizeof *run);
    if (!run)
        return no_memory(error);
    run->task = *task;
    run->error = error;
    bb_arena_init(&run->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    run->lanes[run->lane_count++] = task->order.lane;
    if (task->order.lane == BB_LANE_RAW)
        run->lanes[run->lane_count++] = BB_LANE_HISTORY;
    *out = run;
    return make(run, commit);
}

/* ---- afterwards */

struct orphans {
    const struct bb_archive_run *run;
    const struct tenant_file *file;
    struct bb_store_view *view;
};

/* An attempt of this worker or of one before it, that nothing names. Files of later workers are theirs. */
static int sweep_orphan(void *context, struct bb_span name, const struct bb_blob_info *info,
                        struct bb_error *error) {
    const struct orphans *o = context;
    const struct bb_archive_task *task = &o->run->task;
    struct bb_store *hot = task->plant->hot;
    char key[BB_ARCHIVE_NAME_MAX + 2];
    struct bb_archive_maker maker;
    struct bb_span value;

    (void)info;
    if (name.size > BB_ARCHIVE_NAME_MAX || !bb_archive_name_maker(name, &maker) ||
        maker.epoch > task->epoch || (maker.epoch == task->epoch && maker.offset >= task->offset) ||
        bb_span_equal(name, bb_span_of(o->file->place.name)))
        return 0;
    key[0] = 'R';
    memcpy(key + 1, name.data, name.size);
    key[name.size + 1] = '\0';
    int found = hot->ops->name_get(o->view, BB_NAME_ARCHIVE, (struct bb_span){key, name.size + 1},
                                   &value, error);
    if (found != BB_ABSENT) /* kept for who has an older view */
        return found < 0 ? found : 0;
    return task->plant->blob->ops->remove(task->plant->blob, key + 1, error);
}

void bb_archive_run_sweep(struct bb_archive_run *run) {
    const struct bb_archive_task *task = &run->task;
    struct bb_store *hot = task->plant->hot;
    struct orphans o = {.run = run};
    struct bb_error ignored; /* what stays is swept next time */

    if (hot->ops->view_begin(hot, task->partition, &o.view, &ignored) != 0)
        return;
    for (size_t i = 0; i < run->file_count; i++) {
        const struct bb_archive_head head = {run->files[i].tenant, task->order.lane,
                                             task->order.month, task->partition};
        char prefix[BB_ARCHIVE_NAME_MAX + 1];
        o.file = &run->files[i];
        if (bb_archive_prefix_make(&head, task->plant->log->identity, prefix))
            (void)task->plant->blob->ops->list(task->plant->blob, prefix, sweep_orphan, &o,
                                               &ignored);
    }
    hot->ops->view_end(o.view);
}

void bb_archive_run_counts(const struct bb_archive_run *run, uint64_t *files, uint64_t *blocks) {
    *files += run->file_count;
    *blocks += run->blocks;
}

void bb_archive_run_release(struct bb_archive_run *run) {
    if (!run)
        return;
    bb_arena_release(&run->arena);
    free(run->hot);
    free(run->channels);
    free(run->files);
    free(run->names);
    free(run);
}
