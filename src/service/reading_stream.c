/* A reading stream: see reading_stream.h. */
#include "service/reading_stream.h"

#include "adapter/schema_registry.h"
#include "base/hash.h"
#include "codec/map.h"
#include "model/channel_name.h"
#include "model/unit.h"
#include "service/channel_table.h"
#include "service/name_library.h"

#include <stdlib.h>

enum {
    ASKED_PER_VIEW = 8192,
    ASKED_ONE_BY_ONE = 64,     /* of a store that is far away, before all names are read */
    LIBRARY_BYTES = 128 << 20, /* more of a partition are asked for one by one */
};

/* ---- detect the format, decode */

/* The first bytes are looked at, then read again by the decoder. */
struct replay {
    struct bb_input rest;
    char *head;
    size_t size, at;
    bool ended;
};

static int read_replay(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct replay *r = context;

    if (r->at < r->size) {
        *got = r->size - r->at < capacity ? r->size - r->at : capacity;
        memcpy(data, r->head + r->at, *got);
        r->at += *got;
        return 0;
    }
    if (r->ended) {
        *got = 0;
        return 0;
    }
    return r->rest.read(r->rest.context, data, capacity, got, error);
}

static int fill_head(struct replay *r, struct bb_error *error) {
    while (r->size < BB_SNIFF_BYTES && !r->ended) {
        size_t got;
        int result = r->rest.read(r->rest.context, r->head + r->size, BB_SNIFF_BYTES - r->size,
                                  &got, error);
        if (result)
            return result;
        r->size += got;
        r->ended = got == 0;
    }
    return 0;
}

/* Kind, interval and unit that the store knows of a channel, from earlier readings (as master data
 * corrected them) or from master data alone. Asked once per series that its source leaves open. */
struct resolver {
    struct bb_plant *plant;
    struct bb_span tenant;
    struct bb_arena arena;
    struct bb_store_view **views; /* per partition, as they are asked for */
    uint32_t asked;               /* since the views are open */
    /* Of stores that are far away: per partition, once more than a few were asked for. */
    struct library {
        struct bb_name_library names;
        uint32_t asked;
        bool is_read;
    } * libraries;
    struct bb_error away; /* a question that mattered had no answer; code BB_OK: none */
};

static void close_views(struct resolver *r) {
    for (uint32_t p = 0; r->views && p < r->plant->store->partitions; p++)
        if (r->views[p]) {
            r->plant->store->ops->view_end(r->views[p]);
            r->views[p] = NULL;
        }
    r->asked = 0;
}

/* A view costs more than the question, so it is kept for a while; not for as long as a large file takes, as
 * the store keeps the pages that an open view might ask for. NULL: there is none. */
static struct bb_store_view *view_of(struct resolver *r, uint32_t partition,
                                     struct bb_error *error) {
    struct bb_store *store = r->plant->store;

    if (!r->views)
        r->views = calloc(store->partitions, sizeof r->views[0]);
    if (!r->views)
        return NULL;
    if (r->asked++ >= ASKED_PER_VIEW)
        close_views(r);
    if (!r->views[partition] &&
        store->ops->view_begin(store, partition, &r->views[partition], error) != 0)
        r->views[partition] = NULL;
    return r->views[partition];
}

static void resolve_by_record(const struct bb_channel_record *r, struct bb_series *s) {
    if (s->kind == BB_KIND_UNKNOWN)
        s->kind = r->kind;
    if (s->interval_s == 0)
        s->interval_s = r->interval_s;
    if (s->commodity == BB_COMMODITY_UNKNOWN)
        s->commodity = r->commodity;
}

