/* How messages of foreign topics are read: see source_form.h. */
#include "service/source_form.h"

#include "adapter/schema_registry.h"
#include "codec/avro.h"
#include "codec/map.h"

#include <stdlib.h>

enum { JOINED_LIMIT_BYTES = 1 << 30, UNPACKED_LIMIT_BYTES = 1 << 30 };

/* ---- as configured */

static int add_tenants(struct bb_source_form *form, const char *list, struct bb_error *error) {
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        struct bb_span tenant = bb_span_trim((struct bb_span){at, size});
        if (tenant.size > 0 && form->tenant_count == BB_SOURCE_TENANTS_MAX)
            return BB_FAIL(error, BB_E_CONFIG_INVALID, "sources.kafka.tenants names more than %d",
                           BB_SOURCE_TENANTS_MAX);
        if (tenant.size > 0)
            form->tenants[form->tenant_count++] = tenant;
        at += size + (at[size] == ',');
    }
    return 0;
}

static int choose_format(struct bb_source_form *form, const char *name, struct bb_error *error) {
    form->format = name[0]     ? bb_format_find(bb_span_of(name))
                   : form->map ? bb_map_format(form->map)
                               : &bb_format_ndjson;
    if (!form->format)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "sources.kafka.format: there is no format \"%s\"", name);
    if (form->map && bb_map_format(form->map) != form->format)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "sources.kafka.format is %s, but the map is for %s", form->format->name,
                       bb_map_format(form->map)->name);
    form->is_avro = form->format == &bb_format_avro;
    form->stop_at_array = form->format == &bb_format_ndjson;
    form->is_joined = form->format == &bb_format_ndjson ||
                      form->format == &bb_format_lineprotocol ||
                      (form->format == &bb_format_csv && form->map &&
                       !bb_map_has_header(form->map));
    return 0;
}

static int open_registry(struct bb_source_form *form, atomic_bool *stop, struct bb_error *error) {
    struct bb_map_registry where;

    return form->map && bb_map_registry(form->map, &where)
               ? bb_schema_registry_new(&where, stop, &form->registry, error)
               : 0;
}

int bb_source_form_open(struct bb_source_form *form, const struct bb_config *config,
                        atomic_bool *stop, struct bb_error *error) {
    *form = (struct bb_source_form){0};
    int result = config->source_kafka_map[0]
                     ? bb_map_load(config->source_kafka_map, &form->map, error)
                     : 0;

    if (!result)
        result = choose_format(form, config->source_kafka_format, error);
    if (!result)
        result = open_registry(form, stop, error);
    if (!result && config->source_kafka_tenant_header[0]) {
        form->tenant_header = config->source_kafka_tenant_header;
        result = add_tenants(form, config->source_kafka_tenants, error);
    } else if (!result) {
        form->tenants[form->tenant_count++] = bb_span_of(config->source_kafka_tenant);
    }
    if (result)
        bb_source_form_close(form);
    return result;
}

void bb_source_form_close(struct bb_source_form *form) {
    bb_schema_registry_free(form->registry);
    bb_map_free(form->map);
    *form = (struct bb_source_form){0};
}

/* ---- refusals */

void bb_source_decoded_release(struct bb_source_decoded *decoded) {
    free(decoded->refusals);
    *decoded = (struct bb_source_decoded){0};
}

static int refuse(struct bb_source_decoded *out, uint32_t item, const struct bb_error *why,
                  struct bb_error *error) {
    if (out->count > 0 && out->refusals[out->count - 1].item == item)
        return 0; /* another line of it */
    if (!out->refusals)
        out->refusals = calloc(BB_LETTERS_OF_BATCH, sizeof out->refusals[0]);
    if (!out->refusals)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what cannot be used");
    if (out->count < BB_LETTERS_OF_BATCH)
        out->refusals[out->count++] = (struct bb_source_refusal){item, *why};
    else
        out->more++;
    return 0;
}

/* Is it the message that is wrong, rather than the world? */
static bool is_of_message(const struct bb_error *error) {
    int code = (int)error->code;

    return !error->retriable && code != BB_E_INPUT_UNREADABLE && code != BB_E_MAP_INVALID &&
           ((code >= 1000 && code < 1100) || (code >= 2000 && code < 2100));
}

