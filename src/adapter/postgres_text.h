/* Texts that PostgreSQL would refuse.
 *
 * It keeps valid UTF-8 without NUL only, and busbar keeps what it was told: a file's name may be any bytes. A byte b
 * that cannot stand there is kept as the private character U+10FF00 + b; the bytes of a text that has such characters
 * of its own are kept so, too. Every text comes back as it was, and all others are their own bytes, so that they
 * sort and compare as everywhere in busbar.
 */
#ifndef BB_ADAPTER_POSTGRES_TEXT_H
#define BB_ADAPTER_POSTGRES_TEXT_H

#include "base/arena.h"

/* The text itself where it can be kept, else another one in the arena; data is NULL when there is no room. */
struct bb_span bb_postgres_text_keep(struct bb_span text, struct bb_arena *arena);
/* The reverse. */
struct bb_span bb_postgres_text_kept(struct bb_span kept, struct bb_arena *arena);

#endif
