/* The ledger of files: see ledger.h. Called on the appender's thread. */
#include "service/ledger.h"

#include "base/list.h"
#include "base/varint.h"
#include "model/attribute_pack.h"
#include "service/feed.h"
#include "service/letter_log.h"

#include <stdlib.h>

/* Version 1 ended behind the parts. */
enum { LEDGER_VERSION = 2, LEDGER_LIMIT_BYTES = 1 << 30, RECORD_LIMIT_BYTES = 1 << 20 };

static void encode(const struct bb_ledger_file *file, uint32_t partitions, bool with_refusals,
                   struct bb_buffer *out) {
    bb_buffer_append_byte(out, LEDGER_VERSION);
    bb_buffer_append(out, &file->hash, sizeof file->hash);
    bb_put_text(out, file->name);
    bb_buffer_append(out, &file->look, sizeof file->look);
    bb_put_varint(out, file->readings);
    bb_put_varint(out, partitions);
    for (uint32_t p = 0; p < partitions; p++) {
        bb_put_varint(out, file->parts[p].first_offset);
        bb_put_varint(out, file->parts[p].frames);
        bb_put_varint(out, file->parts[p].readings);
    }
    bb_put_text(out, file->tenant);
    bb_put_varint(out, file->rejected);
    bb_put_text(out, with_refusals ? file->refusals : BB_SPAN(""));
}

/* The record that says what became of a file, which only one of its records is. */
static bool is_report(uint8_t kind) {
    return kind == BB_RECORD_FILE_DECIDED || kind == BB_RECORD_FILE_ABANDONED;
}

static int append(struct bb_ledger *ledger, struct bb_ledger_file *file, uint8_t kind,
                  struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_buffer body;

    BB_ASSERT(file->refusals.size <= BB_LEDGER_REFUSALS_MAX);
    bb_buffer_init(&body, RECORD_LIMIT_BYTES);
    encode(file, log->partitions, is_report(kind), &body);
    struct bb_log_record record = {.kind = kind,
                                   .file_id = file->file_id,
                                   .received_ms = file->received_ms,
                                   .body = bb_buffer_span(&body)};
    int result = body.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a ledger entry")
                               : log->ops->append(log, log->partitions, &record, error);
    bb_buffer_release(&body);
    if (!result && is_report(kind) && file->refusals.size > 0)
        file->report_offset = record.offset;
    if (is_report(kind))
        file->refusals = (struct bb_span){NULL, 0};
    return result;
}

static struct bb_ledger_file *add(struct bb_ledger *ledger, struct bb_error *error) {
    bool has_room = bb_list_room(&ledger->files, ledger->count, &ledger->capacity,
                                 sizeof ledger->files[0]);
    struct bb_ledger_file *file = bb_arena_take_array(&ledger->arena, 1, sizeof *file);
    if (file)
        file->parts = bb_arena_take_array(&ledger->arena, ledger->log->partitions,
                                          sizeof file->parts[0]);
    if (!file || !file->parts || !has_room) {
        (void)BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ledger of files");
        return NULL;
    }
    return ledger->files[ledger->count++] = file;
}

static struct bb_ledger_file *find_id(const struct bb_ledger *ledger, uint64_t file_id) {
    for (size_t i = ledger->count; i-- > 0;)
        if (ledger->files[i]->file_id == file_id)
            return ledger->files[i];
    return NULL;
}

/* The tenant of a file is told once it is known, and the same in all its records. */
static void decode_report(struct bb_ledger *ledger, struct bb_cursor *in,
                          const struct bb_log_record *record, struct bb_ledger_file *file) {
    struct bb_span tenant = bb_cursor_text(in);

    file->rejected = bb_cursor_varint(in);
    if (bb_cursor_text(in).size > 0)
        file->report_offset = record->offset;
    if (file->tenant.size == 0 && tenant.size > 0)
        file->tenant = bb_arena_copy(&ledger->arena, tenant);
}

