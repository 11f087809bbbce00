/* Dead letters as records: see letter_log.h. Lists of them are in letter_list.c. */
#include "service/letter_log.h"

#include "model/attribute_pack.h"
#include "model/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLOSED_VERSION = 1, CLOSED_LIMIT_BYTES = 1 << 20 };

/* A name that nobody has looked at. */
static struct bb_span cut(struct bb_span text, size_t most) {
    return (struct bb_span){text.data, text.size < most ? text.size : most};
}

/* ---- writing */

static int append(struct bb_ledger *ledger, uint8_t kind, const struct bb_round *round,
                  int64_t now_ms, struct bb_span body, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_log_record record = {.kind = kind,
                                   .file_id = round ? round->file_id : 0,
                                   .received_ms = round ? round->received_ms : now_ms,
                                   .body = body};

    return log->ops->append(log, log->partitions, &record, error);
}

/* Does it fit into what letters of its day may take? */
static bool account(struct bb_letter_account *account, int64_t received_ms, size_t bytes,
                    uint64_t daily_bytes) {
    int64_t day = received_ms / BB_DAY_MS;

    if (day != account->day)
        *account = (struct bb_letter_account){.day = day};
    if (account->bytes + bytes > daily_bytes)
        return false;
    account->bytes += bytes;
    return true;
}

void bb_letter_apply(struct bb_ledger *ledger, const struct bb_log_record *record) {
    if (record->kind == BB_RECORD_DEAD_LETTER)
        (void)account(&ledger->posts.letters, record->received_ms, record->body.size, UINT64_MAX);
}

/* One for all that have no room: where they begin, and how many. Of these there is one a batch, so it is kept in any case. */
static int append_rest(struct bb_ledger *ledger, const struct bb_round *round,
                       struct bb_span first_body, uint64_t count, struct bb_error *error) {
    struct bb_letter letter;
    struct bb_buffer body;
    char reason[200];

    if (!bb_letter_decode(first_body, &letter))
        return BB_FAIL(error, BB_E_BUG, "a dead letter is damaged before it was written");
    snprintf(reason, sizeof reason,
             "dead letters of today take as much as dead_letters.daily allows: %" PRIu64
             " more of this batch are counted here and not kept, from this offset on",
             count);
    letter.key = letter.value = letter.headers = (struct bb_span){NULL, 0};
    letter.reason = bb_span_of(reason);
    letter.code = BB_E_LETTERS_FULL;
    letter.more = count - 1;
    bb_buffer_init(&body, 64 << 10);
    bb_letter_encode(&letter, &body);
    int result = body.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dead letter")
                               : append(ledger, BB_RECORD_DEAD_LETTER, round, 0,
                                        bb_buffer_span(&body), error);
    bb_buffer_release(&body);
    return result;
}

int bb_letters_append(struct bb_ledger *ledger, const struct bb_round *round,
                      struct bb_span letters, uint64_t daily_bytes, uint64_t *left_out,
                      struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(letters);
    struct bb_span first = {NULL, 0};
    int result = 0;

    *left_out = 0;
    while (!result && bb_cursor_left(&in) > 0) {
        struct bb_span body = bb_cursor_text(&in);
        BB_ASSERT(!in.failed);
        if (account(&ledger->posts.letters, round->received_ms, body.size, daily_bytes))
            result = append(ledger, BB_RECORD_DEAD_LETTER, round, 0, body, error);
        else if ((*left_out)++ == 0)
            first = body;
    }
    return result || *left_out == 0 ? result : append_rest(ledger, round, first, *left_out, error);
}

int bb_letters_close(struct bb_ledger *ledger, const struct bb_round *round, const uint64_t *ids,
                     size_t count, enum bb_letter_state state, struct bb_span by, int64_t now_ms,
                     struct bb_error *error) {
    struct bb_buffer body;

    bb_buffer_init(&body, CLOSED_LIMIT_BYTES);
    bb_buffer_append_byte(&body, CLOSED_VERSION);
    bb_put_varint(&body, (uint64_t)state);
    bb_put_text(&body, cut(by, BB_LETTER_REASON_MAX));
    bb_put_varint(&body, count);
    for (size_t i = 0; i < count; i++)
        bb_put_varint(&body, ids[i]);
    int result = body.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to close dead letters")
                               : append(ledger, BB_RECORD_DEAD_LETTER_CLOSED, round, now_ms,
                                        bb_buffer_span(&body), error);
    bb_buffer_release(&body);
    return result;
}
