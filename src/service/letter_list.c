/* Lists of dead letters, as they stand in the log: see letter_log.h.
 *
 *   once over the control partition ─► which letters and closings count ─► the bodies of those asked for, the newest first
 *
 * 32 bytes a letter are held meanwhile, no bodies.
 */
#include "service/letter_log.h"

#include "base/list.h"

#include <stdlib.h>

enum { SETTLE_WINDOW = 4 * BB_LETTERS_OF_BATCH };

struct entry { /* a letter, ascending by offset */
    uint64_t offset, file_id;
    uint64_t closed_at; /* the offset of the record that closed it */
    uint8_t state;      /* enum bb_letter_state */
    bool counts;
};

struct closing {
    uint64_t offset, file_id;
    bool counts;
};

struct derived_closing { /* of a letter of derive */
    uint64_t id, closed_at;
    uint8_t state;
};

struct survey {
    struct derived_closing *derived;
    size_t derived_count, derived_capacity;
    struct entry *letters;
    size_t letter_count, letter_capacity;
    struct closing *closings;
    size_t closing_count, closing_capacity;
};

static void release(struct survey *s) {
    free(s->letters);
    free(s->closings);
    free(s->derived);
}

/* ---- what counts */

/* The letters and closings of a round stand shortly before its POSTS: a source has one batch on its way at a time, and other rounds
 * of the same sync have at most a few. An abandoned one may be further back. */
static void settle(struct survey *s, uint64_t file_id, bool counts) {
    size_t window = counts ? SETTLE_WINDOW : SIZE_MAX, left = window;

    for (size_t i = s->letter_count; i-- > 0 && left-- > 0;)
        if (s->letters[i].file_id == file_id)
            s->letters[i].counts = counts;
    left = window;
    for (size_t i = s->closing_count; i-- > 0 && left-- > 0;)
        if (s->closings[i].file_id == file_id)
            s->closings[i].counts = counts;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of dead letters");
}

static int survey_record(struct survey *s, const struct bb_log_record *record,
                         struct bb_error *error) {
    bool at_once = record->file_id == 0;

    if (record->kind == BB_RECORD_DEAD_LETTER) {
        if (!bb_list_room(&s->letters, s->letter_count, &s->letter_capacity, sizeof *s->letters))
            return no_memory(error);
        s->letters[s->letter_count++] = (struct entry){
            .offset = record->offset, .file_id = record->file_id, .counts = at_once};
    } else if (record->kind == BB_RECORD_DEAD_LETTER_CLOSED) {
        if (!bb_list_room(&s->closings, s->closing_count, &s->closing_capacity,
                          sizeof *s->closings))
            return no_memory(error);
        s->closings[s->closing_count++] = (struct closing){
            .offset = record->offset, .file_id = record->file_id, .counts = at_once};
    } else if (record->kind == BB_RECORD_POSTS) {
        settle(s, record->file_id, true);
    } else if (record->kind == BB_RECORD_POSTS_ABANDONED) {
        settle(s, record->file_id, false);
    }
    return 0;
}

static int survey_all(struct survey *s, struct bb_log *log, struct bb_log_reader *reader,
                      struct bb_error *error) {
    struct bb_log_record record;
    struct bb_log_end end;
    int result = log->ops->end(log, log->partitions, &end, error);

    for (uint64_t offset = end.first_offset; !result;) {
        result = log->ops->read(reader, offset, &record, error);
        if (result == BB_LOG_RECORD) {
            offset = record.next_offset;
            result = survey_record(s, &record, error);
        }
    }
    return result < 0 ? result : 0;
}

/* ---- what was closed */

