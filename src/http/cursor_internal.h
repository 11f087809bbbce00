/* Cursors: where a page of a list ended, as a text for the next question.
 *
 *   base64url( CRC32C of the question and the key, 4 bytes ‖ key )
 *
 * The key is that of the last row, whose bytes are in the order of the list; so the next page begins behind it
 * whatever rows have come or gone meanwhile. The checksum tells a cursor of another question. It keeps nobody
 * from making one: a cursor says where to go on, never what may be seen. Pure.
 */
#ifndef BB_HTTP_CURSOR_INTERNAL_H
#define BB_HTTP_CURSOR_INTERNAL_H

#include "base/arena.h"
#include "base/buffer.h"

enum { BB_HTTP_CURSOR_KEY_MAX = 1024 }; /* bytes */

/* Parts of a key: their order by bytes is that of what they stand for. Texts hold no NUL. */
void bb_http_key_text(struct bb_buffer *key, struct bb_span text);
void bb_http_key_number(struct bb_buffer *key, int64_t number);
/* And back; false: the key is shorter. */
bool bb_http_key_take_text(struct bb_span *key, struct bb_span *text);
bool bb_http_key_take_number(struct bb_span *key, int64_t *number);

void bb_http_cursor_format(uint32_t question, struct bb_span key, struct bb_buffer *out);
/* The key, in the arena; false: no cursor, or another question's. */
bool bb_http_cursor_parse(uint32_t question, struct bb_span text, struct bb_arena *arena,
                          struct bb_span *key);

#endif
