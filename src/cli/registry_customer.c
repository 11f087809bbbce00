/* busbar registry export --customer NAME: all that is kept about a customer, as one JSON value.
 *
 *   every version of every usage point ──► those that ever named the customer
 *      └─► per usage point: its versions that name it, exceptions, what people told with who and why,
 *          and the command that prints its readings
 *
 * A usage point outlives its customers, and what is another one's is not told. Master data does not
 * say when a customer moved in, only when that was recorded; so of a usage point that ever named
 * another customer, only what was recorded while this one was named is told.
 */
#include "cli/registry_customer.h"

#include "answer/master_json.h"
#include "base/list.h"
#include "model/quality.h"
#include "model/unit.h"
#include "service/person_told.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 1 << 16, ENTRY_MAX_BYTES = 64 << 20 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

struct version {
    int64_t recorded_ms, until_ms; /* BB_TIME_NONE: it is the current one */
    struct bb_span packed;         /* the entry */
};

struct subject { /* a usage point that ever named the customer */
    struct bb_span name;
    struct version *versions; /* that name it */
    size_t version_count, version_capacity;
    bool shared; /* other versions name another customer */
};

struct export {
    struct bb_command *command;
    struct bb_plant *plant;
    struct bb_span customer;
    struct bb_json json;
    struct bb_arena arena;
    struct bb_buffer packed;
    struct subject *subjects;
    size_t count, capacity;
    struct subject *subject; /* being told */
    struct bb_error *error;
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what is kept about a customer");
}

/* ---- which usage points, and which of their versions */

static int add_version(struct export *export, struct subject *subject, int64_t recorded_ms,
                       const struct bb_master *master) {
    bb_buffer_clear(&export->packed);
    int result = bb_master_encode(master, &export->packed, export->error);
    if (result < 0)
        return result;
    struct bb_span packed = bb_arena_copy(&export->arena, bb_buffer_span(&export->packed));
    if (!packed.data || export->packed.overflow ||
        !bb_list_room(&subject->versions, subject->version_count, &subject->version_capacity,
                      sizeof *subject->versions))
        return no_memory(export->error);
    subject->versions[subject->version_count++] = (struct version){
        .recorded_ms = recorded_ms, .until_ms = BB_TIME_NONE, .packed = packed};
    return 0;
}

/* Versions of one usage point come one after the other. The last subject stays only when any of them
 * named the customer. */
static int take_version(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct export *export = context;
    const struct bb_master_usage_point *up = &master->usage_point;
    struct subject *last = export->count > 0 ? &export->subjects[export->count - 1] : NULL;

    if (master->kind != BB_MASTER_USAGE_POINT)
        return 0;
    if (!last || !bb_span_equal(last->name, up->name)) {
        if (!last || last->version_count > 0) {
            if (!bb_list_room(&export->subjects, export->count, &export->capacity,
                              sizeof *export->subjects))
                return no_memory(export->error);
            last = &export->subjects[export->count++];
        }
        *last = (struct subject){.name = bb_arena_copy(&export->arena, up->name)};
        if (!last->name.data)
            return no_memory(export->error);
    }
    struct version *before = last->version_count > 0 ? &last->versions[last->version_count - 1]
                                                     : NULL;
    if (before && before->until_ms == BB_TIME_NONE)
        before->until_ms = recorded_ms;
    if (bb_span_equal(up->customer, export->customer))
        return add_version(export, last, recorded_ms, master);
    last->shared = last->shared || up->customer.size > 0;
    return 0;
}

static int find_subjects(struct export *export) {
    struct bb_registry *registry = export->plant->registry;
    int result = registry->ops->version_list(registry, bb_command_tenant(export->command),
                                             take_version, export, export->error);

    if (result < 0)
        return result;
    if (export->count > 0 && export->subjects[export->count - 1].version_count == 0)
        export->count--;
    return export->count > 0
               ? 0
               : BB_FAIL(export->error, BB_E_CUSTOMER_UNKNOWN,
                         "no usage point of tenant %s ever named the customer \"%.*s\"",
                         export->command->globals.tenant, BB_SPAN_ARGS(export->customer));
}

