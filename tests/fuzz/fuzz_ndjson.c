/* NDJSON and arrays under random bytes: no crash, nothing without a reason, and the same result
 * whatever pieces the bytes come in. The first byte of the input picks the map. */
#include "fuzz_text.h"

static const char *const maps[] = {
    NULL,
    "format: ndjson\nkind: gauge\nunit: W\nusage_point: {column: a.b}\ntimestamp: {epoch_ms: t}\n"
    "channels: [{column: x}, {column: a.y, quality_column: q}]\n",
    "format: ndjson\nkind: interval\ninterval: 15m\nusage_point: {value: U}\n"
    "timestamp: {start: s, end: e}\nzone: Europe/Madrid\nchannels: [{column: \"*\"}]\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_text(&bb_format_ndjson, maps, sizeof maps / sizeof maps[0], data, size);
}
