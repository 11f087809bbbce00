/* busbar registry erase CUSTOMER: see service/erase.h.
 *
 *   --dry-run   tells what would go     --yes   lets it go, for good
 *
 * What it prints names usage points and keys of tags, never the customer.
 */
#include "cli/registry_erase.h"

#include "cli/audit.h"
#include "cli/person_options.h"
#include "cli/registry_apply.h"
#include "service/erase.h"

struct erasing {
    struct bb_command *command;
    const struct bb_registry_options *given;
    struct bb_erasure_request request;
    struct bb_erasure *erasure;
    struct bb_plant plant;
    struct bb_erase_report report;
    bool finished_only; /* what an interrupted run had left */
};

/* ---- the request */

static int split(const char *text, char separator, const char *option, struct bb_span *list,
                 size_t *count, struct bb_error *error) {
    for (*count = 0; text && *text;) {
        const char *end = strchr(text, separator);
        struct bb_span part = bb_span_trim(
            (struct bb_span){text, end ? (size_t)(end - text) : strlen(text)});
        if (*count == BB_ERASURE_LIST_MAX)
            return BB_FAIL(error, BB_E_USAGE, "--%s takes at most %d", option, BB_ERASURE_LIST_MAX);
        if (part.size > 0)
            list[(*count)++] = part;
        text = end ? end + 1 : NULL;
    }
    return 0;
}

static int check_words(const struct bb_erasure_request *request, struct bb_error *error) {
    for (size_t i = 0; i < request->word_count; i++)
        if (request->words[i].size < BB_ERASURE_WORD_MIN)
            return BB_FAIL(error, BB_E_USAGE, "--also \"%.*s\" is shorter than %d bytes",
                           BB_SPAN_ARGS(request->words[i]), BB_ERASURE_WORD_MIN);
    return 0;
}

static int read_request(struct erasing *e, struct bb_error *error) {
    const struct bb_registry_options *given = e->given;

    e->request.tenant = bb_command_tenant(e->command);
    e->request.customer = bb_span_of(e->command->arguments[1]);
    if (e->request.customer.size == 0)
        return BB_FAIL(error, BB_E_USAGE, "registry erase needs the customer's name");
    if (!given->dry_run && (!given->yes || !given->reason))
        return BB_FAIL(error, BB_E_USAGE,
                       "this cannot be undone: look with --dry-run first, then give --reason TEXT "
                       "and --yes");
    int r = split(given->also, ';', "also", e->request.words, &e->request.word_count, error);
    if (r == 0)
        r = split(given->keep_tags, ',', "keep-tags", e->request.kept, &e->request.kept_count,
                  error);
    return r == 0 ? check_words(&e->request, error) : r;
}

/* ---- doing it */

static int audited(struct erasing *e, struct bb_error *error) {
    struct bb_cli_act act;

    if (bb_erasure_knows(e->erasure, bb_span_of(e->given->reason)))
        return BB_FAIL(error, BB_E_USAGE,
                       "the reason is kept in the audit log: it must not name what is erased");
    bb_cli_act_init(&act, "registry erase");
    act.by = e->given->by;
    act.reason = bb_span_of(e->given->reason);
    bb_buffer_format(&act.subject, "a customer of %zu usage points",
                     bb_erasure_subjects(e->erasure));
    int r = bb_cli_act_begin(&act, e->command, e->plant.registry, error);
    if (r == 0) {
        r = bb_erase_run(&e->plant, e->erasure, &e->report, error);
        r = bb_cli_act_end(&act, e->command, e->plant.registry, r);
    }
    bb_cli_act_release(&act);
    return r == 0 ? bb_erase_finish(&e->plant, error) : r;
}

/* The name may be gone already, of a run that was ended before its last step. */
static int find(struct erasing *e, struct bb_error *error) {
    int r = bb_erasure_new(&e->request, e->plant.registry, &e->erasure, error);

    if (r == -BB_E_CUSTOMER_UNKNOWN && !e->given->dry_run &&
        bb_erase_is_pending(e->plant.directory)) {
        e->finished_only = true;
        return bb_erase_finish(&e->plant, error);
    }
    return r;
}

static int erase(struct erasing *e, struct bb_error *error) {
    int r = find(e, error);

    if (r < 0 || e->finished_only)
        return r;
    return e->given->dry_run ? bb_erase_look(&e->plant, e->erasure, &e->report, error)
                             : audited(e, error);
}

/* ---- the report */

/* What people are told of a kind of others' master data, and what it is called in JSON. */
static const struct met_kind {
    enum bb_master_kind kind;
    const char *name, *list, *stays_key, *goes, *stays;
} met_kinds[] = {
    {BB_MASTER_GROUP, "group", "groups", "still_asks",
     " its texts go; look whether it is still of use",
     " it asks for a usage point or a tag's value of theirs, and does so on: look whether that is "
     "about them"},
    {BB_MASTER_RULES, "rule", "rules", "code_stays", " who deployed it, or why, goes",
     " a module or parameters of its versions hold a word of theirs, and stay, as they run: deploy "
     "it without"}};
enum { MET_KINDS = sizeof met_kinds / sizeof met_kinds[0] };

