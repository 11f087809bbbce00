/* Remote write under random bytes: bodies as they are, and messages that are packed here, so that
 * more than the unpacking is reached. No crash, nothing without a reason, and the same result whatever
 * pieces the bytes come in. The first byte of the input picks the map, the next one the packing. */
#include "fuzz_text.h"
#include "support/remote_body.h"

static const char *const maps[] = {
    NULL,
    "format: remotewrite\nkind: gauge\nusage_point: {column: instance}\n"
    "columns: {channel: phase}\n",
    "format: remotewrite\nchannels: [{column: power, kind: gauge}, {column: '*', kind: register}]\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_buffer input;

    if (size < 2)
        return 0;
    bb_buffer_init(&input, 16 << 20);
    bb_buffer_append_byte(&input, data[0]);
    struct bb_span rest = {(const char *)data + 2, size - 2};
    if (data[1] & 1)
        remote_pack(&input, rest);
    else
        bb_buffer_append_span(&input, rest);
    if (!input.overflow)
        (void)fuzz_text(&bb_format_remotewrite, maps, sizeof maps / sizeof maps[0],
                        (const uint8_t *)input.data, input.size);
    bb_buffer_release(&input);
    return 0;
}
