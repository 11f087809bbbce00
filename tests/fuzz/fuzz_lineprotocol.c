/* Line protocol under random bytes: no crash, nothing without a reason, and the same result whatever
 * pieces the bytes come in. The first byte of the input picks the map. */
#include "fuzz_text.h"

static const char *const maps[] = {
    NULL,
    "format: lineprotocol\nkind: gauge\nusage_point: {column: host}\n"
    "columns: {channel: _field}\ntimestamp: {epoch_s: _time}\n",
    "format: lineprotocol\nkind: gauge\nchannels: [{column: a, quality_column: q}, {column: '*'}]\n",
    "format: lineprotocol\nkind: register\ncolumns: {channel: _measurement, value: v}\n"
    "timestamp: {column: at}\nzone: Europe/Madrid\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_text(&bb_format_lineprotocol, maps, sizeof maps / sizeof maps[0], data, size);
}