static int decode(struct bb_ledger *ledger, const struct bb_log_record *record,
                  struct bb_ledger_file *file, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(record->body);
    uint8_t version = bb_cursor_byte(&in);
    struct bb_span hash = bb_cursor_bytes(&in, sizeof file->hash);
    struct bb_span name = bb_cursor_text(&in);
    struct bb_span look = bb_cursor_bytes(&in, sizeof file->look);

    file->readings = bb_cursor_varint(&in);
    uint64_t partitions = bb_cursor_varint(&in);
    if (version > LEDGER_VERSION)
        return BB_FAIL_VERSION(error, "the ledger of files", version, LEDGER_VERSION);
    if (in.failed || version < 1 || partitions != ledger->log->partitions)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "an entry of the ledger of files is damaged");
    BB_ASSERT(hash.data && look.data);
    memcpy(&file->hash, hash.data, sizeof file->hash);
    memcpy(&file->look, look.data, sizeof file->look);
    for (uint64_t p = 0; p < partitions; p++) {
        file->parts[p].first_offset = bb_cursor_varint(&in);
        file->parts[p].frames = bb_cursor_varint(&in);
        file->parts[p].readings = bb_cursor_varint(&in);
    }
    if (file->name.data == NULL)
        file->name = bb_arena_copy(&ledger->arena, name);
    if (version > 1)
        decode_report(ledger, &in, record, file);
    if (in.failed || file->name.data == NULL)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "an entry of the ledger of files is damaged");
    file->file_id = record->file_id;
    file->received_ms = record->received_ms;
    return 0;
}

static int apply(struct bb_ledger *ledger, const struct bb_log_record *record,
                 struct bb_error *error) {
    static const struct {
        uint8_t kind;
        enum bb_file_state state;
    } states[] = {{BB_RECORD_FILE_BEGIN, BB_FILE_BEGUN},
                  {BB_RECORD_FILE_DECIDED, BB_FILE_DECIDED},
                  {BB_RECORD_FILE_DONE, BB_FILE_DONE},
                  {BB_RECORD_FILE_ABANDONED, BB_FILE_ABANDONED}};

    if (record->received_ms > ledger->last_received_ms)
        ledger->last_received_ms = record->received_ms;
    bb_letter_apply(ledger, record);
    if (record->kind == BB_RECORD_POSTS || record->kind == BB_RECORD_POSTS_DONE ||
        record->kind == BB_RECORD_POSTS_ABANDONED)
        return bb_post_ledger_apply(ledger, record, bb_clock_now_ms(bb_clock_system()), error);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i].kind != record->kind)
            continue;
        struct bb_ledger_file *file = find_id(ledger, record->file_id);
        if (!file)
            file = add(ledger, error);
        if (!file)
            return -BB_E_NO_MEMORY;
        file->state = states[i].state;
        return decode(ledger, record, file, error);
    }
    return 0;
}

static int read_all(struct bb_ledger *ledger, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_log_reader *reader;
    struct bb_log_record record;
    struct bb_log_end end;
    int result = log->ops->end(log, log->partitions, &end, error);

    if (!result)
        result = log->ops->reader_open(log, log->partitions, &reader, error);
    if (result)
        return result;
    for (uint64_t offset = end.first_offset; result == 0;) {
        result = log->ops->read(reader, offset, &record, error);
        if (result == BB_LOG_RECORD) {
            offset = record.next_offset;
            result = apply(ledger, &record, error);
        }
    }
    log->ops->reader_close(reader);
    return result < 0 ? result : 0;
}