static struct entry *find(const struct survey *s, uint64_t offset) {
    size_t low = 0, high = s->letter_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->letters[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->letter_count && s->letters[low].offset == offset ? &s->letters[low] : NULL;
}

struct closed { /* a closing's body */
    enum bb_letter_state state;
    struct bb_span by;
    uint64_t count;
    struct bb_cursor ids;
};

static bool decode_closed(struct bb_span body, struct closed *out) {
    struct bb_cursor in = bb_cursor_over(body);

    bool is_known = bb_cursor_byte(&in) == 1;
    uint64_t state = bb_cursor_varint(&in);
    out->by = bb_cursor_text(&in);
    out->count = bb_cursor_varint(&in);
    out->ids = in;
    out->state = state == BB_LETTER_REPLAYED ? BB_LETTER_REPLAYED : BB_LETTER_DROPPED;
    return is_known && !in.failed;
}

static const struct derived_closing *find_derived(const struct survey *s, uint64_t id) {
    for (size_t i = 0; i < s->derived_count; i++)
        if (s->derived[i].id == id)
            return &s->derived[i];
    return NULL;
}

static int close_derived(struct survey *s, uint64_t id, const struct closed *closed,
                         uint64_t closed_at, struct bb_error *error) {
    if (find_derived(s, id))
        return 0;
    if (!bb_list_room(&s->derived, s->derived_count, &s->derived_capacity, sizeof *s->derived))
        return no_memory(error);
    s->derived[s->derived_count++] = (struct derived_closing){id, closed_at,
                                                              (uint8_t)closed->state};
    return 0;
}

static int read_at(struct bb_log *log, struct bb_log_reader *reader, uint64_t offset,
                   struct bb_log_record *record, struct bb_error *error) {
    int result = log->ops->read(reader, offset, record, error);

    if (result == BB_LOG_END || (result == BB_LOG_RECORD && record->offset != offset))
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a dead letter's record is gone");
    return result;
}

static int apply_closings(struct survey *s, struct bb_log *log, struct bb_log_reader *reader,
                          struct bb_error *error) {
    struct bb_log_record record;
    struct closed closed;
    int result = 0;

    for (size_t i = 0; !result && i < s->closing_count; i++) {
        if (!s->closings[i].counts)
            continue;
        result = read_at(log, reader, s->closings[i].offset, &record, error);
        if (result || !decode_closed(record.body, &closed))
            continue;
        for (uint64_t k = 0; !result && k < closed.count && !closed.ids.failed; k++) {
            uint64_t id = bb_cursor_varint(&closed.ids);
            struct entry *entry = find(s, id);
            if (bb_letter_is_derived(id))
                result = close_derived(s, id, &closed, record.offset, error);
            if (entry && entry->state == BB_LETTER_OPEN) {
                entry->state = (uint8_t)closed.state;
                entry->closed_at = record.offset;
            }
        }
    }
    return result;
}

/* ---- telling */

static bool is_asked(const struct bb_letter_question *asked, const struct bb_letter *letter) {
    return (!asked->tenant.data || bb_span_equal(asked->tenant, letter->tenant)) &&
           (asked->topic.size == 0 || bb_span_equal(asked->topic, letter->topic)) &&
           (asked->code == 0 || asked->code == letter->code) &&
           letter->received_ms >= asked->since_ms;
}

struct telling {
    struct bb_log *log;
    struct bb_log_reader *reader, *closer; /* a record is borrowed until its reader's next call */
    const struct bb_letter_question *asked;
    bb_letter_visit *visit;
    void *context;
};

/* By whom and when, if it is closed; then it is told. */
static int tell_letter(const struct telling *t, struct bb_letter *letter, uint64_t closed_at,
                       struct bb_error *error) {
    struct bb_log_record closing;
    struct closed closed;

