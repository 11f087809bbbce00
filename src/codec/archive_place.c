/* Where archived blocks are: see archive_place.h. */
#include "codec/archive_place.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/attribute_pack.h"

enum { PLACE_VERSION = 1, MONTHS_A_YEAR = 12, KEY_HEAD_BYTES = 6 };

static int32_t floor_divide(int32_t a, int32_t b) {
    return a / b - (a % b < 0);
}

static int32_t year_of(int32_t month) {
    return 1970 + floor_divide(month, MONTHS_A_YEAR);
}

static int32_t in_year(int32_t month) { /* 0: January */
    return month - floor_divide(month, MONTHS_A_YEAR) * MONTHS_A_YEAR;
}

int32_t bb_archive_month_at(int64_t ms) {
    struct bb_civil civil;

    bb_civil_from_ms(ms, &civil);
    return (civil.year - 1970) * MONTHS_A_YEAR + civil.month - 1;
}

int32_t bb_archive_month_of(uint8_t lane, int32_t span) {
    switch (bb_lanes[lane].span) {
    case BB_SPAN_UTC_DAY: return bb_archive_month_at((int64_t)span * BB_DAY_MS);
    case BB_SPAN_UTC_MONTH: return span;
    case BB_SPAN_UTC_YEAR: return (span - 1970) * MONTHS_A_YEAR + MONTHS_A_YEAR - 1;
    default: return (span * 10 + 9 - 1970) * MONTHS_A_YEAR + MONTHS_A_YEAR - 1;
    }
}

bool bb_archive_spans_of(uint8_t lane, int32_t month, int32_t *first, int32_t *last) {
    bool december = in_year(month) == MONTHS_A_YEAR - 1;
    int32_t year = year_of(month), next = month + 1;

    switch (bb_lanes[lane].span) {
    case BB_SPAN_UTC_DAY:
        *first = (int32_t)bb_days_from_civil(year, in_year(month) + 1, 1);
        *last = (int32_t)bb_days_from_civil(year_of(next), in_year(next) + 1, 1) - 1;
        return true;
    case BB_SPAN_UTC_MONTH: *first = *last = month; return true;
    case BB_SPAN_UTC_YEAR: *first = *last = year; return december;
    default: *first = *last = floor_divide(year, 10); return december && year == *first * 10 + 9;
    }
}

int32_t bb_archive_month_parse(struct bb_span text) {
    enum { TEXT_BYTES = 7 };
    int value[2] = {0, 0};

    if (text.size != TEXT_BYTES || text.data[4] != '-')
        return INT32_MIN;
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        int *part = &value[i > 4];
        if (i == 4)
            continue;
        if (text.data[i] < '0' || text.data[i] > '9')
            return INT32_MIN;
        *part = *part * 10 + text.data[i] - '0';
    }
    if (value[1] < 1 || value[1] > MONTHS_A_YEAR)
        return INT32_MIN;
    return (value[0] - 1970) * MONTHS_A_YEAR + value[1] - 1;
}

void bb_archive_month_format(int32_t month, char text[BB_ARCHIVE_MONTH_TEXT_MAX]) {
    snprintf(text, BB_ARCHIVE_MONTH_TEXT_MAX, "%04d-%02d", (int)year_of(month),
             (int)in_year(month) + 1);
}

/* ---- names of files */

/* Other bytes than letters, digits, '_' and '-' as ~XX, so that a folder, a bucket and an address take it as it is. */
static size_t put_part(struct bb_span text, char *out, size_t room) {
    size_t used = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        if (used + 4 > room)
            return 0;
        if (plain)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, 4, "~%02X", c);
    }
    return used;
}

bool bb_archive_prefix_make(const struct bb_archive_head *head, uint64_t identity,
                            char name[BB_ARCHIVE_NAME_MAX + 1]) {
    enum { BEHIND_BYTES = 120 }; /* what comes behind the tenant */
    char month[BB_ARCHIVE_MONTH_TEXT_MAX];
    size_t used = put_part(head->tenant, name, BB_ARCHIVE_NAME_MAX - BEHIND_BYTES);

    if (used == 0)
        return false;
    bb_archive_month_format(head->month, month);
    snprintf(name + used, BB_ARCHIVE_NAME_MAX + 1 - used, "/%s/%s/p%04" PRIu32 "-%016" PRIx64 "-",
             bb_lanes[head->lane].name, month, head->partition, identity);
    return true;
}

bool bb_archive_name_make(const struct bb_archive_head *head, const struct bb_archive_maker *maker,
                          char name[BB_ARCHIVE_NAME_MAX + 1]) {
    if (!bb_archive_prefix_make(head, maker->identity, name))
        return false;
    size_t used = strlen(name);
    snprintf(name + used, BB_ARCHIVE_NAME_MAX + 1 - used, "e%" PRIu64 "-o%" PRIu64 ".archive",
             maker->epoch, maker->offset);
    return true;
}