/* ---- decoding */

struct run { /* of one tenant's items */
    const struct bb_source_form *form;
    const struct bb_source_how *how;
    const struct bb_source_item *items;
    const uint32_t *picked; /* indexes of items */
    uint32_t count;
    struct bb_post *post;
    struct bb_source_decoded *out;
    uint64_t *first_line; /* of each picked item in the joined stream */
    struct bb_span text;
    size_t at;
};

static int read_text(void *context, void *data, size_t capacity, size_t *got,
                     struct bb_error *error) {
    struct run *run = context;
    size_t left = run->text.size - run->at;

    (void)error;
    *got = left < capacity ? left : capacity;
    if (*got > 0)
        memcpy(data, run->text.data + run->at, *got);
    run->at += *got;
    return 0;
}

static uint32_t item_of_line(const struct run *run, uint64_t line) {
    uint32_t low = 0, high = run->count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (run->first_line[middle] <= line)
            low = middle;
        else
            high = middle;
    }
    return run->picked[low];
}

static int take_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct run *run = context;

    return refuse(run->out, run->first_line ? item_of_line(run, reason->line) : run->picked[0],
                  reason, error);
}

static int decode_post(struct run *run, const struct bb_reading_session *session,
                       struct bb_error *error) {
    const struct bb_source_form *form = run->form;
    const struct bb_post_options options = {
        .form = {.tenant = run->items[run->picked[0]].tenant,
                 .format = form->format,
                 .map = form->map,
                 .schemas = form->registry ? bb_schema_registry_lookup(form->registry) : NULL,
                 .session = session},
        .source = run->how->source,
        .partial = true,
        .unpacked_limit_bytes = UNPACKED_LIMIT_BYTES,
        .clock = bb_clock_system(),
        .plain = true,
        .issued_ms = run->how->issued_ms,
        .reject = take_reject,
        .reject_context = run};

    run->at = 0;
    return bb_post_decode(run->how->kit, run->how->plant, run->how->committer,
                          (struct bb_input){read_text, run}, run->text.size, &options, run->post,
                          error);
}

/* ---- Avro: message by message, in one session */

static int put_messages(void *context, const struct bb_decode_options *options,
                        struct bb_series_table *table, const struct bb_decode_sink *sink,
                        struct bb_error *error) {
    struct run *run = context;
    struct bb_avro_messages *messages;
    int result = bb_avro_messages_new(options, table, sink, &messages, error);

    if (result)
        return result;
    for (uint32_t i = 0; !result && i < run->count; i++)
        result = bb_avro_messages_put(messages, run->items[run->picked[i]].message->value, i + 1,
                                      error);
    if (!result)
        result = bb_avro_messages_finish(messages, error);
    bb_avro_messages_free(messages);
    return result;
}

static int decode_avro(struct run *run, struct bb_error *error) {
    const struct bb_reading_session session = {put_messages, run};

    for (uint32_t i = 0; i < run->count; i++)
        run->first_line[i] = i + 1;
    return decode_post(run, &session, error);
}

/* ---- texts: joined to one stream, or each by itself */

struct mark { /* to go back to, in a post */
    size_t bytes;
    uint32_t frames, errors;
    uint64_t readings, duplicate, rejected;
    uint32_t refusals;
    uint64_t more;
};

static struct mark mark_of(const struct run *run) {
    const struct bb_post *post = run->post;

    return (struct mark){post->bytes.size, post->frame_count, post->error_count, post->readings,
                         post->duplicate,  post->rejected,    run->out->count,   run->out->more};
}

/* Of a large post frames may be in the log already: then they count twice, which merging makes good. */
static void go_back(struct run *run, const struct mark *mark) {
    struct bb_post *post = run->post;

    if (post->frame_count >= mark->frames && post->bytes.size >= mark->bytes) {
        post->frame_count = mark->frames;
        post->bytes.size = mark->bytes;
    }
    post->error_count = mark->errors;
    post->readings = mark->readings;
    post->duplicate = mark->duplicate;
    post->rejected = mark->rejected;
    run->out->count = mark->refusals;
    run->out->more = mark->more;
}

