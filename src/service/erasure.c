/* What is a customer's, and how it goes: see erasure.h. */
#include "service/erasure.h"

#include "base/list.h"
#include "model/expression.h"
#include "model/frame.h"
#include "model/rule_version.h"
#include "service/ledger.h"
#include "service/person.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 16 << 10, LIMIT_BYTES = 256 << 20, SCRATCH_BYTES = 64 << 20 };

struct span_of_time {
    int64_t from_ms, until_ms; /* BB_TIME_NONE: still */
};

struct subject { /* a usage point that ever named the customer */
    struct bb_span name;
    struct span_of_time *times; /* while it did */
    size_t count, capacity;
    bool shared; /* another one was named, too */
};

struct met { /* a group or a rule that has to do with them */
    enum bb_master_kind kind;
    struct bb_span name;
    bool goes, stays, is_named;
};

struct bb_erasure {
    struct bb_erasure_request request;
    struct bb_arena arena;   /* of names and values */
    struct bb_arena scratch; /* of the entry or frame at hand */
    struct subject *subjects;
    size_t subject_count, subject_capacity;
    struct bb_span *tags; /* keys of the customer's tags, each once */
    size_t tag_count, tag_capacity;
    struct bb_span *values; /* of those that go */
    size_t value_count, value_capacity;
    struct met *mets;
    size_t met_count, met_capacity;
    int64_t *told; /* received times of what people told about them */
    size_t told_count, told_capacity;
    int64_t *exceptions; /* numbers of theirs */
    size_t exception_count, exception_capacity;
    struct bb_error *error; /* while the registry is read */
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an erasure");
}

