/* A small world of channels whose values change, for suites of sinks: each step changes, adds or removes rows of one block
 * and gives the outbox record that tells of it. What a sink holds in the end has to be what the world holds, in pictures: a
 * line for each row,
 *
 *   tenant|usage point|channel|lane|END|statistic = START VALUE UNIT QUALITY
 *
 * times in UTC, values without trailing zeros, "-" where a value is missing; ordered by bytes. Everything comes from the seed.
 */
#ifndef BB_TESTS_SUPPORT_CHANGE_WORLD_H
#define BB_TESTS_SUPPORT_CHANGE_WORLD_H

#include "adapter/sorted_table_internal.h"
#include "base/random.h"
#include "model/value_change.h"

/* ---- pictures */

struct picture {
    struct sorted_table lines; /* of key and text, both on the heap */
};
void picture_init(struct picture *picture);
void picture_release(struct picture *picture);
void picture_put(struct picture *picture, const char *key, const char *text);
void picture_remove(struct picture *picture, const char *key);
/* The text of a line; NULL: there is none. */
const char *picture_text(const struct picture *picture, const char *key);
void picture_copy(struct picture *out, const struct picture *from);
/* "tenant|usage point|...": what stands before " = ". */
void picture_key(struct bb_buffer *out, struct bb_span tenant, struct bb_span usage_point,
                 struct bb_span channel, const char *lane, const char *end, const char *statistic);
/* Fails the test at the first line in which they differ. `what` and `subject` name it. */
void picture_expect_equal(const struct picture *found, const struct picture *expected,
                          const char *subject, const char *what);

/* ---- the world */

enum { WORLD_BLOCKS = 40, WORLD_ROWS = 24, WORLD_STATISTICS = 3 };

struct world_row {
    bool there;
    uint32_t length_s;
    int64_t mantissa;
    int8_t exponent;
    uint8_t unit;
    struct bb_quality quality;
};

struct world_block {
    const char *tenant, *usage_point, *channel;
    uint8_t lane, kind, commodity;
    int32_t span;
    struct world_row rows[WORLD_ROWS][WORLD_STATISTICS];
};

struct change_world {
    struct bb_random random;
    struct bb_arena arena; /* what the records borrow: they live as long as the world */
    struct world_block blocks[WORLD_BLOCKS];
};

void change_world_init(struct change_world *world, uint64_t seed);
void change_world_release(struct change_world *world);
/* The next change; `recorded_ms` is the record's. */
struct bb_outbox_record change_world_step(struct change_world *world, int64_t recorded_ms);
/* Records of kinds that tell nothing of values: channels, master data, exceptions. */
struct bb_outbox_record change_world_other(struct change_world *world, int64_t recorded_ms);
void change_world_picture(const struct change_world *world, struct picture *out);

#endif
