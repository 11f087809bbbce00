/* A scanner of Protocol Buffers' wire format: field by field, in place, never past the end.
 *
 *   message:  field* ;  field:  varint (number << 3 | type), then by type
 *             0 varint · 1 eight bytes · 2 length and bytes · 5 four bytes
 *
 * Fields may come in any order and unknown ones are passed over, so that newer senders are understood.
 * Groups (types 3 and 4), which no message of today has, are refused.
 * Source: protobuf.dev, "Encoding".
 */
#ifndef BB_CODEC_PROTOBUF_SCAN_INTERNAL_H
#define BB_CODEC_PROTOBUF_SCAN_INTERNAL_H

#include "base/span.h"

enum bb_protobuf_type {
    BB_PROTOBUF_VARINT = 0,
    BB_PROTOBUF_EIGHT = 1,
    BB_PROTOBUF_BYTES = 2,
    BB_PROTOBUF_FOUR = 5
};

struct bb_protobuf_scan {
    const char *at, *end;
};

struct bb_protobuf_field {
    uint32_t number, type;
    uint64_t value;       /* of a varint; of four or eight bytes, little endian */
    struct bb_span bytes; /* of BB_PROTOBUF_BYTES */
};

static inline struct bb_protobuf_scan bb_protobuf_scan_of(struct bb_span message) {
    return (struct bb_protobuf_scan){message.data, message.data + message.size};
}

/* At most ten bytes; false when it does not end, or does not fit 64 bits. */
static inline bool bb_protobuf_varint(struct bb_protobuf_scan *scan, uint64_t *value) {
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && scan->at < scan->end; shift += 7) {
        uint64_t byte = (unsigned char)*scan->at++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = v;
            return true;
        }
    }
    return false;
}

static inline bool bb_protobuf_fixed(struct bb_protobuf_scan *scan, size_t size, uint64_t *value) {
    if ((size_t)(scan->end - scan->at) < size)
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)(unsigned char)scan->at[i] << (8 * i);
    scan->at += size;
    return true;
}

/* The next field. False at the end of the message (scan->at == scan->end) and when what stands at
 * scan->at is none; then scan->at stays on it. */
static inline bool bb_protobuf_next(struct bb_protobuf_scan *scan,
                                    struct bb_protobuf_field *field) {
    struct bb_protobuf_scan s = *scan;
    uint64_t key, size;
    bool good;

    if (s.at == s.end || !bb_protobuf_varint(&s, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return false;
    field->number = (uint32_t)(key >> 3);
    field->type = (uint32_t)(key & 7);
    switch (field->type) {
    case BB_PROTOBUF_VARINT: good = bb_protobuf_varint(&s, &field->value); break;
    case BB_PROTOBUF_EIGHT: good = bb_protobuf_fixed(&s, 8, &field->value); break;
    case BB_PROTOBUF_FOUR: good = bb_protobuf_fixed(&s, 4, &field->value); break;
    case BB_PROTOBUF_BYTES:
        good = bb_protobuf_varint(&s, &size) && size <= (size_t)(s.end - s.at);
        if (good) {
            field->bytes = (struct bb_span){s.at, (size_t)size};
            s.at += size;
        }
        break;
    default: good = false; break;
    }
    if (good)
        *scan = s;
    return good;
}

static inline bool bb_protobuf_is(const struct bb_protobuf_field *field, uint32_t number,
                                  enum bb_protobuf_type type) {
    return field->number == number && field->type == (uint32_t)type;
}

#endif