#define ADD(erasure, list, item)                                                                   \
    (bb_list_room(&(erasure)->list##s, (erasure)->list##_count, &(erasure)->list##_capacity,       \
                  sizeof *(erasure)->list##s)                                                      \
         ? ((erasure)->list##s[(erasure)->list##_count++] = (item), true)                          \
         : false)

static bool has(const struct bb_span *list, size_t count, struct bb_span text) {
    for (size_t i = 0; i < count; i++)
        if (bb_span_equal(list[i], text))
            return true;
    return false;
}

/* ---- overwriting */

static char filler(size_t at) {
    static const char word[] = "erased";
    return at < sizeof word - 1 ? word[at] : '-';
}

static bool is_filler(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != filler(i))
            return false;
    return text.size > 0;
}

static bool blank(char *at, size_t size) {
    bool changed = size > 0 && !is_filler((struct bb_span){at, size});

    for (size_t i = 0; i < size; i++)
        at[i] = filler(i);
    return changed;
}

/* The bytes of a span that was decoded from `body`, which borrows from it. */
static char *within(char *body, size_t size, struct bb_span text) {
    if (text.size == 0)
        return body;
    BB_ASSERT(text.data >= body && text.data + text.size <= body + size);
    return body + (text.data - body);
}

static bool is_letter(char c) {
    return (c >= '0' && c <= '9') || (bb_char_lower(c) >= 'a' && bb_char_lower(c) <= 'z') ||
           (unsigned char)c >= 0x80;
}

/* Where the word stands alone, from `at` on; SIZE_MAX: nowhere. */
static size_t find_word(struct bb_span text, struct bb_span word, size_t at) {
    for (; at + word.size <= text.size; at++) {
        if (memcmp(text.data + at, word.data, word.size) != 0)
            continue;
        bool begins = at == 0 || !is_letter(text.data[at - 1]) || !is_letter(word.data[0]);
        bool ends = at + word.size == text.size || !is_letter(text.data[at + word.size]) ||
                    !is_letter(word.data[word.size - 1]);
        if (begins && ends)
            return at;
    }
    return SIZE_MAX;
}

static struct bb_span word_at(const struct bb_erasure *e, size_t index) {
    return index == 0 ? e->request.customer : e->request.words[index - 1];
}

static bool blank_words(const struct bb_erasure *e, char *text, size_t size) {
    const struct bb_span whole = {text, size};
    bool changed = false;

    for (size_t i = 0; i <= e->request.word_count; i++) {
        struct bb_span word = word_at(e, i);
        size_t at = word.size < BB_ERASURE_WORD_MIN ? SIZE_MAX : find_word(whole, word, 0);
        for (; at != SIZE_MAX; at = find_word(whole, word, at + 1))
            changed |= blank(text + at, word.size);
    }
    return changed;
}

bool bb_erasure_knows(const struct bb_erasure *e, struct bb_span text) {
    for (size_t i = 0; i <= e->request.word_count; i++)
        if (word_at(e, i).size >= BB_ERASURE_WORD_MIN &&
            find_word(text, word_at(e, i), 0) != SIZE_MAX)
            return true;
    return false;
}

/* ---- whose it is */

static bool is_customer(const struct bb_erasure *e, struct bb_span customer) {
    return bb_span_equal(customer, e->request.customer);
}

static int take_tags(struct bb_erasure *e, const struct bb_master_usage_point *up) {
    for (uint32_t i = 0; i < up->tag_count; i++) {
        const struct bb_master_tag *tag = &up->tags[i];
        struct bb_span key = bb_arena_copy(&e->arena, tag->key),
                       value = bb_arena_copy(&e->arena, tag->value);
        if (!key.data || (!value.data && tag->value.size > 0))
            return no_memory(e->error);
        if (!has(e->tags, e->tag_count, key) && !ADD(e, tag, key))
            return no_memory(e->error);
        if (!has(e->request.kept, e->request.kept_count, key) && value.size > 0 &&
            !has(e->values, e->value_count, value) && !ADD(e, value, value))
            return no_memory(e->error);
    }
    return 0;
}

static int take_time(struct bb_erasure *e, struct subject *subject, int64_t recorded_ms) {
    if (!bb_list_room(&subject->times, subject->count, &subject->capacity, sizeof *subject->times))
        return no_memory(e->error);
    subject->times[subject->count++] = (struct span_of_time){recorded_ms, BB_TIME_NONE};
    return 0;
}

/* Versions of one usage point come one after the other; the last subject stays only when any of them named the
 * customer. */
static int take_version(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct bb_erasure *e = context;
    const struct bb_master_usage_point *up = &master->usage_point;
    struct subject *last = e->subject_count > 0 ? &e->subjects[e->subject_count - 1] : NULL;

    if (master->kind != BB_MASTER_USAGE_POINT)
        return 0;
    if (!last || !bb_span_equal(last->name, up->name)) {
        if (last && last->count == 0)
            e->subject_count--;
        const struct subject next = {.name = bb_arena_copy(&e->arena, up->name)};
        if (!next.name.data || !ADD(e, subject, next))
            return no_memory(e->error);
        last = &e->subjects[e->subject_count - 1];
    }
    if (last->count > 0 && last->times[last->count - 1].until_ms == BB_TIME_NONE)
        last->times[last->count - 1].until_ms = recorded_ms;
    if (!is_customer(e, up->customer)) {
        last->shared |= up->customer.size > 0 && !is_filler(up->customer);
        return 0;
    }
    int result = take_time(e, last, recorded_ms);
    return result ? result : take_tags(e, up);
}

/* ---- groups */

struct asked { /* what an expression asks for */
    const struct bb_erasure *e;
    char *body; /* blanked within; NULL: looked at alone */
    size_t size;
    bool goes, stays;
};

/* A bb_expression_visit. A number that is compared by its order is nobody's name, and has to stay a number. */
static int look_at_comparison(void *context, bool is_field, struct bb_span key,
                              struct bb_span value, bool is_text) {
    struct asked *asked = context;
    const struct bb_erasure *e = asked->e;
    bool is_place = is_field && bb_span_equal(key, BB_SPAN("usage_point"));

    if (!is_text)
        return 0;
    if (bb_erasure_knows(e, value) ||
        (is_field && bb_span_equal(key, BB_SPAN("customer")) && is_customer(e, value))) {
        asked->goes = true;
        if (asked->body) {
            char *at = within(asked->body, asked->size, value);
            if (!blank_words(e, at, value.size))
                blank(at, value.size);
        }
        return 0;
    }
    for (size_t i = 0; is_place && i < e->subject_count; i++)
        asked->stays |= bb_span_equal(value, e->subjects[i].name);
    asked->stays |= !is_field && has(e->tags, e->tag_count, key) &&
                    !has(e->request.kept, e->request.kept_count, key) &&
                    has(e->values, e->value_count, value);
    return 0;
}

/* One that cannot be read asks for nobody; words go wherever they stand in it. */
static int look_at_expression(struct bb_erasure *e, struct bb_span expression,
                              struct asked *asked) {
    const struct bb_expression *parsed;
    struct bb_error ignored;

    if (bb_expression_parse(expression, &e->scratch, &parsed, &ignored) == 0)
        return bb_expression_each(parsed, look_at_comparison, asked);
    asked->goes = bb_erasure_knows(e, expression);
    if (asked->body)
        asked->goes = blank_words(e, within(asked->body, asked->size, expression), expression.size);
    return 0;
}

/* ---- what of others' has to do with them, for people */

static int note_met(struct bb_erasure *e, enum bb_master_kind kind, struct bb_span name, bool goes,
                    bool stays) {
    const bool is_named = bb_erasure_knows(e, name);
    size_t at = 0;

    if (!goes && !stays && !is_named)
        return 0;
    while (at < e->met_count &&
           (e->mets[at].kind != kind || !bb_span_equal(e->mets[at].name, name)))
        at++;
    if (at == e->met_count) {
        const struct met next = {
            .kind = kind, .name = bb_arena_copy(&e->arena, name), .is_named = is_named};
        if (!next.name.data || !ADD(e, met, next))
            return no_memory(e->error);
    }
    e->mets[at].goes |= goes;
    e->mets[at].stays |= stays;
    return 0;
}

static int meet_group(struct bb_erasure *e, const struct bb_master_group *group) {
    struct asked asked = {.e = e};

    bb_arena_reset(&e->scratch);
    (void)!look_at_expression(e, group->expression, &asked);
    return note_met(e, BB_MASTER_GROUP, group->name,
                    asked.goes || bb_erasure_knows(e, group->description), asked.stays);
}

static bool knows_module(const struct bb_erasure *e, const struct bb_master_module *module) {
    bool known = bb_erasure_knows(e, module->source);

    for (uint32_t i = 0; i < module->side_count; i++)
        known |= bb_erasure_knows(e, module->sides[i].text);
    return known;
}

/* What runs stays as it is: of another text it would be another version, or none. */
static int meet_rule(struct bb_erasure *e, const struct bb_master_rules *entry,
                     const struct bb_master_rule *rule) {
    bool goes = false, stays = false;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        const struct bb_master_rule_version *v = &rule->versions[i];
        const struct bb_master_module *module = bb_rules_module_of(entry, v->module);
        goes |= bb_erasure_knows(e, v->by) || bb_erasure_knows(e, v->reason);
        stays |= bb_erasure_knows(e, v->parameters) || (module && knows_module(e, module));
    }
    return note_met(e, BB_MASTER_RULES, rule->name, goes, stays);
}

