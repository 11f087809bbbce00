/* "Did you mean ...?": the known name that is nearest to what was typed.
 *
 * Nearness is the number of letters to insert, drop, replace or swap with their neighbour (optimal
 * string alignment), case ignored. A name farther than a third of the letters is no suggestion.
 */
#ifndef BB_BASE_NEAREST_H
#define BB_BASE_NEAREST_H

#include "base/span.h"

enum { BB_NEAREST_NAME_MAX = 96 }; /* bytes; longer names are never suggested */

struct bb_nearest {
    struct bb_span typed;
    const char *name; /* the best so far; NULL: nothing is near */
    size_t distance;
};

void bb_nearest_init(struct bb_nearest *nearest, struct bb_span typed);
/* Consider one more known name; it must outlive `nearest`. The first of equals wins. */
void bb_nearest_offer(struct bb_nearest *nearest, const char *name);

/* The distance itself; SIZE_MAX when a text is longer than BB_NEAREST_NAME_MAX. */
size_t bb_nearest_distance(struct bb_span a, struct bb_span b);

#endif
