/* What processes cost on this machine that do nothing but keep rows: the baseline of `run --workers`.
 *
 *   machine PORTIONS ROWS
 *
 * As the derive worker gathers: a portion is ROWS rows of 48 bytes, written as they come, sorted by a channel and read in its order,
 * four times. The memory is one portion's and used again for the next. Ends without a word.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 12500, ROUNDS = 4 };

struct row {
    uint64_t fields[4];
};

struct portion {
    struct row *rows;
    uint64_t *channels, *sorted;
    size_t count;
    size_t starts[CHANNELS + 1];
};

static void fill(struct portion *p) {
    for (size_t i = 0; i < p->count; i++) {
        p->rows[i] = (struct row){{i, 3 * i, 5 * i, 7 * i}};
        p->channels[i] = i % CHANNELS; /* in the order of time: every channel once, then again */
    }
}

static void sort(struct portion *p) {
    memset(p->starts, 0, sizeof p->starts);
    for (size_t i = 0; i < p->count; i++)
        p->starts[p->channels[i] + 1]++;
    for (size_t c = 0; c < CHANNELS; c++)
        p->starts[c + 1] += p->starts[c];
    for (size_t i = 0; i < p->count; i++)
        p->sorted[p->starts[p->channels[i]]++] = i;
}

static uint64_t read_rows(const struct portion *p) {
    uint64_t sum = 0;

    for (size_t i = 0; i < p->count; i++) {
        const struct row *row = &p->rows[p->sorted[i]];
        sum = 31 * sum + (row->fields[0] ^ row->fields[1] ^ row->fields[2] ^ row->fields[3]);
    }
    return sum;
}

int main(int count, char **arguments) {
    static struct portion p;
    uint64_t sum = 0;

    if (count != 3)
        return 2;
    p.count = strtoull(arguments[2], NULL, 10);
    p.rows = malloc(p.count * sizeof *p.rows);
    p.channels = malloc(p.count * sizeof *p.channels);
    p.sorted = malloc(p.count * sizeof *p.sorted);
    if (!p.rows || !p.channels || !p.sorted)
        return 1;
    for (unsigned long portions = strtoul(arguments[1], NULL, 10); portions > 0; portions--) {
        fill(&p);
        sort(&p);
        for (int round = 0; round < ROUNDS; round++)
            sum += read_rows(&p);
    }
    free(p.rows);
    free(p.channels);
    free(p.sorted);
    return sum == 1; /* what is summed is looked at */
}
