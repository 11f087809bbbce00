/* A fuzz target that must crash.
 *
 * It reads one byte past a heap buffer once the input begins with the word below. A harness that
 * finds this within seconds has coverage feedback (the word is found byte by byte, never by luck)
 * and AddressSanitizer (nothing else notices the read). tools/run-tests takes the crash as the pass
 * and a quiet run as the failure: a harness that cannot find the planted bug says nothing about the
 * other targets.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;

    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);

    /* One branch per byte: each is an edge for the fuzzer to discover. */
    if (copy[0] == 'b')
        if (copy[1] == 'u')
            if (copy[2] == 's')
                if (copy[3] == '!') {
                    volatile uint8_t past = copy[size];
                    (void)past;
                }
    free(copy);
    return 0;
}