/* A bb_registry_master_visit. */
static int meet(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct bb_erasure *e = context;
    int result = 0;

    (void)recorded_ms;
    if (master->kind == BB_MASTER_GROUP)
        return meet_group(e, &master->group);
    for (uint32_t i = 0; !result && master->kind == BB_MASTER_RULES && i < master->rules.rule_count;
         i++)
        result = meet_rule(e, &master->rules, &master->rules.rules[i]);
    return result;
}

size_t bb_erasure_met_count(const struct bb_erasure *e) {
    return e->met_count;
}

struct bb_erasure_met bb_erasure_met(const struct bb_erasure *e, size_t index) {
    const struct met *met = &e->mets[index];

    return (struct bb_erasure_met){met->kind, met->is_named ? BB_SPAN("") : met->name, met->goes,
                                   met->stays};
}

static int of_group(struct bb_erasure *e, const struct bb_master_group *group, char *body,
                    size_t size) {
    struct asked asked = {.e = e, .body = body, .size = size};
    struct bb_span description = group->description;

    if (!bb_span_equal(group->tenant, e->request.tenant))
        return 0;
    (void)!look_at_expression(e, group->expression, &asked);
    bool changed = blank_words(e, within(body, size, description), description.size);
    return changed || asked.goes;
}

static int of_rules(const struct bb_erasure *e, const struct bb_master_rules *entry, char *body,
                    size_t size) {
    bool changed = false;

    if (!bb_span_equal(entry->tenant, e->request.tenant))
        return 0;
    for (uint32_t i = 0; i < entry->rule_count; i++)
        for (uint32_t k = 0; k < entry->rules[i].version_count; k++) {
            const struct bb_master_rule_version *v = &entry->rules[i].versions[k];
            changed |= blank_words(e, within(body, size, v->by), v->by.size);
            changed |= blank_words(e, within(body, size, v->reason), v->reason.size);
        }
    return changed;
}