int bb_ledger_mark_parts(struct bb_ledger *ledger, uint64_t file_id, int64_t received_ms,
                         const struct bb_ledger_part *parts, uint64_t *ends,
                         struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_buffer body;
    int result = 0;

    bb_buffer_init(&body, RECORD_LIMIT_BYTES);
    for (uint32_t p = 0; !result && p < log->partitions; p++) {
        const struct bb_ledger_part *part = &parts[p];
        if (part->frames == 0)
            continue;
        bb_buffer_clear(&body);
        bb_file_commit_encode(
            &(struct bb_file_commit){part->first_offset, part->frames, part->readings}, &body);
        struct bb_log_record record = {
            .kind = BB_RECORD_FILE_COMMIT,
            .readings = (uint32_t)(part->readings > UINT32_MAX ? UINT32_MAX : part->readings),
            .file_id = file_id,
            .received_ms = received_ms,
            .body = bb_buffer_span(&body)};
        result = log->ops->append(log, p, &record, error);
        if (!result && ends)
            ends[p] = record.next_offset;
    }
    bb_buffer_release(&body);
    return result;
}

/* Mark every partition that holds frames of the file, then note that it is done. */
static int mark(struct bb_ledger *ledger, struct bb_ledger_file *file, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    int result = bb_ledger_mark_parts(ledger, file->file_id, file->received_ms, file->parts, NULL,
                                      error);

    if (!result)
        result = log->ops->sync(log, error);
    if (!result)
        result = append(ledger, file, BB_RECORD_FILE_DONE, error);
    if (!result)
        result = log->ops->sync(log, error);
    if (!result)
        file->state = BB_FILE_DONE;
    return result;
}

int64_t bb_ledger_receive(struct bb_ledger *ledger, int64_t now_ms) {
    int64_t last = atomic_load(&ledger->last_received_ms), mine;

    do
        mine = now_ms > last ? now_ms : last + 1;
    while (!atomic_compare_exchange_weak(&ledger->last_received_ms, &last, mine));
    return mine;
}

uint64_t bb_ledger_file_id(const struct bb_ledger *ledger, int64_t received_ms) {
    return bb_hash_mix(ledger->log->identity ^ (uint64_t)received_ms) | 1;
}

int bb_ledger_read(struct bb_ledger *ledger, struct bb_log *log, struct bb_error *error) {
    *ledger = (struct bb_ledger){.log = log};
    bb_arena_init(&ledger->arena, 64 << 10, LEDGER_LIMIT_BYTES);
    int result = read_all(ledger, error);
    if (result)
        bb_ledger_close(ledger);
    return result;
}

int bb_ledger_open(struct bb_ledger *ledger, struct bb_log *log, struct bb_error *error) {
    int result = bb_ledger_read(ledger, log, error);

    if (result)
        return result;
    result = bb_post_ledger_complete(ledger, error);
    for (size_t i = 0; !result && i < ledger->count; i++)
        if (ledger->files[i]->state == BB_FILE_DECIDED)
            result = mark(ledger, ledger->files[i], error);
    if (result)
        bb_ledger_close(ledger);
    return result;
}

void bb_ledger_close(struct bb_ledger *ledger) {
    if (!ledger || !ledger->log)
        return;
    bb_post_ledger_release(&ledger->posts, ledger->log);
    free(ledger->files);
    bb_arena_release(&ledger->arena);
    *ledger = (struct bb_ledger){0};
}

static bool counts(const struct bb_ledger_file *file) {
    return file->state == BB_FILE_DECIDED || file->state == BB_FILE_DONE;
}

struct bb_ledger_file *bb_ledger_find(const struct bb_ledger *ledger, struct bb_content_hash hash) {
    for (size_t i = ledger->count; i-- > 0;) {
        struct bb_ledger_file *file = ledger->files[i];
        if (counts(file) && file->hash.low == hash.low && file->hash.high == hash.high)
            return file;
    }
    return NULL;
}

bool bb_ledger_has_look(const struct bb_ledger *ledger, struct bb_file_look look) {
    for (size_t i = 0; i < ledger->count; i++)
        if (counts(ledger->files[i]) && ledger->files[i]->look.bytes == look.bytes &&
            ledger->files[i]->look.head == look.head)
            return true;
    return false;
}