/* Was it recorded while the usage point was this customer's? */
static bool is_theirs(const struct subject *subject, int64_t recorded_ms) {
    if (!subject->shared)
        return true;
    for (size_t i = 0; i < subject->version_count; i++) {
        const struct version *v = &subject->versions[i];
        if (recorded_ms >= v->recorded_ms &&
            (v->until_ms == BB_TIME_NONE || recorded_ms < v->until_ms))
            return true;
    }
    return false;
}

/* ---- telling */

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_json_put_text(json, key, (struct bb_span){text, bb_time_format_utc(ms, text)});
}

static void put_person(struct bb_json *json, const struct bb_person *who) {
    if (who->name.size == 0)
        return;
    bb_json_put_text(json, "by", who->name);
    bb_json_put_text(json, "reason", who->reason);
}

static int tell_versions(struct export *export) {
    struct bb_json *json = &export->json;
    struct bb_arena arena;
    int result = 0;

    bb_arena_init(&arena, ARENA_CHUNK_BYTES, ENTRY_MAX_BYTES);
    bb_json_key(json, "versions");
    bb_json_array_begin(json);
    for (size_t i = 0; result == 0 && i < export->subject->version_count; i++) {
        const struct version *v = &export->subject->versions[i];
        struct bb_master master;
        bb_arena_reset(&arena);
        result = bb_master_decode(v->packed, &arena, &master, export->error);
        if (result < 0)
            break;
        bb_json_object_begin(json);
        put_time(json, "recorded", v->recorded_ms);
        put_time(json, "until", v->until_ms);
        bb_json_key(json, "entry");
        bb_master_put_json(json, &master);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    bb_arena_release(&arena);
    return result;
}

static int tell_exception(void *context, const struct bb_registry_exception *row) {
    struct export *export = context;
    struct bb_json *json = &export->json;
    struct bb_person who;

    if (!bb_span_equal(row->usage_point, export->subject->name) ||
        !is_theirs(export->subject, row->opened_ms))
        return 0;
    bool closed = row->closed_ms != BB_TIME_NONE && is_theirs(export->subject, row->closed_ms);
    bb_json_object_begin(json);
    bb_json_put_i64(json, "id", row->id);
    bb_json_put_text(json, "channel", row->channel);
    bb_json_put_text(json, "check", bb_span_of(bb_check_name(row->check)));
    put_time(json, "from", row->from_ms);
    put_time(json, "to", row->to_ms);
    put_time(json, "opened", row->opened_ms);
    bb_json_put_text(json, "opened_by", row->opened_by);
    if (closed || row->closed_ms == BB_TIME_NONE)
        bb_json_put_text(json, "state", bb_span_of(bb_person_exception_state(row, &who)));
    if (closed) {
        put_time(json, "closed", row->closed_ms);
        bb_json_put_text(json, "closed_by", row->closed_by);
        put_person(json, &who);
    }
    bb_json_object_end(json);
    return bb_output_spill(export->command->out) ? 0 : 1;
}

static int tell_exceptions(struct export *export) {
    struct bb_registry *registry = export->plant->registry;

    bb_json_key(&export->json, "exceptions");
    bb_json_array_begin(&export->json);
    int result = registry->ops->exception_list(registry, bb_command_tenant(export->command), false,
                                               BB_TIME_NONE, tell_exception, export, export->error);
    bb_json_array_end(&export->json);
    return result < 0 ? result : 0;
}

static int tell_told(void *context, const struct bb_person_told *told) {
    struct export *export = context;
    struct bb_json *json = &export->json;
    char value[BB_DECIMAL_TEXT_MAX];

    if (!is_theirs(export->subject, told->recorded_ms))
        return 0;
    bb_json_object_begin(json);
    bb_json_put_text(json, "channel", told->channel);
    put_time(json, "start", told->start_ms);
    put_time(json, "end", told->end_ms);
    if (told->has_value) {
        bb_json_key(json, "value");
        bb_json_raw(json, (struct bb_span){value, bb_decimal_format(told->value, false, value)});
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(told->unit)));
    }
    put_time(json, "recorded", told->recorded_ms);
    if (told->known) {
        bb_json_put_text(json, "act", bb_span_of(bb_person_act_name((int)told->act)));
        put_person(json, &told->person);
    }
    bb_json_object_end(json);
    return bb_output_spill(export->command->out) ? 0 : 1;
}

