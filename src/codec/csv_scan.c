/* Records of CSV: see csv_internal.h. */
#include "codec/csv_internal.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 64, FIRST_CELLS = 64, ESCAPED_CHUNK = 64 << 10, ESCAPED_LIMIT = 256 << 20 };

int bb_csv_scanner_init(struct bb_csv_scanner *scanner, struct bb_error *error) {
    *scanner = (struct bb_csv_scanner){.line = 1};
    bb_arena_init(&scanner->escaped, ESCAPED_CHUNK, ESCAPED_LIMIT);
    return bb_csv_scanner_reserve(scanner, FIRST_CELLS, error);
}

int bb_csv_scanner_reserve(struct bb_csv_scanner *scanner, uint32_t columns,
                           struct bb_error *error) {
    if (columns > scanner->cell_capacity) {
        struct bb_cell *cells = realloc(scanner->cells, columns * sizeof *cells);
        if (!cells)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u columns", columns);
        scanner->cells = cells;
    }
    scanner->cell_capacity = columns;
    return 0;
}

void bb_csv_scanner_release(struct bb_csv_scanner *scanner) {
    if (!scanner)
        return;
    free(scanner->cells);
    bb_arena_release(&scanner->escaped);
    *scanner = (struct bb_csv_scanner){0};
}

/* One bit per byte of the block: delimiter, line end or quote. */
#ifdef __SSE2__
static inline uint64_t find_marks(const char *block, char delimiter) {
    const __m128i d = _mm_set1_epi8(delimiter), n = _mm_set1_epi8('\n'), q = _mm_set1_epi8('"');
    uint64_t marks = 0;

    for (size_t i = 0; i < BLOCK / 16; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(block + 16 * i));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, d), _mm_cmpeq_epi8(bytes, n)),
                                   _mm_cmpeq_epi8(bytes, q));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * i);
    }
    return marks;
}
#else
static inline uint64_t find_marks(const char *block, char delimiter) {
    uint64_t marks = 0;

    for (size_t i = 0; i < BLOCK; i++)
        marks |= (uint64_t)(block[i] == delimiter || block[i] == '\n' || block[i] == '"') << i;
    return marks;
}
#endif

static void begin_at(struct bb_csv_scanner *scanner, const char *at) {
    scanner->at = at;
    scanner->block = at;
    scanner->marks = at < scanner->end ? find_marks(at, scanner->delimiter) : 0;
}

void bb_csv_scanner_feed(struct bb_csv_scanner *scanner, struct bb_span lines, bool last) {
    scanner->end = lines.data + lines.size;
    scanner->last = last;
    bb_arena_reset(&scanner->escaped);
    begin_at(scanner, lines.data);
}

static bool is_blank_text(const char *begin, const char *end) {
    return bb_span_trim((struct bb_span){begin, (size_t)(end - begin)}).size == 0;
}

static void put_cell(struct bb_csv_scanner *scanner, const char *data, size_t size) {
    if (scanner->cell_count < scanner->cell_capacity)
        scanner->cells[scanner->cell_count] = (struct bb_cell){
            .data = data, .size = (uint32_t)size, .type = BB_CELL_TEXT};
    else if (!is_blank_text(data, data + size))
        scanner->rest_has_text = true;
    scanner->cell_count++;
}

/* ---- the careful way ---- */

static bool is_blank(const struct bb_csv_scanner *scanner, char c) {
    return (c == ' ' || c == '\t') && c != scanner->delimiter;
}

static bool ends_cell(const struct bb_csv_scanner *scanner, char c) {
    if (scanner->delimiter == ' ')
        return c == ' ' || c == '\t' || c == '\n';
    return c == scanner->delimiter || c == '\n';
}

/* The closing quote of a text that begins at `at`; NULL when it is not in the stretch. */
static const char *find_closing_quote(const char *at, const char *end, bool *escapes) {
    *escapes = false;
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        if (at[1] != '"')
            return at;
        *escapes = true;
        at += 2;
    }
    return NULL;
}

/* A copy in which each "" is one quote; NULL when memory is out. */
static const char *unescape(struct bb_arena *arena, struct bb_span text, size_t *size) {
    char *copy = bb_arena_take(arena, text.size + 16), *to = copy; /* scanners load 8 at a time */

    if (!copy)
        return NULL;
    for (size_t i = 0; i < text.size; i++) {
        *to++ = text.data[i];
        i += text.data[i] == '"';
    }
    *size = (size_t)(to - copy);
    return copy;
}

/* `at` stands behind the opening quote; *next is where the cell ends. */
static enum bb_csv_outcome take_quoted(struct bb_csv_scanner *scanner, const char *at,
                                       const char **next, struct bb_error *reason) {
    bool escapes;
    const char *close = find_closing_quote(at, scanner->end, &escapes);

    if (!close && !scanner->last)
        return BB_CSV_PARTIAL;
    if (!close) {
        BB_FAIL(reason, BB_E_SYNTAX, "a quote is opened and never closed");
        return BB_CSV_BAD;
    }
    struct bb_span text = {at, (size_t)(close - at)};
    for (const char *p = at; (p = memchr(p, '\n', (size_t)(close - p))) != NULL; p++)
        scanner->line++;
    if (escapes && !(text.data = unescape(&scanner->escaped, text, &text.size))) {
        BB_FAIL(reason, BB_E_NO_MEMORY, "no memory for quoted texts");
        return BB_CSV_BAD;
    }
    put_cell(scanner, text.data, text.size);
    do
        close++;
    while (is_blank(scanner, *close) || (*close == '\r' && close[1] == '\n'));
    *next = close;
    if (ends_cell(scanner, *close))
        return BB_CSV_RECORD;
    BB_FAIL(reason, BB_E_SYNTAX,
            "text follows a closing quote; a quote inside a quoted text is written twice");
    return BB_CSV_BAD;
}

