/* The compiler's state, shared by avro_compile.c (structure) and avro_leaf.c (values). See
 * avro_program_internal.h for what comes out. */
#ifndef BB_CODEC_AVRO_COMPILE_INTERNAL_H
#define BB_CODEC_AVRO_COMPILE_INTERNAL_H

#include "codec/avro_program_internal.h"

enum { BB_AVRO_PATH_MAX = 512, BB_AVRO_STEPS_MAX = 1 << 16, BB_AVRO_VISITS_MAX = 1 << 20 };
enum { BB_AVRO_NO_READER = -1 };

/* A slot, and the field that fills it: of several that mean the same the one with the least rank. */
struct bb_avro_claim {
    int32_t slot;
    int rank;
    struct bb_span path, rival; /* rival: another field of that rank */
};

struct bb_avro_compiler {
    const struct bb_avro_schema *writer, *reader; /* reader may be NULL */
    struct bb_binding *binding;
    enum bb_precision precision;
    struct bb_avro_program *program;
    struct bb_error *error;
    struct bb_avro_claim *claims;
    uint32_t claim_count, claim_capacity;
    bool collecting;      /* the first pass: only claims are made */
    bool in_rows;         /* inside the array of readings */
    bool in_default;      /* what is read is no message: there are no readings in it */
    unsigned conditional; /* unions and maps around */
    uint32_t taken;       /* cells, rows and refusals so far */
    uint32_t barrier;     /* steps before it are not continued */
    uint32_t visits;
    uint8_t *stack; /* of the writer's nodes: records that are being compiled */
    char path[BB_AVRO_PATH_MAX];
    size_t path_size;
};

/* The steps of a value: where a reader's schema is there, `reads` is its type for it. `slot` is where it goes;
 * BB_SLOT_NONE: nowhere. */
int bb_avro_compile_leaf(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot)
    BB_MUST_USE;
int bb_avro_emit(struct bb_avro_compiler *c, struct bb_avro_step step) BB_MUST_USE;
int bb_avro_emit_skip(struct bb_avro_compiler *c, uint32_t node) BB_MUST_USE;
int bb_avro_no_memory(struct bb_avro_compiler *c) BB_MUST_USE;
/* "field "a.b": " and so on, -BB_E_AVRO_RESOLUTION. */
int bb_avro_misfit(struct bb_avro_compiler *c, uint32_t wrote, int reads) BB_MUST_USE;
bool bb_avro_grow(void *array, uint32_t count, uint32_t *capacity, size_t size);

#endif