static void resolve_by_master(const struct bb_master_usage_point *up, struct bb_series *s) {
    if (s->commodity == BB_COMMODITY_UNKNOWN)
        s->commodity = up->commodity;
    const struct bb_master_channel *c = bb_channel_master_of(up, s->channel);
    if (!c)
        return;
    if (s->kind == BB_KIND_UNKNOWN)
        s->kind = c->kind;
    if (s->interval_s == 0)
        s->interval_s = c->interval_s;
    if (s->unit == BB_UNIT_NONE && c->unit >= 0)
        s->unit = (uint8_t)c->unit;
    if (s->commodity == BB_COMMODITY_UNKNOWN)
        s->commodity = c->commodity;
}

/* A store that takes hints is far away, and asking for one name after another is slow. */
static void read_library(struct resolver *r, struct bb_store_view *view, uint32_t partition) {
    struct bb_store *store = r->plant->store;
    char prefix[BB_NAME_KEY_MAX];
    struct bb_span tenant = {prefix, r->tenant.size + 1};
    struct bb_error ignored;

    if (!store->ops->expect)
        return;
    if (!r->libraries)
        r->libraries = calloc(store->partitions, sizeof r->libraries[0]);
    struct library *library = r->libraries ? &r->libraries[partition] : NULL;
    if (!library || library->is_read || library->asked++ < ASKED_ONE_BY_ONE)
        return;
    memcpy(prefix, r->tenant.data, r->tenant.size);
    prefix[r->tenant.size] = '\0';
    library->is_read = true;
    bb_name_library_init(&library->names, LIBRARY_BYTES);
    if (bb_name_library_read(&library->names, store, view, BB_NAME_USAGE_POINT, tenant, &ignored) ||
        bb_name_library_read(&library->names, store, view, BB_NAME_CHANNEL, tenant, &ignored))
        library->names.is_whole = false;
}

static int ask(struct resolver *r, struct bb_store_view *view, uint32_t partition,
               enum bb_name_kind kind, struct bb_span name, struct bb_span *value,
               struct bb_error *error) {
    const struct library *library = r->libraries ? &r->libraries[partition] : NULL;

    return library && library->is_read && library->names.is_whole
               ? bb_name_library_get(&library->names, kind, name, value)
               : r->plant->store->ops->name_get(view, kind, name, value, error);
}

static void resolve_in(struct resolver *r, struct bb_store_view *view, uint32_t partition,
                       struct bb_series *series, struct bb_error *error) {
    struct bb_span value, none = {NULL, 0};
    struct bb_error ignored;
    struct bb_channel_record record;
    struct bb_master master;
    char key[BB_NAME_KEY_MAX];
    struct bb_span name = {key, bb_channel_key(r->tenant, series->usage_point, none, key)};

    bb_arena_reset(&r->arena);
    read_library(r, view, partition);
    if (ask(r, view, partition, BB_NAME_USAGE_POINT, name, &value, error) == BB_FOUND) {
        value.data += BB_MASTER_VALUE_PREFIX;
        value.size -= BB_MASTER_VALUE_PREFIX;
        if (bb_master_decode(value, &r->arena, &master, &ignored) == 0)
            resolve_by_master(&master.usage_point, series);
    }
    name.size = bb_channel_key(r->tenant, series->usage_point, series->channel, key);
    if (ask(r, view, partition, BB_NAME_CHANNEL, name, &value, error) == BB_FOUND &&
        bb_channel_record_decode(value, &record, &ignored) == 0)
        resolve_by_record(&record, series);
}

static void resolve(void *context, struct bb_series *series) {
    struct resolver *r = context;
    uint32_t partition = (uint32_t)(bb_usage_point_hash(series->usage_point) %
                                    r->plant->store->partitions);
    struct bb_error error = {0};
    struct bb_store_view *view = view_of(r, partition, &error);

    if (view)
        resolve_in(r, view, partition, series, &error);
    /* What a store that is away would have said shall not become a refusal of the reading. */
    bool is_open = series->kind == BB_KIND_UNKNOWN || series->unit == BB_UNIT_NONE ||
                   (series->kind == BB_KIND_INTERVAL && series->interval_s == 0);
    if (error.retriable && is_open && r->away.code == BB_OK)
        r->away = error;
}