/* The record at scanner->at; *next is its line end. */
static enum bb_csv_outcome split_carefully(struct bb_csv_scanner *scanner, const char **next,
                                           struct bb_error *reason) {
    const bool by_blanks = scanner->delimiter == ' ';
    const char *at = scanner->at;

    scanner->cell_count = 0;
    for (;; at++) {
        const char *begin = at;
        while (is_blank(scanner, *at) || (by_blanks && *at == ' '))
            at++;
        if (by_blanks && (*at == '\n' || (*at == '\r' && at[1] == '\n'))) {
            *next = *at == '\n' ? at : at + 1;
            return BB_CSV_RECORD;
        }
        if (*at == '"') {
            enum bb_csv_outcome outcome = take_quoted(scanner, at + 1, &at, reason);
            if (outcome != BB_CSV_RECORD)
                return outcome;
        } else {
            begin = by_blanks ? at : begin;
            while (!ends_cell(scanner, *at))
                at++;
            put_cell(scanner, begin, (size_t)(at - begin));
        }
        if (*at == '\n') {
            *next = at;
            return BB_CSV_RECORD;
        }
    }
}

/* A record with quotes. After a bad one the next line is tried: one stray quote may not swallow
 * the file. */
static enum bb_csv_outcome next_careful(struct bb_csv_scanner *scanner, struct bb_error *reason) {
    const char *next = scanner->at;
    enum bb_csv_outcome outcome = split_carefully(scanner, &next, reason);

    if (outcome == BB_CSV_PARTIAL) {
        scanner->line = scanner->record_line;
        begin_at(scanner, scanner->at);
        return outcome;
    }
    if (outcome == BB_CSV_BAD) {
        scanner->line = scanner->record_line;
        next = memchr(scanner->at, '\n', (size_t)(scanner->end - scanner->at));
    }
    scanner->line++;
    begin_at(scanner, next + 1);
    return outcome;
}

/* ---- the quick way ---- */

static bool is_blank_record(const struct bb_csv_scanner *scanner) {
    return scanner->cell_count == 0 ||
           (scanner->cell_count == 1 &&
            is_blank_text(scanner->cells[0].data, scanner->cells[0].data + scanner->cells[0].size));
}

/* False: a quote comes up. */
static inline bool split_quickly(struct bb_csv_scanner *scanner) {
    const char delimiter = scanner->delimiter, *begin = scanner->at, *block = scanner->block;
    const uint32_t capacity = scanner->cell_capacity;
    struct bb_cell *const cells = scanner->cells;
    uint64_t marks = scanner->marks;
    uint32_t count = 0;
    const char *at;

    for (;;) {
        while (marks == 0) {
            block += BLOCK;
            marks = find_marks(block, delimiter);
        }
        at = block + __builtin_ctzll(marks);
        marks &= marks - 1;
        if (*at == '"')
            return false;
        const char *end = at;
        if (*at == '\n' && at > begin && at[-1] == '\r')
            end--;
        if (count < capacity)
            cells[count] = (struct bb_cell){
                .data = begin, .size = (uint32_t)(end - begin), .type = BB_CELL_TEXT};
        else if (!is_blank_text(begin, end))
            scanner->rest_has_text = true;
        count++;
        begin = at + 1;
        if (*at == '\n')
            break;
    }
    scanner->cell_count = count;
    scanner->at = begin;
    scanner->block = block;
    scanner->marks = marks;
    scanner->line++;
    return true;
}

enum bb_csv_outcome bb_csv_next(struct bb_csv_scanner *scanner, struct bb_error *reason) {
    while (scanner->at < scanner->end) {
        scanner->record_line = scanner->line;
        scanner->rest_has_text = false;
        if (scanner->delimiter == ' ' || !split_quickly(scanner)) {
            enum bb_csv_outcome outcome = next_careful(scanner, reason);
            if (outcome != BB_CSV_RECORD)
                return outcome;
        }
        if (!is_blank_record(scanner))
            return BB_CSV_RECORD;
    }
    return BB_CSV_END;
}

char bb_csv_find_delimiter(struct bb_span line) {
    static const char delimiters[] = {',', ';', '\t'};
    size_t counts[sizeof delimiters] = {0}, best = 0;
    bool quoted = false;

    for (size_t i = 0; i < line.size; i++) {
        quoted ^= line.data[i] == '"';
        for (size_t d = 0; d < sizeof delimiters && !quoted; d++)
            counts[d] += line.data[i] == delimiters[d];
    }
    for (size_t d = 1; d < sizeof delimiters; d++)
        if (counts[d] > counts[best])
            best = d;
    return delimiters[best];
}