static int tell_people(struct export *export) {
    bb_json_key(&export->json, "told_by_people");
    bb_json_array_begin(&export->json);
    int result = bb_person_told_list(export->plant, bb_command_tenant(export->command),
                                     export->subject->name, tell_told, export, export->error);
    bb_json_array_end(&export->json);
    return result;
}

/* Where another customer was named too, the times at which that was recorded are the nearest to when
 * this one lived there; whoever runs the command may know better. */
static void tell_readings(struct export *export) {
    const struct subject *subject = export->subject;
    const struct version *first = &subject->versions[0];
    const struct version *last = &subject->versions[subject->version_count - 1];
    char from[BB_TIME_TEXT_MAX], to[BB_TIME_TEXT_MAX];
    struct bb_buffer *text = &export->packed;

    bb_buffer_clear(text);
    bb_buffer_format(text, "busbar --tenant %s query --usage-point %.*s --lane raw --format csv",
                     export->command->globals.tenant, BB_SPAN_ARGS(subject->name));
    from[bb_time_format_utc(first->recorded_ms, from)] = '\0';
    to[last->until_ms == BB_TIME_NONE ? 0 : bb_time_format_utc(last->until_ms, to)] = '\0';
    if (subject->shared)
        bb_buffer_format(text, " --from %s%s%s", from, *to ? " --to " : "", to);
    bb_json_put_text(&export->json, "readings", bb_buffer_span(text));
}

static int tell_subject(struct export *export) {
    bb_json_object_begin(&export->json);
    bb_json_put_text(&export->json, "usage_point", export->subject->name);
    bb_json_put_bool(&export->json, "shared", export->subject->shared);
    int result = tell_versions(export);
    if (result == 0)
        result = tell_exceptions(export);
    if (result == 0)
        result = tell_people(export);
    if (result == 0)
        tell_readings(export);
    bb_json_object_end(&export->json);
    return result;
}

static int tell(struct export *export) {
    int result = 0;

    bb_json_object_begin(&export->json);
    bb_json_put_text(&export->json, "customer", export->customer);
    bb_json_put_text(&export->json, "tenant", bb_command_tenant(export->command));
    bb_json_key(&export->json, "usage_points");
    bb_json_array_begin(&export->json);
    for (size_t i = 0; result == 0 && i < export->count; i++) {
        export->subject = &export->subjects[i];
        result = tell_subject(export);
    }
    bb_json_array_end(&export->json);
    bb_json_object_end(&export->json);
    bb_command_json_end(export->command);
    return result;
}

int bb_registry_export_customer(struct bb_command *command, struct bb_plant *plant,
                                const char *customer, struct bb_error *error) {
    struct export export = {.command = command,
                            .plant = plant,
                            .customer = bb_span_of(customer),
                            .json = bb_command_json(command),
                            .error = error};

    bb_arena_init(&export.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    bb_buffer_init(&export.packed, ENTRY_MAX_BYTES);
    int result = find_subjects(&export);
    if (result == 0)
        result = tell(&export);
    for (size_t i = 0; i < export.count; i++)
        free(export.subjects[i].versions);
    free(export.subjects);
    bb_buffer_release(&export.packed);
    bb_arena_release(&export.arena);
    return result;
}
