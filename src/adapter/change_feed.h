/* The change feed as the sinks read it: outbox records, taken apart into what is told one by one.
 *
 *   outbox record (VALUES) --> struct bb_change_item for each row that changed, in the order of time
 *   outbox record (EXCEPTION_*) --> one item                     all other kinds: none
 *
 * An item is named partition:sequence:row, the same however often and with whatever others it is told. Pure.
 */
#ifndef BB_ADAPTER_CHANGE_FEED_H
#define BB_ADAPTER_CHANGE_FEED_H

#include "adapter/sinks.h"
#include "base/json_write.h"

struct bb_change_side { /* a row as it is, or was */
    bool there;
    int64_t start_ms, end_ms;
    struct bb_decimal value; /* when it is not missing */
    bool missing;
    const struct bb_attribute *attribute;
};

struct bb_change_item {
    uint32_t partition;
    uint64_t sequence;
    uint32_t row; /* counted from 0 in its record */
    const struct bb_outbox_record *record;
    const struct bb_value_change *change; /* NULL: it is about an exception */
    struct bb_change_side now, before;    /* at least one of them is there */
};

/* Does the choice take this record? The lane is looked at where the body is read. */
bool bb_sink_choice_takes(const struct bb_sink_choice *choice,
                          const struct bb_outbox_record *record);
static inline bool bb_sink_choice_takes_lane(const struct bb_sink_choice *choice, uint8_t lane) {
    return choice->lanes == 0 || (choice->lanes >> lane & 1) != 0;
}
struct bb_change_side bb_change_side_of(const struct bb_block *block, int64_t row);

/* Both return 0, or what ends the walk. */
struct bb_change_visit {
    int (*item)(void *context, const struct bb_change_item *item);
    /* A dead letter of derive; NULL: passed over. */
    int (*letter)(void *context, const struct bb_letter *letter);
    /* The record, of which there may have been items, is told whole. May be NULL. */
    int (*end)(void *context, uint64_t sequence);
    void *context;
};

/* Records from + 1 .. from + count. A record that cannot be read is an error that names it. */
int bb_change_feed_walk(const struct bb_sink_choice *choice, uint32_t partition, uint64_t from,
                        const struct bb_outbox_record *records, size_t count,
                        const struct bb_change_visit *visit, struct bb_error *error) BB_MUST_USE;

/* The item as an object (docs/sinks.md, "An object for each change"). */
void bb_change_item_json(struct bb_json *json, const struct bb_change_item *item);

#endif
