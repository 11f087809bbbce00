/* A request to a worker: stretches of a batch, laid out as rules_layout_internal.h says. */
#ifndef BB_ADAPTER_RULES_REQUEST_INTERNAL_H
#define BB_ADAPTER_RULES_REQUEST_INTERNAL_H

#include "adapter/rules_layout_internal.h"
#include "base/buffer.h"
#include "port/rules.h"

/* Windows [first, last) of a batch. */
struct bb_rules_stretch {
    uint32_t first, last;
};

struct bb_rules_shape {
    uint32_t windows, others;
    size_t points, other_points, meta_bytes;
    bool has_profile;
};

struct bb_rules_shape bb_rules_shape_of(const struct bb_rules_batch *batch,
                                        struct bb_rules_stretch part, size_t meta_bytes);
size_t bb_rules_request_bytes(struct bb_rules_shape shape);

/* Parameters, and what is told of each window: JSON, in place of what *out held. */
void bb_rules_meta_put(const struct bb_rules_batch *batch, struct bb_rules_stretch part,
                       struct bb_buffer *out);
/* The columns, behind where the head is put; `region` has bb_rules_request_bytes. Returns the head. */
struct bb_rules_request_head bb_rules_request_put(const struct bb_rules_batch *batch,
                                                  struct bb_rules_stretch part,
                                                  struct bb_rules_shape shape, struct bb_span meta,
                                                  char *region);

/* Side inputs as a region of their own, which nobody can write to any more; its descriptor, or -1: no memory. */
int bb_rules_side_make(const struct bb_rules_side *items, size_t count);

#endif