static int decode_one(struct run *run, uint32_t index, struct bb_error *error) {
    struct run one = *run;
    struct mark mark = mark_of(run);

    one.picked = &run->picked[index];
    one.count = 1;
    one.first_line = NULL;
    one.text = run->items[one.picked[0]].message->value;
    int result = decode_post(&one, NULL, error);
    if (result >= 0 || !is_of_message(error))
        return result;
    const struct bb_error why = *error;
    go_back(&one, &mark);
    return refuse(run->out, one.picked[0], &why, error);
}

static int decode_each(struct run *run, struct bb_error *error) {
    int result = 0;

    for (uint32_t i = 0; !result && i < run->count; i++)
        result = decode_one(run, i, error);
    return result;
}

/* False: a message has to be read by itself. */
static bool join(struct run *run, struct bb_buffer *out) {
    uint64_t line = 1;

    for (uint32_t i = 0; i < run->count; i++) {
        struct bb_span value = run->items[run->picked[i]].message->value;
        struct bb_span trimmed = bb_span_trim(value);
        if (trimmed.size == 0 || memchr(value.data, '\0', value.size) ||
            (run->form->stop_at_array && trimmed.data[0] == '['))
            return false;
        run->first_line[i] = line;
        bb_buffer_append_span(out, value);
        for (const char *at = value.data, *end = at + value.size;
             (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
            line++;
        if (value.data[value.size - 1] != '\n') {
            bb_buffer_append_byte(out, '\n');
            line++;
        }
    }
    return !out->overflow;
}

static int decode_joined(struct run *run, struct bb_error *error) {
    struct mark mark = mark_of(run);
    struct bb_buffer joined;

    bb_buffer_init(&joined, JOINED_LIMIT_BYTES);
    bool is_one = run->count > 1 && join(run, &joined);
    run->text = bb_buffer_span(&joined);
    int result = is_one ? decode_post(run, NULL, error) : 0;
    bb_buffer_release(&joined);
    if (is_one && (result >= 0 || !is_of_message(error)))
        return result;
    if (is_one)
        go_back(run, &mark);
    return decode_each(run, error);
}

/* ---- by tenant */

static int decode_run(struct run *run, struct bb_error *error) {
    if (run->count == 0)
        return 0;
    if (run->form->is_avro)
        return decode_avro(run, error);
    return run->form->is_joined ? decode_joined(run, error) : decode_each(run, error);
}

static int refuse_unusable(const struct bb_source_item *items, uint32_t count,
                           struct bb_source_decoded *out, struct bb_error *error) {
    struct bb_error why;
    int result = 0;

    for (uint32_t i = 0; !result && i < count; i++) {
        if (items[i].message->value.size == 0)
            (void)BB_FAIL(&why, BB_E_MESSAGE_EMPTY, "the message has no value");
        else if (!items[i].tenant.data)
            (void)BB_FAIL(&why, BB_E_SOURCE_TENANT,
                          "the message names no tenant that sources.kafka.tenants lists");
        else
            continue;
        result = refuse(out, i, &why, error);
    }
    return result;
}

static int by_item(const void *a, const void *b) {
    const struct bb_source_refusal *x = a, *y = b;

    return (x->item > y->item) - (x->item < y->item);
}

int bb_source_decode(const struct bb_source_form *form, const struct bb_source_how *how,
                     const struct bb_source_item *items, uint32_t count, struct bb_post *post,
                     struct bb_source_decoded *out, struct bb_error *error) {
    uint32_t *picked = calloc(count, sizeof *picked);
    uint64_t *first_line = calloc(count, sizeof *first_line);

    *out = (struct bb_source_decoded){0};
    int result = picked && first_line
                     ? refuse_unusable(items, count, out, error)
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read messages");
    for (uint32_t t = 0; !result && t < form->tenant_count; t++) {
        struct run run = {.form = form,
                          .how = how,
                          .items = items,
                          .picked = picked,
                          .post = post,
                          .out = out,
                          .first_line = first_line};
        for (uint32_t i = 0; i < count; i++)
            if (items[i].message->value.size > 0 && items[i].tenant.data &&
                bb_span_equal(items[i].tenant, form->tenants[t]))
                picked[run.count++] = i;
        result = decode_run(&run, error);
    }
    free(picked);
    free(first_line);
    if (!result && out->count > 1)
        qsort(out->refusals, out->count, sizeof out->refusals[0], by_item);
    return result;
}
