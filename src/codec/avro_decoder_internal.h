/* The Avro decoder, shared by avro_decoder.c (which schema, datum to rows), avro_container.c (object
 * container files), avro_message.c (single messages) and avro.c (the format). */
#ifndef BB_CODEC_AVRO_DECODER_INTERNAL_H
#define BB_CODEC_AVRO_DECODER_INTERNAL_H

#include "codec/avro_program_internal.h"

enum bb_avro_framing {
    BB_AVRO_FRAMING_AUTO = 0,
    BB_AVRO_FRAMING_RAW,       /* nothing: the map names the schema */
    BB_AVRO_FRAMING_SINGLE,    /* C3 01, CRC-64-AVRO of the schema, little endian */
    BB_AVRO_FRAMING_CONFLUENT, /* 00, the schema's id, big endian */
    BB_AVRO_FRAMING_CONTAINER  /* "Obj" 01: an object container file */
};

/* A schema of a folder: `12.avsc` has the id 12; all have fingerprints. */
struct bb_avro_named {
    uint32_t id;
    bool has_id;
    struct bb_avro_schema *schema;
};

/* What a map says under `avro:`. */
struct bb_avro_form {
    uint8_t framing;                        /* enum bb_avro_framing */
    struct bb_avro_schema *writer, *reader; /* NULL: not said */
    struct bb_avro_named *schemas;
    uint32_t schema_count;
    struct bb_span registry, user, password_file;
};
void bb_avro_form_release(struct bb_avro_form *form);

/* A program, by what messages call its schema. */
enum bb_avro_key_kind {
    BB_AVRO_BY_MAP = 0,
    BB_AVRO_BY_ID,
    BB_AVRO_BY_FINGERPRINT,
    BB_AVRO_BY_TEXT
};
struct bb_avro_entry {
    enum bb_avro_key_kind kind;
    uint64_t key;
    struct bb_span text;             /* of BB_AVRO_BY_TEXT: the schema's JSON */
    struct bb_avro_schema *own;      /* parsed here */
    struct bb_avro_program *program; /* NULL: it cannot be used, */
    struct bb_error reason;          /* because of this */
};

struct bb_avro_decoder {
    const struct bb_decode_options *options;
    const struct bb_avro_form *form;
    struct bb_binding binding;
    struct bb_row_writer *writer;
    struct bb_row_group *group;
    struct bb_cell *cells; /* by slot */
    uint32_t cell_capacity;
    struct bb_arena texts, row_texts; /* of the rows that wait: of messages, of items of arrays */
    struct bb_avro_entry **entries;
    uint32_t entry_count, entry_capacity;
    struct bb_avro_entry *last;            /* asked for last */
    const struct bb_avro_program *current; /* whose constants stand in the cells */
};

int bb_avro_decoder_init(struct bb_avro_decoder *decoder, const struct bb_decode_options *options,
                         struct bb_series_table *table, const struct bb_decode_sink *sink,
                         struct bb_error *error) BB_MUST_USE;
void bb_avro_decoder_release(struct bb_avro_decoder *decoder);

enum bb_avro_outcome {
    BB_AVRO_READ = 0,
    BB_AVRO_SHORT,  /* there are not enough bytes; *reason says so */
    BB_AVRO_REFUSED /* *reason says why */
};
/* How framed bytes begin. */
enum bb_avro_framing bb_avro_framing_of(const struct bb_avro_decoder *decoder,
                                        struct bb_span bytes);
/* The program for the message at *at, which moves behind its header. */
int bb_avro_open_message(struct bb_avro_decoder *decoder, enum bb_avro_framing framing,
                         const char **at, const char *end, const struct bb_avro_program **out,
                         struct bb_error *reason, struct bb_error *error) BB_MUST_USE;
/* The program of a schema in JSON. */
int bb_avro_open_text(struct bb_avro_decoder *decoder, struct bb_span json,
                      const struct bb_avro_program **out, struct bb_error *reason,
                      struct bb_error *error) BB_MUST_USE;

/* A datum in two steps: what it holds is read whole before any of it becomes a row. */
struct bb_avro_datum {
    const char *begin, *end; /* of the bytes that may be read; `end` is behind it afterwards */
    const char *padding;     /* bytes up to here may be loaded */
    const char *limit;
    const char *rows;
};
int bb_avro_read_datum(struct bb_avro_decoder *decoder, const struct bb_avro_program *program,
                       struct bb_avro_datum *datum, struct bb_error *reason, struct bb_error *error)
    BB_MUST_USE;
int bb_avro_put_rows(struct bb_avro_decoder *decoder, const struct bb_avro_program *program,
                     const struct bb_avro_datum *datum, uint64_t line, struct bb_error *error)
    BB_MUST_USE;

/* Bytes of a stream in a window, or of memory. */
struct bb_avro_window {
    struct bb_input input;
    char *own;        /* NULL: of memory */
    const char *data; /* unread bytes are data[start, filled) */
    size_t capacity, limit, start, filled, padding;
    uint64_t offset; /* of data[0] in the stream */
    bool ended;
};
int bb_avro_window_init(struct bb_avro_window *window, struct bb_input input, size_t limit,
                        struct bb_error *error) BB_MUST_USE;
void bb_avro_window_of(struct bb_avro_window *window, struct bb_span memory);
void bb_avro_window_release(struct bb_avro_window *window);
static inline struct bb_span bb_avro_window_unread(const struct bb_avro_window *window) {
    return (struct bb_span){window->data + window->start, window->filled - window->start};
}
/* Have at least `size` unread bytes, fewer only when the stream has ended. What pointed into the window is
 * void. -BB_E_AVRO_DATA when that is more than the limit. */
int bb_avro_window_need(struct bb_avro_window *window, size_t size, struct bb_error *error)
    BB_MUST_USE;

/* avro_container.c: all objects of a file; their lines are counted from *line + 1. Rows are settled. What is
 * damaged is refused; what ends the file is returned. */
int bb_avro_container_read(struct bb_avro_decoder *decoder, struct bb_avro_window *window,
                           uint64_t *line, struct bb_error *error) BB_MUST_USE;

/* avro_block.c: a block of a container, unpacked. */
struct bb_avro_unpacker {
    const char *name; /* as `avro.codec` says it */
    /* `out` is empty, and bounded by its limit. -BB_E_AVRO_DATA, -BB_E_UNPACKED_TOO_LARGE. */
    int (*unpack)(struct bb_span packed, struct bb_buffer *out, struct bb_error *error);
};
const struct bb_avro_unpacker *bb_avro_unpacker_find(struct bb_span name);
enum { BB_AVRO_BLOCK_MAX = 64 << 20 };

#endif
