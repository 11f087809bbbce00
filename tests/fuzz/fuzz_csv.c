/* CSV under random bytes: no crash, nothing without a reason, and the same result whatever pieces
 * the bytes come in. The first byte of the input picks the map. */
#include "fuzz_text.h"

static const char *const maps[] = {
    NULL,
    "channels: [{column: \"*\", name: e, kind: interval, interval: 1d, unit: kWh, "
    "usage_point_from: header}]\ntimestamp: {column: t, label: start}\nzone: Europe/Madrid\n",
    "header: false\ndelimiter: space\nusage_point: {column: 1}\ntimestamp: {epoch_s: 2}\n"
    "columns: {value: 3}\nchannels: [{name: x}]\nkind: gauge\nunit: W\nmultiplier: 0.25\n",
    "delimiter: \";\"\ndecimal: \",\"\nkind: register\nmissing: [\"\", x, \"-1\"]\n"
    "timestamp: {date: d, time: t, format: \"%d/%m/%Y %H:%M:%S\"}\nunits: {k: kWh}\n"
    "qualities: {E: estimated}\nskip_rows: 1\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_text(&bb_format_csv, maps, sizeof maps / sizeof maps[0], data, size);
}