int bb_erasure_new(const struct bb_erasure_request *request, struct bb_registry *registry,
                   struct bb_erasure **out, struct bb_error *error) {
    struct bb_erasure *e = calloc(1, sizeof *e);

    if (!e)
        return no_memory(error);
    e->request = *request;
    e->error = error;
    bb_arena_init(&e->arena, CHUNK_BYTES, LIMIT_BYTES);
    bb_arena_init(&e->scratch, CHUNK_BYTES, SCRATCH_BYTES);
    int result = registry->ops->version_list(registry, request->tenant, take_version, e, error);
    if (result >= 0 && e->subject_count > 0 && e->subjects[e->subject_count - 1].count == 0)
        e->subject_count--;
    if (result >= 0 && e->subject_count == 0)
        result = BB_FAIL(error, BB_E_CUSTOMER_UNKNOWN,
                         "no usage point of tenant %.*s ever named this customer",
                         BB_SPAN_ARGS(request->tenant));
    if (result >= 0) /* once it is known whose is what */
        result = registry->ops->version_list(registry, request->tenant, meet, e, error);
    if (result < 0)
        bb_erasure_free(e);
    else
        *out = e;
    return result < 0 ? result : 0;
}

void bb_erasure_free(struct bb_erasure *e) {
    if (!e)
        return;
    for (size_t i = 0; i < e->subject_capacity && i < e->subject_count; i++)
        free(e->subjects[i].times);
    free(e->subjects);
    free(e->tags);
    free(e->values);
    free(e->mets);
    free(e->told);
    free(e->exceptions);
    bb_arena_release(&e->arena);
    bb_arena_release(&e->scratch);
    free(e);
}

size_t bb_erasure_subjects(const struct bb_erasure *e) {
    return e->subject_count;
}

struct bb_span bb_erasure_subject(const struct bb_erasure *e, size_t index, bool *shared) {
    *shared = e->subjects[index].shared;
    return e->subjects[index].name;
}

size_t bb_erasure_tags(const struct bb_erasure *e) {
    return e->tag_count;
}

struct bb_span bb_erasure_tag(const struct bb_erasure *e, size_t index, bool *kept) {
    *kept = has(e->request.kept, e->request.kept_count, e->tags[index]);
    return e->tags[index];
}

static const struct subject *find_subject(const struct bb_erasure *e, struct bb_span tenant,
                                          struct bb_span usage_point) {
    for (size_t i = 0; bb_span_equal(tenant, e->request.tenant) && i < e->subject_count; i++)
        if (bb_span_equal(e->subjects[i].name, usage_point))
            return &e->subjects[i];
    return NULL;
}

bool bb_erasure_is_theirs(const struct bb_erasure *e, struct bb_span tenant,
                          struct bb_span usage_point, int64_t recorded_ms) {
    const struct subject *subject = find_subject(e, tenant, usage_point);

    if (!subject || !subject->shared)
        return subject != NULL;
    for (size_t i = 0; i < subject->count; i++)
        if (recorded_ms >= subject->times[i].from_ms &&
            (subject->times[i].until_ms == BB_TIME_NONE ||
             recorded_ms < subject->times[i].until_ms))
            return true;
    return false;
}

/* ---- master data */

enum version_kind { OTHERS, NOBODYS, THEIRS };

static enum version_kind kind_of(const struct bb_erasure *e,
                                 const struct bb_master_usage_point *up) {
    const struct subject *subject = find_subject(e, up->tenant, up->name);

    if (!subject)
        return OTHERS;
    if (is_customer(e, up->customer) || !subject->shared)
        return THEIRS;
    return up->customer.size == 0 || is_filler(up->customer) ? NOBODYS : OTHERS;
}

static bool blank_tag(const struct bb_erasure *e, enum version_kind kind,
                      const struct bb_master_tag *tag, char *value) {
    if (has(e->request.kept, e->request.kept_count, tag->key))
        return blank_words(e, value, tag->value.size);
    if (kind == THEIRS || (kind == NOBODYS && has(e->values, e->value_count, tag->value)))
        return blank(value, tag->value.size);
    return blank_words(e, value, tag->value.size);
}

static bool blank_text(const struct bb_erasure *e, enum version_kind kind, char *text,
                       size_t size) {
    return kind == THEIRS ? blank(text, size) : blank_words(e, text, size);
}

