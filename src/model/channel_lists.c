/* The packed lists of a channel record: see channel_lists.h. Pure. */
#include "model/channel_lists.h"

#include "model/attribute_pack.h"
#include "model/timestamp.h"

enum { HAS_TO = 1, HAS_OPENING = 2, HAS_CLOSING = 4 };
enum { INSTALLATION_LEAST_BYTES = 5, HOLIDAY_LEAST_BYTES = 1 };

static int damaged(struct bb_error *error) {
    return BB_FAIL(error, BB_E_STORE_CORRUPT, "a list of a channel record is damaged");
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the lists of a channel record");
}

/* How many elements follow; 0 of an empty span. A count that the bytes cannot hold is a failure. */
static uint32_t take_count(struct bb_cursor *in, size_t least_bytes) {
    uint64_t count = bb_cursor_left(in) > 0 ? bb_cursor_varint(in) : 0;

    if (count > bb_cursor_left(in) / least_bytes)
        in->failed = true;
    return in->failed ? 0 : (uint32_t)count;
}

static void put_decimal(struct bb_buffer *out, struct bb_decimal value) {
    bb_buffer_append_byte(out, (uint8_t)value.exponent);
    bb_put_zigzag(out, value.mantissa);
}

static struct bb_decimal take_decimal(struct bb_cursor *in) {
    const int64_t limit = bb_power_of_ten[BB_DECIMAL_MAX_DIGITS];
    struct bb_decimal value = {.exponent = (int8_t)bb_cursor_byte(in)};

    value.mantissa = bb_cursor_zigzag(in);
    if (value.exponent < BB_DECIMAL_MIN_EXPONENT || value.exponent > BB_DECIMAL_MAX_EXPONENT ||
        value.mantissa <= -limit || value.mantissa >= limit)
        in->failed = true;
    return value;
}

/* ---- installations --------------------------------------------------------------------------- */

static void put_installation(struct bb_buffer *out, const struct bb_installation *item) {
    bool has_to = item->to_ms != BB_TIME_NONE;

    bb_put_zigzag(out, item->from_ms);
    bb_buffer_append_byte(out,
                          (uint8_t)((has_to ? HAS_TO : 0) | (item->has_opening ? HAS_OPENING : 0) |
                                    (item->has_closing ? HAS_CLOSING : 0)));
    bb_buffer_append_byte(out, item->dials);
    put_decimal(out, item->factor);
    if (has_to)
        bb_put_varint(out, (uint64_t)item->to_ms - (uint64_t)item->from_ms);
    if (item->has_opening)
        put_decimal(out, item->opening);
    if (item->has_closing)
        put_decimal(out, item->closing);
}

static void take_installation(struct bb_cursor *in, struct bb_installation *item) {
    *item = (struct bb_installation){.from_ms = bb_cursor_zigzag(in), .to_ms = BB_TIME_NONE};
    uint8_t flags = bb_cursor_byte(in);
    item->dials = bb_cursor_byte(in);
    item->factor = take_decimal(in);
    if (flags & HAS_TO)
        item->to_ms = (int64_t)((uint64_t)item->from_ms + bb_cursor_varint(in));
    item->has_opening = flags & HAS_OPENING;
    if (item->has_opening)
        item->opening = take_decimal(in);
    item->has_closing = flags & HAS_CLOSING;
    if (item->has_closing)
        item->closing = take_decimal(in);
}

void bb_installations_pack(const struct bb_installation *items, uint32_t count,
                           struct bb_buffer *out) {
    if (count == 0)
        return;
    bb_put_varint(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_installation(out, &items[i]);
}

int bb_installations_unpack(struct bb_span packed, struct bb_arena *arena,
                            const struct bb_installation **items, uint32_t *count,
                            struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(packed);
    struct bb_installation *list = NULL;

    *count = take_count(&in, INSTALLATION_LEAST_BYTES);
    *items = NULL;
    if (*count > 0) {
        list = bb_arena_take_array(arena, *count, sizeof *list);
        if (!list)
            return no_memory(error);
    }
    for (uint32_t i = 0; i < *count; i++)
        take_installation(&in, &list[i]);
    *items = list;
    return in.failed || in.at != in.end ? damaged(error) : 0;
}

/* ---- holidays -------------------------------------------------------------------------------- */

void bb_holidays_pack(const int32_t *days, uint32_t count, struct bb_buffer *out) {
    int64_t before = 0;

    if (count == 0)
        return;
    bb_put_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        bb_put_zigzag(out, days[i] - before);
        before = days[i];
    }
}

int bb_holidays_unpack(struct bb_span packed, struct bb_arena *arena, const int32_t **days,
                       uint32_t *count, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(packed);
    int32_t *list = NULL;
    int64_t day = 0;

    *count = take_count(&in, HOLIDAY_LEAST_BYTES);
    *days = NULL;
    if (*count > 0) {
        list = bb_arena_take_array(arena, *count, sizeof *list);
        if (!list)
            return no_memory(error);
    }
    for (uint32_t i = 0; i < *count; i++) {
        int64_t step = bb_cursor_zigzag(&in);
        if (step < -(int64_t)UINT32_MAX || step > UINT32_MAX || day + step < INT32_MIN ||
            day + step > INT32_MAX)
            return damaged(error);
        day += step;
        list[i] = (int32_t)day;
    }
    *days = list;
    return in.failed || in.at != in.end ? damaged(error) : 0;
}
