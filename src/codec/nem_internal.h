/* NEM12 and NEM13 (AEMO's Meter Data File Format): what the files of this codec share.
 *
 *   100 header                    100 header
 *   200 a channel                 250 two register reads and the quantity between them
 *   300   a day of values         550   who asked for it
 *   400     quality of a part     900 trailer
 *   500   a remark
 *   900 trailer
 *
 *   nem12.c         the format row, the order of records, the headers
 *   nem12_channel.c 200
 *   nem12_day.c     300 and 400
 *   nem13.c         250
 *   nem_fields.c    fields, dates, quality
 *
 * All times in a file are market time, UTC+10 without daylight saving.
 */
#ifndef BB_CODEC_NEM_INTERNAL_H
#define BB_CODEC_NEM_INTERNAL_H

#include "codec/codec.h"
#include "model/decimal.h"

enum {
    BB_NEM_MINUTES_PER_DAY = 1440,
    BB_NEM_VALUES_MAX = BB_NEM_MINUTES_PER_DAY, /* of a day of one-minute intervals */
    BB_NEM_FIELDS_MAX = 24,                     /* a 250 record has 23 */
    BB_NEM_MARKET_OFFSET_H = 10,
    BB_NEM_NO_VALUE = INT8_MIN /* as an exponent: the field was empty */
};
/* The zone of periods, as a series carries it. */
#define BB_NEM_MARKET_ZONE "+10:00"

/* What stands before the next record. Bits, so that a record names all it may follow. */
enum bb_nem_place {
    BB_NEM_START = 1 << 0,
    BB_NEM_HEADER_12 = 1 << 1,
    BB_NEM_HEADER_13 = 1 << 2,
    BB_NEM_CHANNEL = 1 << 3, /* 200 */
    BB_NEM_DAY = 1 << 4,     /* 300 with its 400 and 500 */
    BB_NEM_READ = 1 << 5,    /* 250 with its 550 */
    BB_NEM_END = 1 << 6,     /* 900 */
};

/* The channel that the last 200 record opened. */
struct bb_nem_channel {
    bool usable;   /* false: the 200 record was refused, and its 300 records go with it */
    uint64_t line; /* of the 200 record */
    uint32_t series;
    uint32_t length_s;
    uint32_t count; /* values a day */
    uint16_t marks;
    uint8_t unit;
};

enum bb_nem_day_state {
    BB_NEM_DAY_DONE = 0, /* handed on, or there was none */
    BB_NEM_DAY_OPEN,     /* quality V: waits for its 400 records */
    BB_NEM_DAY_REFUSED,  /* what belongs to it is passed over in silence: it was counted once */
};

/* A part of a day, intervals [first, last] from 0, that shares a quality. */
struct bb_nem_part {
    uint16_t first, last;
    struct bb_quality quality;
};

/* The day of the last 300 record. It is handed on whole or not at all. */
struct bb_nem_day {
    enum bb_nem_day_state state;
    uint64_t line;
    int64_t start_ms;
    int64_t issued_ms;
    bool has_gaps;    /* some exponent is BB_NEM_NO_VALUE */
    uint32_t covered; /* intervals that 400 records have spoken of so far */
    uint32_t part_count;
    struct bb_nem_part parts[BB_NEM_VALUES_MAX];
    int64_t mantissa[BB_NEM_VALUES_MAX];
    int8_t exponent[BB_NEM_VALUES_MAX];
};

struct bb_nem {
    const struct bb_decode_options *options;
    struct bb_series_table *table;
    const struct bb_decode_sink *sink;
    struct bb_error *error; /* of the run */
    struct bb_line_reader reader;
    struct bb_batch batch;
    enum bb_nem_place place;
    uint64_t readings, refused;
    struct bb_error reason; /* of the refusal at hand */
    struct bb_nem_channel channel;
    struct bb_nem_day day;
};

/* Tell the sink of a refused line: `reason` holds why. 0 to go on, or the sink's error. */
int bb_nem_refuse(struct bb_nem *nem, uint64_t line) BB_MUST_USE;
#define BB_NEM_REFUSE_AT(nem, line, code, ...)                                                     \
    ((void)BB_FAIL(&(nem)->reason, (code), __VA_ARGS__), bb_nem_refuse((nem), (line)))
#define BB_NEM_REFUSE(nem, code, ...)                                                              \
    BB_NEM_REFUSE_AT((nem), (nem)->reader.line, (code), __VA_ARGS__)

int bb_nem_flush(struct bb_nem *nem) BB_MUST_USE;
/* A series is added once per 200 or 250 record; *index says where. */
int bb_nem_add_series(struct bb_nem *nem, const struct bb_series *series, uint32_t *index)
    BB_MUST_USE;

/* The records. Each returns 0 (taken, or refused and reported) or an error that ends the run. */
int bb_nem_channel_record(struct bb_nem *nem, struct bb_span line) BB_MUST_USE; /* 200 */
int bb_nem_day_record(struct bb_nem *nem, struct bb_span line) BB_MUST_USE;     /* 300 */
int bb_nem_part_record(struct bb_nem *nem, struct bb_span line) BB_MUST_USE;    /* 400 */
int bb_nem_read_record(struct bb_nem *nem, struct bb_span line) BB_MUST_USE;    /* 250 */
/* No more 400 records follow: hand on the open day, or refuse it. */
int bb_nem_day_close(struct bb_nem *nem) BB_MUST_USE;

/* The fields of a line without blanks around them; those it does not have are empty. */
struct bb_nem_fields {
    struct bb_span at[BB_NEM_FIELDS_MAX];
    uint32_t count; /* fields beyond BB_NEM_FIELDS_MAX are counted only */
};
void bb_nem_split(struct bb_span line, struct bb_nem_fields *fields);
/* The field up to the next comma, without blanks around it; *rest goes behind the comma, and its
 * data becomes NULL when the line ends here. */
struct bb_span bb_nem_next_field(struct bb_span *rest);

/* A field as a message may show it: at most 40 bytes, what is not plain ASCII as '?'. */
struct bb_nem_quoted {
    char text[44];
};
struct bb_nem_quoted bb_nem_quote(struct bb_span field);

/* 20260301 and 20260301001500, market time, to UTC; false when it is no such moment. */
bool bb_nem_parse_date(struct bb_span text, int64_t *ms) BB_MUST_USE;
bool bb_nem_parse_moment(struct bb_span text, int64_t *ms) BB_MUST_USE;
/* The sender's version time: UpdateDateTime, else MSATSLoadDateTime, else BB_TIME_NONE. One that
 * cannot be read counts as not given: it orders competing values, and a day of good values is not
 * worth losing for it. */
int64_t bb_nem_issued(struct bb_span updated, struct bb_span loaded);
/* A whole number of up to six digits. */
bool bb_nem_parse_count(struct bb_span text, uint32_t *count) BB_MUST_USE;

/* A quality method (A, E52, F14, N, ...) with its reason code. *varies is set for V. */
int bb_nem_parse_quality(struct bb_span method, struct bb_span reason, struct bb_quality *quality,
                         bool *varies, struct bb_error *error) BB_MUST_USE;
/* Looks like a quality method rather than like a broken number. */
bool bb_nem_is_quality(struct bb_span text);
/* A unit by its spelling; an empty or unknown one is BB_UNIT_NONE with a mark. */
void bb_nem_parse_unit(struct bb_span text, uint8_t *unit, uint16_t *marks);

#endif
