/* A dry run: see dry_run.h. One thread. */
#include "cli/dry_run.h"

#include "adapter/embedded.h"
#include "model/frame.h"
#include "service/master.h"
#include "service/worker.h"

enum {
    SERIES_LIMIT_BYTES = 256 << 20,
    SCRATCH_CHUNK_BYTES = 1 << 20,
    SCRATCH_LIMIT_BYTES = 256 << 20,
    FRAME_LIMIT_BYTES = 64 << 20
};

int bb_dry_run_open(struct bb_dry_run *run, struct bb_plant *real, const struct bb_config *config,
                    const struct bb_land_options *land, struct bb_error *error) {
    int r;

    memset(run, 0, sizeof *run);
    run->real = real;
    run->land = *land;
    run->received_ms = bb_clock_now_ms(land->clock);
    run->plant.config = *config;
    bb_series_table_init(&run->table, SERIES_LIMIT_BYTES);
    bb_arena_init(&run->scratch, SCRATCH_CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    bb_buffer_init(&run->body, FRAME_LIMIT_BYTES);
    run->plant.zones = bb_zone_set_new();
    if (!run->plant.zones)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dry run");
    r = bb_log_memory_open(1, &run->plant.log, error);
    if (r == 0)
        r = bb_store_memory_open(1, &run->plant.store, error);
    if (r == 0)
        r = bb_registry_memory_open(&run->plant.registry, error);
    return r;
}

void bb_dry_run_close(struct bb_dry_run *run) {
    bb_plant_close(&run->plant);
    bb_series_table_release(&run->table);
    bb_arena_release(&run->scratch);
    bb_buffer_release(&run->body);
}

/* ---- master data of the usage points that come along ----------------------------------------------*/

/* BB_ABSENT: there is none. */
static int find(struct bb_dry_run *run, enum bb_master_kind kind, struct bb_span name,
                struct bb_master *out, struct bb_error *error) {
    struct bb_registry *registry = run->real->registry;

    return registry->ops->master_get(registry, kind, run->land.form.tenant, name, BB_TIME_NONE,
                                     &run->scratch, out, error);
}

static int copy(struct bb_dry_run *run, enum bb_master_kind kind, struct bb_span name,
                struct bb_error *error) {
    struct bb_master entry;
    int r = name.size > 0 ? find(run, kind, name, &entry, error) : BB_ABSENT;

    return r == BB_FOUND ? bb_master_append(&run->plant, &entry, 1, run->land.clock, error) : r;
}

static int copy_usage_point(struct bb_dry_run *run, struct bb_span name, struct bb_error *error) {
    struct bb_master entry;
    const struct bb_master_usage_point *up = &entry.usage_point;

    int r = find(run, BB_MASTER_USAGE_POINT, name, &entry, error);
    if (r != BB_FOUND)
        return r;
    r = copy(run, BB_MASTER_CALENDAR, up->calendar, error);
    if (r >= 0)
        r = copy(run, BB_MASTER_PROFILE, up->profile, error);
    for (uint32_t i = 0; r >= 0 && i < up->channel_count; i++)
        r = copy(run, BB_MASTER_PROFILE, up->channels[i].profile, error);
    return r < 0 ? r : bb_master_append(&run->plant, &entry, 1, run->land.clock, error);
}

static int copy_master(struct bb_dry_run *run, struct bb_error *error) {
    int r = 0;

    if (run->real && run->series_known == 0)
        r = copy(run, BB_MASTER_TENANT, run->land.form.tenant, error);
    while (r >= 0 && run->real && run->series_known < run->table.count) {
        const struct bb_series *items = run->table.items;
        uint32_t i = run->series_known++;
        bool same = i > 0 && bb_span_equal(items[i].usage_point, items[i - 1].usage_point);
        if (!same)
            r = copy_usage_point(run, items[i].usage_point, error);
    }
    return r < 0 ? r : 0;
}

/* ---- readings -------------------------------------------------------------------------------------*/

static struct bb_frame_row *rows_of(struct bb_dry_run *run, const struct bb_batch *batch,
                                    uint32_t count) {
    struct bb_frame_row *rows = bb_arena_take(&run->scratch, count * sizeof *rows);

    for (uint32_t i = 0; rows && i < count; i++) {
        bool issued = batch->has_issued && batch->issued_ms[i] != BB_TIME_NONE;
        rows[i] = (struct bb_frame_row){.end_ms = batch->end_ms[i],
                                        .mantissa = batch->mantissa[i],
                                        .line = batch->line[i],
                                        .issued_ms = issued ? batch->issued_ms[i]
                                                            : run->received_ms,
                                        .series = batch->series[i],
                                        .attribute = batch->attribute[i]};
    }
    return rows;
}

static int append_frame(struct bb_dry_run *run, const struct bb_batch *batch, uint32_t count,
                        struct bb_error *error) {
    struct bb_frame frame = {.tenant = run->land.form.tenant,
                             .source = BB_SPAN("dry run"),
                             .received_ms = run->received_ms,
                             .series_count = run->table.count,
                             .series = run->table.items,
                             .attributes = batch->attributes.items,
                             .attribute_count = batch->attributes.count};
    struct bb_log *log = run->plant.log;
    struct bb_frame_row *rows = rows_of(run, batch, count);

    if (!rows || !bb_frame_set_rows(&frame, rows, count, &run->scratch))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dry run");
    bb_buffer_clear(&run->body);
    int r = bb_frame_encode(&frame, &run->scratch, &run->body, error);
    struct bb_log_record record = {.kind = BB_RECORD_FRAME,
                                   .readings = count,
                                   .received_ms = run->received_ms,
                                   .body = bb_buffer_span(&run->body)};
    return r < 0 ? r : log->ops->append(log, 0, &record, error);
}

static void keep_rows(struct bb_dry_run *run, const struct bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count && run->row_count < BB_DRY_ROWS; i++)
        run->rows[run->row_count++] = (struct bb_dry_row){
            .series = batch->series[i],
            .attribute = batch->attributes.items[batch->attribute[i]],
            .end_ms = batch->end_ms[i],
            .mantissa = batch->mantissa[i]};
}

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct bb_dry_run *run = context;
    uint64_t room = BB_DRY_READINGS_MAX - run->readings;
    uint32_t count = batch->count < room ? batch->count : (uint32_t)room;
    int r;

    bb_arena_reset(&run->scratch);
    keep_rows(run, batch);
    r = copy_master(run, error);
    if (r == 0)
        r = append_frame(run, batch, count, error);
    run->readings += count;
    if (r < 0 || (count == batch->count && run->readings < BB_DRY_READINGS_MAX))
        return r;
    run->enough = true;
    return BB_FAIL(error, BB_E_USAGE, "a dry run looks at %d readings", BB_DRY_READINGS_MAX);
}

static int take_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct bb_dry_run *run = context;

    (void)error;
    run->rejected++;
    if (run->error_count < BB_DRY_ERRORS)
        run->errors[run->error_count++] = *reason;
    return 0;
}

static int derive(struct bb_dry_run *run, struct bb_error *error) {
    struct bb_worker *worker = NULL;
    int r = run->plant.log->ops->sync(run->plant.log, error);

    if (r == 0)
        r = bb_worker_open(&run->plant, &worker, error);
    if (r < 0)
        return r;
    r = bb_worker_drain(worker, false, NULL, error);
    bb_worker_close(worker);
    return r < 0 ? r : bb_deliver_registry(&run->plant, NULL, NULL, error);
}

int bb_dry_run_file(struct bb_dry_run *run, const char *path, struct bb_error *error) {
    const struct bb_decode_sink sink = {take_batch, take_reject, run, &run->ignored};
    struct bb_plant *knows = run->real ? run->real : &run->plant;
    int r = bb_land_decode(knows, path, &run->land, &sink, &run->table, &run->format, error);

    if (r < 0 && !run->enough)
        return r;
    for (uint32_t i = 0; i < run->error_count; i++)
        bb_error_locate(&run->errors[i], path, 0);
    return derive(run, error);
}