/* The registry that the map names, if it does. It is asked when a message names a schema that nothing else has. */
static int open_registry(const struct bb_reading_form *form, struct bb_schema_registry **out,
                         struct bb_error *error) {
    struct bb_map_registry where;

    *out = NULL;
    return bb_map_registry(form->map, &where) ? bb_schema_registry_new(&where, NULL, out, error)
                                              : 0;
}

int bb_reading_stream_decode(struct bb_plant *plant, struct bb_input stream, const char *name,
                             const struct bb_reading_form *form, int64_t received_ms,
                             const struct bb_decode_sink *sink, struct bb_series_table *table,
                             const struct bb_format_row **format, struct bb_error *error) {
    struct replay replay = {.rest = stream, .head = malloc(BB_SNIFF_BYTES)};
    struct resolver resolver = {.plant = plant, .tenant = form->tenant};
    struct bb_decode_options options = {.map = form->map,
                                        .source = name,
                                        .kind = form->kind,
                                        .interval_s = form->interval_s,
                                        .precision = form->precision,
                                        .received_ms = received_ms,
                                        .memory = form->memory,
                                        .schemas = form->schemas,
                                        .zones = plant ? plant->zones : NULL};
    int result = form->session ? 0
                 : replay.head ? fill_head(&replay, error)
                               : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read the input");
    const struct bb_format_row *used = form->format ? form->format
                                       : form->map  ? bb_map_format(form->map)
                                                    : NULL;
    const struct bb_format_row *detected = NULL;
    struct bb_schema_registry *registry = NULL;

    bb_arena_init(&resolver.arena, 16 << 10, 16 << 20);
    if (plant) {
        options.resolve = resolve;
        options.resolve_context = &resolver;
    }
    if (!result && !form->schemas)
        result = open_registry(form, &registry, error);
    if (registry)
        options.schemas = bb_schema_registry_lookup(registry);
    if (!result && form->zone.size > 0 && options.zones)
        result = bb_zone_set_get(options.zones, form->zone, &options.zone, error);
    /* Even a named format must not be empty or in another encoding, if it is a text. */
    if (!result && !form->session && !(used && used->binary))
        result = bb_format_detect((struct bb_span){replay.head, replay.size}, replay.ended,
                                  &detected, error);
    if (result == -BB_E_FORMAT_UNKNOWN && used)
        result = 0;
    used = used ? used : detected;
    if (format)
        *format = used;
    if (!result && form->session)
        result = form->session->run(form->session->context, &options, table, sink, error);
    else if (!result)
        result = used->decode((struct bb_input){read_replay, &replay}, &options, table, sink,
                              error);
    if (resolver.away.code != BB_OK) {
        *error = resolver.away;
        result = -(int)error->code;
    }
    bb_schema_registry_free(registry);
    close_views(&resolver);
    free(resolver.views);
    for (uint32_t p = 0; plant && resolver.libraries && p < plant->store->partitions; p++)
        bb_name_library_release(&resolver.libraries[p].names);
    free(resolver.libraries);
    bb_arena_release(&resolver.arena);
    free(replay.head);
    return result;
}

uint64_t bb_reading_form_hash(const struct bb_reading_form *form, bool partial,
                              const char *map_path) {
    struct bb_buffer b;

    bb_buffer_init(&b, 64 << 10);
    bb_buffer_append_span(&b, form->tenant);
    bb_buffer_format(&b, "|%s|%s|%d|%u|%d|", form->format ? form->format->name : "auto",
                     map_path ? map_path : "", form->kind, form->interval_s, partial);
    bb_buffer_append_span(&b, form->zone);
    if (form->precision)
        bb_buffer_format(&b, "|precision %d", (int)form->precision);
    uint64_t hash = bb_hash(bb_buffer_span(&b));
    bb_buffer_release(&b);
    return hash;
}
