/* A row of a list as what it says: named fields, which JSON, tables and whatever else show alike.
 *
 *   a row of the registry, of completeness, ... ─► struct bb_record ─► JSON object (HTTP, --json)
 *                                                                  └─► cells of a table (cli/list.c)
 *
 * What fields a list has is one table (rows.h), in the order in which all show them.
 */
#ifndef BB_ANSWER_RECORD_H
#define BB_ANSWER_RECORD_H

#include "base/json_write.h"
#include "model/timestamp.h"

struct bb_field_row {
    const char *name;
    bool is_number; /* tables set it to the right */
    bool is_aside;  /* said in objects and CSV, left out of tables */
    bool is_gist;   /* in tables alone: what an aside comes to, for people */
};

enum bb_field_kind {
    BB_FIELD_TEXT = 0,
    BB_FIELD_NUMBER,
    BB_FIELD_TIME,
    BB_FIELD_FLAG,
    BB_FIELD_DIGITS, /* a number as its digits */
    BB_FIELD_ITEMS,  /* an array: its items as JSON has them */
    BB_FIELD_NOTHING
};

struct bb_field {
    enum bb_field_kind kind;
    struct bb_span text; /* TEXT, DIGITS, ITEMS */
    int64_t number;      /* NUMBER, TIME (ms), FLAG */
};

enum { BB_RECORD_FIELDS_MAX = 24, BB_RECORD_TEXT_MAX = 2048 };

struct bb_record {
    const struct bb_field_row *rows;
    size_t row_count, count;
    struct bb_field fields[BB_RECORD_FIELDS_MAX];
    char texts[BB_RECORD_TEXT_MAX]; /* of fields that had to be worded */
    size_t text_size;
};

/* Fields are added in the order of their rows. Texts are borrowed. */
void bb_record_begin(struct bb_record *record, const struct bb_field_row *rows, size_t row_count);
void bb_record_text(struct bb_record *record, struct bb_span text);
void bb_record_name(struct bb_record *record, const char *name);
void bb_record_number(struct bb_record *record, int64_t number);
void bb_record_flag(struct bb_record *record, bool flag);
/* BB_TIME_NONE: nothing. */
void bb_record_time(struct bb_record *record, int64_t ms);
void bb_record_items(struct bb_record *record, struct bb_span json);
void bb_record_nothing(struct bb_record *record);
/* Copied: a text and a number's digits that were worded for this row. */
void bb_record_copy(struct bb_record *record, struct bb_span text);
void bb_record_digits(struct bb_record *record, struct bb_span digits);

/* The members of its object, which the caller begins and ends. Nothing is null. */
void bb_record_put_members(const struct bb_record *record, struct bb_json *json);
void bb_record_put_json(const struct bb_record *record, struct bb_json *json);
/* CSV: the line of titles, and a row's. All fields, as in objects; nothing is an empty cell, a flag true or
 * false. */
void bb_record_put_csv_titles(const struct bb_field_row *rows, size_t row_count,
                              struct bb_buffer *out);
void bb_record_put_csv(const struct bb_record *record, struct bb_buffer *out);
/* RFC 4180: quotes around a text that needs them, and doubled inside. */
void bb_csv_put_cell(struct bb_buffer *out, struct bb_span text);
/* A field's text for people; `memory` may lend to it. Nothing and false are empty. */
enum { BB_RECORD_CELL_MAX = 48 };
struct bb_span bb_record_cell(const struct bb_field *field, char memory[BB_RECORD_CELL_MAX]);

#endif