static void report_met_as_json(const struct erasing *e, const struct met_kind *kind,
                               struct bb_json *json) {
    bb_json_key(json, kind->list);
    bb_json_array_begin(json);
    for (size_t i = 0; e->erasure && i < bb_erasure_met_count(e->erasure); i++) {
        const struct bb_erasure_met met = bb_erasure_met(e->erasure, i);
        if (met.kind != kind->kind)
            continue;
        bb_json_object_begin(json);
        bb_json_key(json, kind->name);
        if (met.name.size > 0)
            bb_json_text(json, met.name);
        else
            bb_json_null(json);
        bb_json_put_bool(json, "texts_go", met.goes);
        bb_json_put_bool(json, kind->stays_key, met.stays);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static void report_as_json(const struct erasing *e) {
    struct bb_json json = bb_command_json(e->command);
    bool flag;

    bb_json_object_begin(&json);
    bb_json_put_bool(&json, "erased", !e->given->dry_run);
    bb_json_key(&json, "usage_points");
    bb_json_array_begin(&json);
    for (size_t i = 0; e->erasure && i < bb_erasure_subjects(e->erasure); i++) {
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "usage_point", bb_erasure_subject(e->erasure, i, &flag));
        bb_json_put_bool(&json, "shared", flag);
        bb_json_object_end(&json);
    }
    bb_json_array_end(&json);
    bb_json_key(&json, "tags");
    bb_json_array_begin(&json);
    for (size_t i = 0; e->erasure && i < bb_erasure_tags(e->erasure); i++) {
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "tag", bb_erasure_tag(e->erasure, i, &flag));
        bb_json_put_bool(&json, "kept", flag);
        bb_json_object_end(&json);
    }
    bb_json_array_end(&json);
    for (size_t i = 0; i < MET_KINDS; i++)
        report_met_as_json(e, &met_kinds[i], &json);
    bb_json_put_u64(&json, "log_records", e->report.records);
    bb_json_put_u64(&json, "store_values", e->report.values);
    bb_json_put_u64(&json, "registry_rows", e->report.rows);
    bb_json_object_end(&json);
    bb_command_json_end(e->command);
}

static void report_subjects(const struct erasing *e, struct bb_buffer *out) {
    bool flag;

    for (size_t i = 0; i < bb_erasure_subjects(e->erasure); i++) {
        struct bb_span name = bb_erasure_subject(e->erasure, i, &flag);
        bb_buffer_format(out, "usage point %.*s: customer, tags, reasons%s\n", BB_SPAN_ARGS(name),
                         flag ? "; only what was recorded while it was this customer's" : "");
    }
    for (size_t i = 0; i < bb_erasure_tags(e->erasure); i++) {
        struct bb_span key = bb_erasure_tag(e->erasure, i, &flag);
        bb_buffer_format(out, "tag %.*s: %s\n", BB_SPAN_ARGS(key),
                         flag ? "kept" : "goes (--keep-tags keeps it)");
    }
}

static void report_met(const struct erasing *e, const struct met_kind *kind,
                       struct bb_buffer *out) {
    for (size_t i = 0; i < bb_erasure_met_count(e->erasure); i++) {
        struct bb_erasure_met met = bb_erasure_met(e->erasure, i);
        if (met.kind != kind->kind)
            continue;
        met.name = met.name.size > 0 ? met.name : BB_SPAN("(whose name holds it and stays)");
        bb_buffer_format(out, "%s %.*s:%s%s%s\n", kind->name, BB_SPAN_ARGS(met.name),
                         met.goes ? kind->goes : "", met.goes && met.stays ? ";" : "",
                         met.stays ? kind->stays : "");
    }
}

static void report_to_people(const struct erasing *e) {
    struct bb_buffer *out = &e->command->out->buffer;

    if (e->finished_only) {
        bb_buffer_format(out, "what an interrupted erasure had left was finished\n");
        return;
    }
    report_subjects(e, out);
    for (size_t i = 0; i < MET_KINDS; i++)
        report_met(e, &met_kinds[i], out);
    if (e->given->dry_run) {
        bb_buffer_format(out,
                         "%llu records of the log would be overwritten, the store and the registry "
                         "written anew; readings stay. Nothing was changed.\n",
                         (unsigned long long)e->report.records);
    } else {
        bb_buffer_format(
            out,
            "overwritten: %llu records of the log, %llu values of the store, %llu rows "
            "of the registry; readings stay\n",
            (unsigned long long)e->report.records, (unsigned long long)e->report.values,
            (unsigned long long)e->report.rows);
    }
    bb_buffer_format(
        out,
        "Not reached: backups made before (delete them, or erase again after a restore), files "
        "that were read and lie elsewhere (also in the drop folder), what was exported, logs of "
        "commands and servers, and what the disk or file system keeps of deleted files.\n");
}

int bb_registry_erase(struct bb_command *command, struct bb_error *error) {
    struct erasing e = {.command = command, .given = command->options};
    int r = read_request(&e, error);

    command->alone = true;
    if (r == 0)
        r = e.given->dry_run ? bb_command_open_plant(command, BB_PLANT_READ, &e.plant, error)
                             : bb_person_open_plant(command, &e.plant, error);
    if (r < 0)
        return r;
    r = erase(&e, error);
    bb_progress_bar_clear(command->bar);
    if (r == 0 && command->globals.json)
        report_as_json(&e);
    else if (r == 0 && bb_command_talks(command))
        report_to_people(&e);
    bb_erasure_free(e.erasure);
    bb_plant_close(&e.plant);
    return r < 0 ? r : BB_EXIT_DONE;
}
