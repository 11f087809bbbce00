/* Sizes in bytes as people write them: "512MiB", "1 GiB", "64kB", "4096". */
#ifndef BB_BASE_SIZE_TEXT_H
#define BB_BASE_SIZE_TEXT_H

#include "base/span.h"

enum { BB_SIZE_TEXT_MAX = 32 };

/* A whole number with B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024) or nothing
 * behind it; case and blanks between do not matter. False when it is none, or past int64. */
bool bb_size_parse(struct bb_span text, int64_t *bytes) __attribute__((warn_unused_result));
/* Exact, with the largest binary unit that divides it: "512MiB". Returns the length. */
size_t bb_size_format(int64_t bytes, char *buffer);

#endif