static bool read_number(struct bb_span *rest, struct bb_span before, uint64_t *out) {
    size_t at = before.size;

    if (!bb_span_starts_with(*rest, before))
        return false;
    *out = 0;
    for (; at < rest->size && rest->data[at] >= '0' && rest->data[at] <= '9'; at++)
        *out = *out * 10 + (uint64_t)(rest->data[at] - '0');
    bool found = at > before.size;
    *rest = (struct bb_span){rest->data + at, rest->size - at};
    return found;
}

bool bb_archive_name_maker(struct bb_span name, struct bb_archive_maker *out) {
    size_t at = name.size;

    while (at > 0 && name.data[at - 1] != '/')
        at--;
    struct bb_span rest = {name.data + at, name.size - at};
    enum { LEAD_BYTES = 1 + 4 + 1 + 16 }; /* pPPPP-IDENTITY; the partition may have more digits */
    if (rest.size <= LEAD_BYTES || rest.data[0] != 'p')
        return false;
    const char *dash = memchr(rest.data, '-', rest.size);
    size_t lead = dash ? (size_t)(dash - rest.data) + 1 + 16 : rest.size;
    if (lead >= rest.size)
        return false;
    rest = (struct bb_span){rest.data + lead, rest.size - lead};
    out->identity = 0;
    return read_number(&rest, BB_SPAN("-e"), &out->epoch) &&
           read_number(&rest, BB_SPAN("-o"), &out->offset) &&
           bb_span_equal(rest, BB_SPAN(".archive"));
}

/* ---- what the store remembers */

size_t bb_archive_key_make(uint8_t lane, int32_t month, struct bb_span tenant,
                           char key[BB_ARCHIVE_KEY_MAX]) {
    uint32_t number = (uint32_t)month ^ 0x80000000U;

    BB_ASSERT(KEY_HEAD_BYTES + tenant.size <= BB_ARCHIVE_KEY_MAX);
    key[0] = 'F';
    key[1] = (char)lane;
    for (int i = 0; i < 4; i++)
        key[2 + i] = (char)(number >> (8 * (3 - i)));
    if (tenant.size)
        memcpy(key + KEY_HEAD_BYTES, tenant.data, tenant.size);
    return KEY_HEAD_BYTES + tenant.size;
}

bool bb_archive_key_read(struct bb_span key, struct bb_archive_head *out) {
    uint32_t number = 0;

    if (key.size < KEY_HEAD_BYTES || key.data[0] != 'F' || (uint8_t)key.data[1] >= BB_LANE_COUNT)
        return false;
    for (int i = 0; i < 4; i++)
        number = number << 8 | (uint8_t)key.data[2 + i];
    *out = (struct bb_archive_head){
        .lane = (uint8_t)key.data[1],
        .month = (int32_t)(number ^ 0x80000000U),
        .tenant = {key.data + KEY_HEAD_BYTES, key.size - KEY_HEAD_BYTES}};
    return true;
}

void bb_archive_place_encode(const struct bb_archive_place *place, struct bb_buffer *out) {
    const struct bb_archive_trailer *t = &place->trailer;

    bb_buffer_append_byte(out, PLACE_VERSION);
    bb_put_text(out, bb_span_of(place->name));
    bb_put_varint(out, place->size);
    bb_put_varint(out, t->index_offset);
    bb_put_varint(out, t->index_packed);
    bb_put_varint(out, t->index_size);
    bb_put_varint(out, t->index_crc);
    bb_put_varint(out, t->file_crc);
    bb_put_varint(out, t->blocks);
    bb_put_varint(out, t->readings);
}

int bb_archive_place_decode(struct bb_span value, struct bb_archive_place *out,
                            struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(value);
    uint8_t version = bb_cursor_byte(&in);
    struct bb_span name = bb_cursor_text(&in);

    if (version != 0 && version != PLACE_VERSION)
        return BB_FAIL_VERSION(error, "what the store says of an archived file", version,
                               PLACE_VERSION);
    *out = (struct bb_archive_place){.size = bb_cursor_varint(&in)};
    struct bb_archive_trailer *t = &out->trailer;
    t->index_offset = bb_cursor_varint(&in);
    t->index_packed = (uint32_t)bb_cursor_varint(&in);
    t->index_size = (uint32_t)bb_cursor_varint(&in);
    t->index_crc = (uint32_t)bb_cursor_varint(&in);
    t->file_crc = (uint32_t)bb_cursor_varint(&in);
    t->blocks = bb_cursor_varint(&in);
    t->readings = bb_cursor_varint(&in);
    if (in.failed || name.size == 0 || name.size > BB_ARCHIVE_NAME_MAX)
        return BB_FAIL(error, BB_E_STORE_CORRUPT,
                       "what the store says of an archived file is damaged");
    memcpy(out->name, name.data, name.size);
    return 0;
}