int bb_erasure_of_master(struct bb_erasure *e, char *body, size_t size, struct bb_error *error) {
    struct bb_master master;

    bb_arena_reset(&e->scratch);
    int result = bb_master_decode((struct bb_span){body, size}, &e->scratch, &master, error);
    if (result < 0)
        return result;
    if (master.kind == BB_MASTER_GROUP)
        return of_group(e, &master.group, body, size);
    if (master.kind == BB_MASTER_RULES)
        return of_rules(e, &master.rules, body, size);
    const struct bb_master_usage_point *up = &master.usage_point;
    if (master.kind != BB_MASTER_USAGE_POINT || !bb_span_equal(up->tenant, e->request.tenant))
        return 0;
    enum version_kind kind = kind_of(e, up);
    bool changed = blank_text(e, kind, within(body, size, up->customer), up->customer.size);
    for (uint32_t i = 0; i < up->tag_count; i++)
        changed |= blank_tag(e, kind, &up->tags[i], within(body, size, up->tags[i].value));
    for (uint32_t i = 0; i < up->installation_count; i++) {
        struct bb_span reason = up->installations[i].reason;
        changed |= blank_text(e, kind, within(body, size, reason), reason.size);
    }
    return changed;
}

/* ---- sources */

/* Of what a person told about theirs the reason goes; who told it is no customer. */
static bool blank_source(const struct bb_erasure *e, bool is_theirs, char *text, size_t size) {
    struct bb_person person;
    enum bb_person_act act;
    bool changed = blank_words(e, text, size);

    if (is_theirs && bb_person_source_parse((struct bb_span){text, size}, &act, &person))
        changed |= blank(within(text, size, person.reason), person.reason.size);
    return changed;
}

bool bb_erasure_of_source(struct bb_erasure *e, struct bb_span tenant, struct bb_span usage_point,
                          int64_t received_ms, char *text, size_t size) {
    return bb_span_equal(tenant, e->request.tenant) &&
           blank_source(e, bb_erasure_is_theirs(e, tenant, usage_point, received_ms), text, size);
}