int bb_ledger_begin(struct bb_ledger *ledger, struct bb_span name, struct bb_file_look look,
                    int64_t now_ms, struct bb_ledger_file **out, struct bb_error *error) {
    struct bb_ledger_file *file = add(ledger, error);

    if (!file)
        return -BB_E_NO_MEMORY;
    file->look = look;
    file->received_ms = bb_ledger_receive(ledger, now_ms);
    file->file_id = bb_ledger_file_id(ledger, file->received_ms);
    file->name = bb_arena_copy(&ledger->arena, name);
    file->state = BB_FILE_BEGUN;
    file->is_landing = true;
    if (!file->name.data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ledger of files");
    for (uint32_t p = 0; p < ledger->log->partitions; p++) {
        struct bb_log_end end;
        int result = ledger->log->ops->end(ledger->log, p, &end, error);
        if (result)
            return result;
        file->parts[p].first_offset = end.offset;
    }
    *out = file;
    return append(ledger, file, BB_RECORD_FILE_BEGIN, error);
}

int bb_ledger_decide(struct bb_ledger *ledger, struct bb_ledger_file *file,
                     struct bb_content_hash hash, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    int result = log->ops->sync(log, error);

    file->hash = hash;

    if (!result)
        result = append(ledger, file, BB_RECORD_FILE_DECIDED, error);
    if (!result)
        result = log->ops->sync(log, error);
    if (result)
        return result;
    file->state = BB_FILE_DECIDED;
    result = mark(ledger, file, error);
    file->is_landing = result != 0;
    return result;
}

int bb_ledger_abandon(struct bb_ledger *ledger, struct bb_ledger_file *file,
                      struct bb_error *error) {
    file->state = BB_FILE_ABANDONED;
    file->is_landing = false;
    int result = append(ledger, file, BB_RECORD_FILE_ABANDONED, error);
    return result ? result : ledger->log->ops->sync(ledger->log, error);
}

struct bb_ledger_texts bb_ledger_texts_of(struct bb_span body) {
    struct bb_cursor in = bb_cursor_over(body);
    bool has_report = bb_cursor_byte(&in) > 1;
    struct bb_ledger_texts texts = {BB_SPAN(""), BB_SPAN(""), BB_SPAN("")};

    bb_cursor_bytes(&in, sizeof(struct bb_content_hash));
    struct bb_span name = bb_cursor_text(&in);
    bb_cursor_bytes(&in, sizeof(struct bb_file_look));
    bb_cursor_varint(&in);
    for (uint64_t left = bb_cursor_varint(&in) * 3; left > 0 && !in.failed; left--)
        bb_cursor_varint(&in);
    if (in.failed)
        return texts;
    texts.name = name;
    struct bb_span tenant = bb_cursor_text(&in);
    bb_cursor_varint(&in);
    struct bb_span refusals = bb_cursor_text(&in);
    if (has_report && !in.failed) {
        texts.tenant = tenant;
        texts.refusals = refusals;
    }
    return texts;
}

int bb_ledger_refusals(struct bb_log *log, uint64_t report_offset, struct bb_arena *arena,
                       struct bb_span *out, struct bb_error *error) {
    struct bb_log_reader *reader;
    struct bb_log_record record;

    *out = BB_SPAN("");
    if (report_offset == 0)
        return 0;
    int result = log->ops->reader_open(log, log->partitions, &reader, error);
    if (result)
        return result;
    result = log->ops->read(reader, report_offset, &record, error);
    if (result == BB_LOG_RECORD && record.offset == report_offset && is_report(record.kind)) {
        *out = bb_arena_copy(arena, bb_ledger_texts_of(record.body).refusals);
        if (!out->data)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what was refused of a file");
    }
    log->ops->reader_close(reader);
    return result < 0 ? result : 0;
}
