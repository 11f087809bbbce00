/* A writer's schema, compiled for what a map asks of it.
 *
 *   writer's schema ─┐
 *   reader's schema ─┼─ avro_compile.c ─► steps ─ avro_scan.c over a message ─► cells by slot ─► rows
 *   binding ─────────┘
 *
 * Steps run one after another; fields that nobody asks for are passed over, neighbours in one step.
 * A union, a map and an array of readings have steps of their own behind them, each run ended by END:
 *
 *   TAKE_TEXT meter · SKIP_VARINT 3 · UNION ┐ · TAKE_DOUBLE v · END · TAKE_TEXT v · END ┌ · END
 *                                           └───────────────── next ────────────────────┘
 *
 * Where the reader's schema has fields that the writer's lacks, their defaults are encoded once, as a
 * message would hold them, and scanned like one: their cells are constants of the program.
 */
#ifndef BB_CODEC_AVRO_PROGRAM_INTERNAL_H
#define BB_CODEC_AVRO_PROGRAM_INTERNAL_H

#include "codec/avro_schema_internal.h"
#include "codec/binding_internal.h"

enum bb_avro_op {
    BB_AVRO_END = 0,
    BB_AVRO_SKIP_VARINT, /* a: how many */
    BB_AVRO_SKIP_BYTES,  /* a: how many */
    BB_AVRO_SKIP_TEXT,   /* a: how many */
    BB_AVRO_SKIP_NODE,   /* a: node */
    BB_AVRO_TAKE_NULL,
    BB_AVRO_TAKE_BOOLEAN,
    BB_AVRO_TAKE_NUMBER, /* int and long; as a time: × a / b ms */
    BB_AVRO_TAKE_FLOAT,
    BB_AVRO_TAKE_DOUBLE,
    BB_AVRO_TAKE_TEXT,          /* string and bytes */
    BB_AVRO_TAKE_FIXED,         /* a: size */
    BB_AVRO_TAKE_UUID,          /* of sixteen bytes */
    BB_AVRO_TAKE_DECIMAL,       /* of bytes; b: scale */
    BB_AVRO_TAKE_FIXED_DECIMAL, /* a: size; b: scale */
    BB_AVRO_TAKE_ENUM,          /* a: first symbol; b: count */
    BB_AVRO_TAKE_OTHER,         /* a: node; the cell says what it is */
    BB_AVRO_RUN_UNION,          /* a: first branch; b: count */
    BB_AVRO_RUN_MAP,            /* a: first key; b: count; node: of the values */
    BB_AVRO_RUN_ROWS,           /* node: of the items; their steps are the program's rows_step */
    BB_AVRO_REFUSE              /* what is here has no place in the reader's schema */
};

/* What a number is wanted as. */
enum bb_avro_use { BB_AVRO_AS_TEXT = 0, BB_AVRO_AS_VALUE, BB_AVRO_AS_TIME };

struct bb_avro_step {
    uint8_t op;
    uint8_t use;      /* enum bb_avro_use */
    uint8_t optional; /* of a union with null: 1 when null is its first branch, 2 its second */
    uint8_t flags;    /* BB_MOMENT_LOCAL */
    int32_t slot;
    uint32_t a, b, node;
    uint32_t next; /* behind the steps of a union, map or array */
};

struct bb_avro_key {
    struct bb_span text;
    uint32_t step;
};

struct bb_avro_program {
    struct bb_arena arena; /* texts of keys, constants and what they point to */
    const struct bb_avro_schema *schema;
    struct bb_avro_step *steps;
    uint32_t step_count, step_capacity;
    uint32_t *branches; /* first steps of unions' branches */
    uint32_t branch_count, branch_capacity;
    struct bb_avro_key *keys; /* of maps */
    uint32_t key_count, key_capacity;
    struct bb_cell *symbols; /* of enums; absent: the reader's schema has none */
    uint32_t symbol_count, symbol_capacity;
    uint32_t *reset; /* slots that a reading may leave open, */
    uint32_t reset_count, reset_capacity;
    uint32_t *row_reset; /* and those inside the array of readings */
    uint32_t row_reset_count, row_reset_capacity;
    bool
        row_may_fail; /* an item of the array may turn out damaged, or without a place, when it is read */
    bool has_rows; /* readings are the items of an array */
    uint32_t rows_node, rows_step, rows_end;
    struct bb_constant {
        uint32_t slot;
        struct bb_cell cell;
    } * constants;
    uint32_t constant_count, constant_capacity;
    bool is_plain; /* every reading is one plain row */
    struct bb_plain_slots plain;
};

/* What the steps of a program read. */
struct bb_avro_scan {
    const struct bb_avro_program *program;
    const struct bb_avro_schema *schema;
    const char *end;     /* of the bytes */
    const char *padding; /* bytes up to here may be loaded */
    struct bb_cell *cells;
    struct bb_arena *texts; /* of numbers, and of what has no padding behind it */
    const char *rows;       /* where the array of readings begins; NULL: it is not there */
    const char *problem;    /* why it ended; NULL: no memory */
    bool truncated;         /* because there were not enough bytes */
    bool unresolved;        /* because the reader's schema has no place for what is there */
    unsigned depth;
};

/* `reader` may be NULL. -BB_E_AVRO_RESOLUTION, -BB_E_AVRO_SCHEMA. `precision` of times that are numbers and
 * no more. The schemas are borrowed; *out is the caller's to free. */
int bb_avro_compile(const struct bb_avro_schema *writer, const struct bb_avro_schema *reader,
                    struct bb_binding *binding, enum bb_precision precision,
                    struct bb_avro_program **out, struct bb_error *error) BB_MUST_USE;
void bb_avro_program_free(struct bb_avro_program *program);

/* avro_resolve.c: may what was written so be read so? Deeper types are looked at when their turn comes. */
bool bb_avro_matches(const struct bb_avro_schema *writer, uint32_t wrote,
                     const struct bb_avro_schema *reader, uint32_t reads);
/* The branch of a reader's union that takes it; -1: none. */
int bb_avro_match_branch(const struct bb_avro_schema *writer, uint32_t wrote,
                         const struct bb_avro_schema *reader, uint32_t reads);
/* The reader's field that takes a writer's; -1: none. */
int bb_avro_match_field(const struct bb_avro_field *wrote, const struct bb_avro_node *reads);

/* avro_default.c: a field's default as the bytes of a message. -BB_E_AVRO_SCHEMA when it does not fit. */
int bb_avro_encode_default(const struct bb_avro_schema *schema, const struct bb_avro_field *field,
                           struct bb_buffer *out, struct bb_error *error) BB_MUST_USE;

/* avro_scan.c: run steps from `step` at `at`. Behind what was read, or NULL. */
const char *bb_avro_run(struct bb_avro_scan *scan, uint32_t step, const char *at);
/* Pass over a value; `whole`: also look into blocks that say how long they are. */
const char *bb_avro_skip(struct bb_avro_scan *scan, uint32_t node, const char *at, bool whole);

/* The items of an array, block by block. */
struct bb_avro_items {
    const char *at;
    uint64_t left; /* in the block at hand */
    bool ended;
};
/* True: the next item begins at items->at, which the caller moves behind it. False: no more when
 * items->ended, else scan->problem. */
bool bb_avro_items_next(struct bb_avro_scan *scan, struct bb_avro_items *items);

#endif
