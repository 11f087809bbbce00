/* Map files under random bytes: a map is loaded or refused with a reason, and one that is loaded
 * can read a few lines. Input: the map, a NUL, the lines. */
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t yaml_size = end ? (size_t)(end - data) : size;
    struct bb_span lines = BB_SPAN("meter,channel,time,value\nA,1.8.0,2026-03-01T00:00:00Z,1\n");
    struct bb_error error = {0};
    struct bb_map *map = NULL;

    if (end)
        lines = (struct bb_span){(const char *)end + 1, size - yaml_size - 1};
    int status = bb_map_parse((struct bb_span){(const char *)data, yaml_size}, "m", &map, &error);
    BB_ASSERT(status == 0 || (error.code != BB_OK && error.text[0] != '\0'));
    if (status != 0)
        return 0;
    (void)fuzz_decode(bb_map_format(map), map, lines, SIZE_MAX);
    bb_map_free(map);
    return 0;
}
