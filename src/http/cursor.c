/* Cursors: see cursor_internal.h. */
#include "http/cursor_internal.h"

#include "base/crc.h"

/* ---- keys */

void bb_http_key_text(struct bb_buffer *key, struct bb_span text) {
    bb_buffer_append_span(key, text);
    bb_buffer_append_byte(key, 0);
}

void bb_http_key_number(struct bb_buffer *key, int64_t number) {
    uint64_t bits = (uint64_t)number ^ (uint64_t)1 << 63; /* negative ones first */

    for (int shift = 56; shift >= 0; shift -= 8)
        bb_buffer_append_byte(key, (uint8_t)(bits >> shift));
}

bool bb_http_key_take_text(struct bb_span *key, struct bb_span *text) {
    const char *end = key->size > 0 ? memchr(key->data, '\0', key->size) : NULL;

    if (!end)
        return false;
    *text = (struct bb_span){key->data, (size_t)(end - key->data)};
    *key = (struct bb_span){end + 1, key->size - text->size - 1};
    return true;
}

bool bb_http_key_take_number(struct bb_span *key, int64_t *number) {
    uint64_t bits = 0;

    if (key->size < sizeof bits)
        return false;
    for (size_t i = 0; i < sizeof bits; i++)
        bits = bits << 8 | (uint8_t)key->data[i];
    *number = (int64_t)(bits ^ (uint64_t)1 << 63);
    *key = (struct bb_span){key->data + sizeof bits, key->size - sizeof bits};
    return true;
}

/* ---- base64url without padding (RFC 4648 §5) */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct bb_span bytes, struct bb_buffer *out) {
    uint32_t bits = 0;
    int count = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | (uint8_t)bytes.data[i];
        for (count += 8; count >= 6; count -= 6)
            bb_buffer_append_byte(out, (uint8_t)letters[bits >> (count - 6) & 63]);
    }
    if (count > 0)
        bb_buffer_append_byte(out, (uint8_t)letters[bits << (6 - count) & 63]);
}

/* False: a letter that is none. */
static bool decode(struct bb_span text, char *out, size_t *size) {
    uint32_t bits = 0;
    int count = 0;

    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *at = text.data[i] ? strchr(letters, text.data[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - letters);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[(*size)++] = (char)(bits >> count & 255);
        }
    }
    return true;
}

/* ---- cursors */

enum { SUM_BYTES = 4 };

static void put_sum(uint32_t question, struct bb_span key, char sum[SUM_BYTES]) {
    uint32_t crc = bb_crc32c(question, key.data, key.size);

    for (int i = 0; i < SUM_BYTES; i++)
        sum[i] = (char)(crc >> (8 * i));
}

void bb_http_cursor_format(uint32_t question, struct bb_span key, struct bb_buffer *out) {
    char bytes[SUM_BYTES + BB_HTTP_CURSOR_KEY_MAX];

    BB_ASSERT(key.size <= BB_HTTP_CURSOR_KEY_MAX);
    put_sum(question, key, bytes);
    if (key.size)
        memcpy(bytes + SUM_BYTES, key.data, key.size);
    encode((struct bb_span){bytes, SUM_BYTES + key.size}, out);
}

bool bb_http_cursor_parse(uint32_t question, struct bb_span text, struct bb_arena *arena,
                          struct bb_span *key) {
    enum { TEXT_MAX = (SUM_BYTES + BB_HTTP_CURSOR_KEY_MAX) * 4 / 3 + 4 };
    char sum[SUM_BYTES], *bytes = text.size <= TEXT_MAX ? bb_arena_take(arena, text.size) : NULL;
    size_t size;

    if (!bytes || !decode(text, bytes, &size) || size < SUM_BYTES)
        return false;
    *key = (struct bb_span){bytes + SUM_BYTES, size - SUM_BYTES};
    put_sum(question, *key, sum);
    return memcmp(sum, bytes, SUM_BYTES) == 0;
}
