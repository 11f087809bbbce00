/* How readings are to be read: see reading_internal.h. */
#include "http/reading_internal.h"

struct bb_reading_form bb_http_reading_form(const struct bb_http_call *call) {
    return (struct bb_reading_form){
        .tenant = bb_http_tenant(call),
        .format = bb_format_find(bb_http_text(call, "format")), /* "auto" is none */
        .zone = bb_http_text(call, "zone"),
        .kind = (int)bb_http_number(call, "kind") + 1, /* -1, as all choices: it is not given */
        .interval_s = (uint32_t)(bb_http_number(call, "interval") / BB_SECOND_MS),
        .precision = (enum bb_precision)(bb_http_number(call, "precision") + 1)};
}