    if (!is_asked(t->asked, letter))
        return 0;
    if (letter->state != BB_LETTER_OPEN) {
        int result = read_at(t->log, t->closer, closed_at, &closing, error);
        if (result < 0)
            return result;
        letter->closed_ms = closing.received_ms;
        if (decode_closed(closing.body, &closed))
            letter->closed_by = closed.by;
    }
    return t->visit(t->context, letter);
}

struct telling_derived {
    const struct telling *t;
    const struct survey *s;
    struct bb_error *error;
    int result; /* what ended it: a registry's lists only say that they were */
};

/* A bb_registry_letter_visit. */
static int tell_derived(void *context, const struct bb_registry_letter *row) {
    struct telling_derived *d = context;
    const struct bb_letter_question *asked = d->t->asked;
    uint64_t id = bb_letter_derived_id(row->partition, row->offset);
    const struct derived_closing *closing = find_derived(d->s, id);
    struct bb_letter letter;

    if (id >= asked->before || (closing && !asked->with_closed))
        return 0;
    if (!bb_letter_decode(row->body, &letter))
        return d->result = BB_FAIL(d->error, BB_E_REGISTRY_IO, "a dead letter is damaged");
    letter.id = id;
    letter.received_ms = row->recorded_ms;
    letter.state = closing ? closing->state : BB_LETTER_OPEN;
    d->result = tell_letter(d->t, &letter, closing ? closing->closed_at : 0, d->error);
    return d->result < 0 ? d->result : d->result > 0;
}

static int tell(const struct telling *t, const struct entry *entry, struct bb_error *error) {
    struct bb_log_record record;
    struct bb_letter letter;
    int result = read_at(t->log, t->reader, entry->offset, &record, error);

    if (result < 0)
        return result;
    if (!bb_letter_decode(record.body, &letter))
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a dead letter is damaged");
    letter.id = record.offset;
    letter.received_ms = record.received_ms;
    letter.state = entry->state;
    return tell_letter(t, &letter, entry->closed_at, error);
}

static int tell_all(const struct survey *s, const struct telling *t, struct bb_error *error) {
    int result = 0;

    for (size_t i = s->letter_count; !result && i-- > 0;) {
        const struct entry *entry = &s->letters[i];
        if (entry->counts && entry->offset < t->asked->before &&
            (entry->state == BB_LETTER_OPEN || t->asked->with_closed))
            result = tell(t, entry, error);
    }
    return result;
}

static int tell_all_derived(const struct survey *s, const struct telling *t,
                            struct bb_registry *registry, struct bb_error *error) {
    struct telling_derived d = {.t = t, .s = s, .error = error};
    struct bb_span tenant = t->asked->tenant.data ? t->asked->tenant : BB_SPAN("");
    int result = registry ? registry->ops->letter_list(registry, tenant, tell_derived, &d, error)
                          : 0;

    return result < 0 ? result : d.result;
}

int bb_letter_list(struct bb_log *log, struct bb_registry *registry,
                   const struct bb_letter_question *asked, bb_letter_visit *visit, void *context,
                   struct bb_error *error) {
    struct telling t = {.log = log, .asked = asked, .visit = visit, .context = context};
    struct survey s = {0};
    int result = log->ops->reader_open(log, log->partitions, &t.reader, error);

    if (result)
        return result;
    result = log->ops->reader_open(log, log->partitions, &t.closer, error);
    if (!result) {
        result = survey_all(&s, log, t.reader, error);
        if (!result)
            result = apply_closings(&s, log, t.reader, error);
        if (!result)
            result = tell_all_derived(&s, &t, registry, error);
        if (!result)
            result = tell_all(&s, &t, error);
        log->ops->reader_close(t.closer);
    }
    log->ops->reader_close(t.reader);
    release(&s);
    return result;
}

/* ---- one */

struct finding {
    uint64_t id;
    struct bb_arena *arena;
    struct bb_letter *out;
    bool has_memory;
};

static int take(void *context, const struct bb_letter *letter) {
    struct finding *f = context;
    struct bb_span *spans[] = {&f->out->tenant, &f->out->source,   &f->out->topic,
                               &f->out->key,    &f->out->value,    &f->out->headers,
                               &f->out->reason, &f->out->closed_by};

    if (letter->id != f->id)
        return 1; /* the first that is not newer: it is not there */
    *f->out = *letter;
    f->has_memory = true;
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        if (spans[i]->size > 0) {
            *spans[i] = bb_arena_copy(f->arena, *spans[i]);
            f->has_memory = f->has_memory && spans[i]->data;
        }
    return 2;
}

int bb_letter_find(struct bb_log *log, struct bb_registry *registry, struct bb_span tenant,
                   uint64_t id, struct bb_arena *arena, struct bb_letter *out,
                   struct bb_error *error) {
    struct finding f = {.id = id, .arena = arena, .out = out};
    const struct bb_letter_question asked = {
        .tenant = tenant, .since_ms = INT64_MIN, .before = id + 1, .with_closed = true};
    int result = bb_letter_list(log, registry, &asked, take, &f, error);

    if (result == 2)
        return f.has_memory ? BB_LETTER_FOUND : no_memory(error);
    return result < 0 ? result : BB_LETTER_UNKNOWN;
}