static int compare_times(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

bool bb_erasure_of_source_at(struct bb_erasure *e, int64_t received_ms, char *text, size_t size) {
    bool theirs = e->told_count > 0 && bsearch(&received_ms, e->told, e->told_count,
                                               sizeof *e->told, compare_times) != NULL;

    return blank_source(e, theirs, text, size);
}

/* ---- the log */

static int note_told(struct bb_erasure *e, int64_t received_ms, struct bb_error *error) {
    size_t at = e->told_count;

    while (at > 0 && e->told[at - 1] > received_ms)
        at--;
    if (at > 0 && e->told[at - 1] == received_ms)
        return 0;
    if (!bb_list_room(&e->told, e->told_count, &e->told_capacity, sizeof *e->told))
        return no_memory(error);
    memmove(e->told + at + 1, e->told + at, (e->told_count - at) * sizeof *e->told);
    e->told[at] = received_ms;
    e->told_count++;
    return 0;
}

/* Only what a person told is unpacked whole: it is small, and seldom. */
static int of_frame(struct bb_erasure *e, char *body, size_t size, struct bb_error *error) {
    struct bb_span tenant, source, whole = {body, size};
    struct bb_person person;
    enum bb_person_act act;
    struct bb_frame frame;
    bool theirs = false;

    int result = bb_frame_decode_head(whole, &tenant, &source, error);
    if (result < 0 || !bb_span_equal(tenant, e->request.tenant))
        return result;
    if (bb_person_source_parse(source, &act, &person)) {
        bb_arena_reset(&e->scratch);
        result = bb_frame_decode(whole, &e->scratch, &frame, error);
        for (uint32_t i = 0; result >= 0 && !theirs && i < frame.series_count; i++)
            theirs = bb_erasure_is_theirs(e, tenant, frame.series[i].usage_point,
                                          frame.received_ms);
        if (result >= 0 && theirs)
            result = note_told(e, frame.received_ms, error);
        if (result < 0)
            return result;
    }
    return blank_source(e, theirs, within(body, size, source), source.size);
}

/* The name of a file, and what was refused of it. */
static bool of_ledger(const struct bb_erasure *e, char *body, size_t size) {
    const struct bb_ledger_texts texts = bb_ledger_texts_of((struct bb_span){body, size});

    if (texts.tenant.size > 0 && !bb_span_equal(texts.tenant, e->request.tenant))
        return false;
    bool changed = blank_words(e, within(body, size, texts.name), texts.name.size);
    return blank_words(e, within(body, size, texts.refusals), texts.refusals.size) || changed;
}

/* Keys and answers of posts, remembered for 7 days, lie among numbers that look like letters; here the word goes
 * wherever it is, also out of a longer one. */
static bool blank_anywhere(const struct bb_erasure *e, char *body, size_t size) {
    bool changed = false;

    for (size_t i = 0; i <= e->request.word_count; i++) {
        struct bb_span word = word_at(e, i);
        char *at = body, *end = body + size;
        while (word.size >= BB_ERASURE_WORD_MIN &&
               (at = memmem(at, (size_t)(end - at), word.data, word.size)) != NULL) {
            changed |= blank(at, word.size);
            at += word.size;
        }
    }
    return changed;
}

int bb_erasure_of_record(struct bb_erasure *e, const struct bb_log_record *record, char *body,
                         struct bb_error *error) {
    size_t size = record->body.size;

    switch ((enum bb_record_kind)record->kind) {
    case BB_RECORD_MASTER: return bb_erasure_of_master(e, body, size, error);
    case BB_RECORD_FRAME:
    case BB_RECORD_FILE_FRAME: return of_frame(e, body, size, error);
    case BB_RECORD_FILE_BEGIN:
    case BB_RECORD_FILE_DECIDED:
    case BB_RECORD_FILE_DONE:
    case BB_RECORD_FILE_ABANDONED: return of_ledger(e, body, size);
    case BB_RECORD_DEAD_LETTER:
    case BB_RECORD_POSTS: return blank_anywhere(e, body, size);
    case BB_RECORD_FILE_COMMIT:
    case BB_RECORD_TICK:
    case BB_RECORD_ARCHIVE:
    case BB_RECORD_POSTS_DONE:
    case BB_RECORD_DEAD_LETTER_CLOSED:
    case BB_RECORD_POSTS_ABANDONED: break;
    }
    return 0;
}

/* ---- the outbox, the audit log */

int bb_erasure_of_outbox(struct bb_erasure *e, char *bytes, size_t size, struct bb_error *error) {
    struct bb_outbox_record record;
    int result = bb_outbox_decode((struct bb_span){bytes, size}, &record, error);

    if (result < 0)
        return result;
    char *body = within(bytes, size, record.body);
    if (record.kind == BB_OUTBOX_MASTER)
        return bb_erasure_of_master(e, body, record.body.size, error);
    if (record.kind != BB_OUTBOX_EXCEPTION_OPENED && record.kind != BB_OUTBOX_EXCEPTION_CLOSED)
        return 0;
    return bb_erasure_of_source(e, record.tenant, record.usage_point, record.recorded_ms, body,
                                record.body.size);
}

int bb_erasure_note_exception(struct bb_erasure *e, int64_t id, struct bb_error *error) {
    for (size_t i = 0; i < e->exception_count; i++)
        if (e->exceptions[i] == id)
            return 0;
    return ADD(e, exception, id) ? 0 : no_memory(error);
}

/* "usage_point=A channel=..." */
static bool names_subject(const struct bb_erasure *e, struct bb_span text) {
    static const struct bb_span member = BB_SPAN("usage_point=");

    for (size_t at = 0; at + member.size <= text.size; at++) {
        struct bb_span rest = {text.data + at, text.size - at};
        if (!bb_span_starts_with(rest, member))
            continue;
        rest = (struct bb_span){rest.data + member.size, rest.size - member.size};
        for (size_t i = 0; i < e->subject_count; i++)
            if (bb_span_starts_with(rest, e->subjects[i].name) &&
                (rest.size == e->subjects[i].name.size ||
                 rest.data[e->subjects[i].name.size] == ' '))
                return true;
    }
    return false;
}

/* "action=accept ids=17,18" */
static bool names_exception(const struct bb_erasure *e, struct bb_span text) {
    static const struct bb_span member = BB_SPAN("ids=");
    size_t at = 0;

    while (at + member.size <= text.size &&
           !bb_span_starts_with((struct bb_span){text.data + at, text.size - at}, member))
        at++;
    for (at += member.size; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        int64_t id = 0;
        for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            id = id < INT64_MAX / 16 ? id * 10 + (text.data[at] - '0') : id;
        for (size_t i = 0; i < e->exception_count; i++)
            if (e->exceptions[i] == id)
                return true;
        if (at >= text.size || text.data[at] != ',')
            break;
    }
    return false;
}

int bb_erasure_of_audit(struct bb_erasure *e, const struct bb_registry_audit *row) {
    if (!bb_span_equal(row->tenant, e->request.tenant))
        return 0;
    if (bb_erasure_knows(e, row->subject))
        return 2;
    return bb_erasure_knows(e, row->reason) || names_subject(e, row->subject) ||
           names_exception(e, row->subject);
}
