/* Time zones: TZif files (RFC 8536) as a table of offsets: see calendar.h.
 *
 * A loaded zone is one sorted table. The changes that a file lists are followed by those that its
 * footer rule makes, written out for a little more than 400 years; the Gregorian calendar repeats
 * itself after 400 years to the weekday, so that every later time is looked up a whole number of
 * cycles earlier:
 *
 *     offset  [0]    [1]         [2]                    [n]
 *     at_ms       0 |        1  |         ...       n-1 |      one entry per change of offset
 *                       file ---> <--- rule ------------------------>
 *                                        | periodic_from_ms          | + 400 years
 *
 * A zone never changes once it is made: any thread may read it.
 */
#include "model/calendar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/varint.h"
#include "model/digits_internal.h"
#include "model/zone_rule_internal.h"

#define CYCLE_MS          (146097LL * BB_DAY_MS) /* 400 years */
#define FILE_TIME_LIMIT_S (1LL << 43) /* 280,000 years: no change lies beyond, either way */

enum { FILE_LIMIT_BYTES = 1 << 20, RULE_YEARS = 405, HEADER_BYTES = 44, ZONES_MAX = 4096 };

struct bb_zone {
    char name[BB_ZONE_NAME_MAX];
    size_t count;      /* changes of offset */
    int64_t *at_ms;    /* count, ascending */
    int32_t *offset_s; /* count + 1: [i] is in force until at_ms[i] */
    int64_t
        periodic_from_ms; /* from here on all repeats every CYCLE_MS; INT64_MAX: the last lasts */
};

static int32_t utc_offset[1] = {0};
static const struct bb_zone utc_zone = {
    .name = "UTC", .offset_s = utc_offset, .periodic_from_ms = INT64_MAX};

const struct bb_zone *bb_zone_utc(void) {
    return &utc_zone;
}

const char *bb_zone_name(const struct bb_zone *zone) {
    return zone->name;
}

void bb_zone_free(struct bb_zone *zone) {
    if (!zone)
        return;
    free(zone->at_ms);
    free(zone->offset_s);
    free(zone);
}

/* ---- questions ----------------------------------------------------------------------------------*/

static int64_t add_saturating(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* Far from the ends of int64, so that offsets and days can be added without a thought. Civil times
 * are held closer, so that every moment they can mean, and the next change, is still told apart. */
static const int64_t utc_limit = INT64_MAX / 2, civil_limit = INT64_MAX / 4;

static int64_t within(int64_t limit, int64_t ms) {
    return ms > limit ? limit : ms < -limit ? -limit : ms;
}

static size_t changes_until(const struct bb_zone *zone, int64_t ms) {
    const int64_t *at = zone->at_ms;
    size_t left = zone->count;

    while (left > 0) { /* everything before `at` is <= ms, everything from at + left on is later */
        size_t half = left / 2;
        bool earlier = at[half] <= ms;
        at = earlier ? at + half + 1 : at;
        left = earlier ? left - half - 1 : half;
    }
    return zone->count ? (size_t)(at - zone->at_ms) : 0;
}

struct bb_zone_stretch bb_zone_stretch_at(const struct bb_zone *zone, int64_t utc_ms) {
    struct bb_zone_stretch stretch = {INT64_MIN, INT64_MAX, 0};
    int64_t ms = within(utc_limit, utc_ms), cycles_ms = 0;
    size_t i;

    if (zone->periodic_from_ms != INT64_MAX && ms >= zone->periodic_from_ms + CYCLE_MS) {
        cycles_ms = (ms - zone->periodic_from_ms) / CYCLE_MS * CYCLE_MS;
        ms -= cycles_ms;
    }
    i = changes_until(zone, ms);
    stretch.offset_s = zone->offset_s[i];
    if (i > 0)
        stretch.from_ms = zone->at_ms[i - 1] + cycles_ms;
    if (i < zone->count)
        stretch.until_ms = add_saturating(zone->at_ms[i], cycles_ms);
    return stretch;
}

int32_t bb_zone_offset_s(const struct bb_zone *zone, int64_t utc_ms) {
    return bb_zone_stretch_at(zone, utc_ms).offset_s;
}

static int64_t offset_ms(struct bb_zone_stretch stretch) {
    return (int64_t)stretch.offset_s * BB_SECOND_MS;
}

static const int64_t reach_ms = (int64_t)BB_ZONE_OFFSET_MAX_S * BB_SECOND_MS;

int64_t bb_zone_first_at(const struct bb_zone *zone, int64_t civil_ms) {
    civil_ms = within(civil_limit, civil_ms);

    struct bb_zone_stretch stretch = bb_zone_stretch_at(zone, civil_ms - reach_ms);
    for (;;) {
        int64_t t = civil_ms - offset_ms(stretch);
        if (t < stretch.from_ms)
            t = stretch.from_ms; /* the change that began this stretch skipped it */
        if (t < stretch.until_ms)
            return t;
        stretch = bb_zone_stretch_at(zone, stretch.until_ms);
    }
}

enum bb_zone_local bb_zone_to_utc(const struct bb_zone *zone, int64_t civil_ms, int64_t *first,
                                  int64_t *second) {
    int found = 0;

    civil_ms = within(civil_limit, civil_ms);

    /* far from any change there is one answer */
    struct bb_zone_stretch stretch = bb_zone_stretch_at(zone, civil_ms);
    if (add_saturating(stretch.from_ms, 2 * reach_ms) <= civil_ms &&
        add_saturating(stretch.until_ms, -2 * reach_ms) > civil_ms) {
        *first = *second = civil_ms - offset_ms(stretch);
        return BB_LOCAL_UNIQUE;
    }
    for (stretch = bb_zone_stretch_at(zone, civil_ms - reach_ms);;
         stretch = bb_zone_stretch_at(zone, stretch.until_ms)) {
        int64_t t = civil_ms - offset_ms(stretch);
        if (t >= stretch.from_ms && t < stretch.until_ms) {
            *second = t;
            if (found++ == 0)
                *first = t;
        }
        if (stretch.until_ms > civil_ms + reach_ms)
            break;
    }
    if (found > 0)
        return found == 1 ? BB_LOCAL_UNIQUE : BB_LOCAL_AMBIGUOUS;
    stretch = bb_zone_stretch_at(zone, bb_zone_first_at(zone, civil_ms) - 1);
    *first = *second = civil_ms - offset_ms(stretch);
    return BB_LOCAL_SKIPPED;
}

/* ---- making the table ---------------------------------------------------------------------------*/

/* A change that makes no difference leaves no entry; of two at one moment the later told counts. */
static void append_change(struct bb_zone *zone, int64_t at_ms, int32_t offset_s) {
    if (zone->count > 0 && zone->at_ms[zone->count - 1] == at_ms)
        zone->count--;
    if (zone->offset_s[zone->count] == offset_s)
        return;
    zone->at_ms[zone->count++] = at_ms;
    zone->offset_s[zone->count] = offset_s;
}

static struct bb_zone *make_zone(struct bb_span name, size_t changes_max) {
    struct bb_zone *zone = calloc(1, sizeof *zone);

    BB_ASSERT(name.size < BB_ZONE_NAME_MAX);
    if (!zone)
        return NULL;
    zone->at_ms = calloc(changes_max + 1, sizeof *zone->at_ms);
    zone->offset_s = calloc(changes_max + 1, sizeof *zone->offset_s);
    if (!zone->at_ms || !zone->offset_s) {
        bb_zone_free(zone);
        return NULL;
    }
    memcpy(zone->name, name.data, name.size);
    zone->periodic_from_ms = INT64_MAX;
    return zone;
}

/* Write the rule out behind what the file lists. */
static void append_rule(struct bb_zone *zone, const struct bb_zone_rule *rule) {
    bool bare = zone->count == 0; /* then the rule holds for all time */
    int64_t listed_until_ms = bare ? INT64_MIN : zone->at_ms[zone->count - 1];
    struct bb_civil civil = {.year = 1900};

    if (!rule->has_daylight || rule->daylight_s == rule->standard_s) {
        zone->offset_s[zone->count] = rule->standard_s;
        return;
    }
    if (bare)
        zone->offset_s[0] = rule->standard_s;
    else
        bb_civil_from_ms(listed_until_ms, &civil);
    for (int year = civil.year; year < civil.year + RULE_YEARS; year++) {
        int64_t at_s[2];
        bb_zone_rule_year(rule, year, &at_s[0], &at_s[1]);
        int earlier = at_s[1] < at_s[0];

        for (int i = 0; i < 2; i++) {
            int which = i ^ earlier;
            int64_t at_ms = at_s[which] * BB_SECOND_MS;
            /* rules that overtake themselves are nobody's; they must only not break the order */
            if (at_ms > listed_until_ms &&
                (zone->count == 0 || at_ms >= zone->at_ms[zone->count - 1]))
                append_change(zone, at_ms, which == 0 ? rule->daylight_s : rule->standard_s);
        }
    }
    zone->periodic_from_ms = bb_days_from_civil(civil.year + 2, 1, 1) * BB_DAY_MS;
}

/* ---- the file -----------------------------------------------------------------------------------*/

struct tzif_header {
    uint8_t version;
    uint32_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

struct tzif_body {
    struct bb_span times, indexes, types; /* of time_size, 1 and 6 bytes */
    size_t time_size, time_count, type_count;
};

static uint64_t big_endian(const char *at, size_t size) {
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | (uint8_t)at[i];
    return v;
}

static int64_t big_endian_signed(const char *at, size_t size) {
    uint64_t v = big_endian(at, size);
    return size == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

static bool read_header(struct bb_cursor *c, struct tzif_header *header) {
    struct bb_span raw = bb_cursor_bytes(c, HEADER_BYTES);

    if (c->failed || memcmp(raw.data, "TZif", 4) != 0)
        return false;
    header->version = (uint8_t)raw.data[4];
    header->ut_count = (uint32_t)big_endian(raw.data + 20, 4);
    header->standard_count = (uint32_t)big_endian(raw.data + 24, 4);
    header->leap_count = (uint32_t)big_endian(raw.data + 28, 4);
    header->time_count = (uint32_t)big_endian(raw.data + 32, 4);
    header->type_count = (uint32_t)big_endian(raw.data + 36, 4);
    header->char_count = (uint32_t)big_endian(raw.data + 40, 4);
    return true;
}

static void read_body(struct bb_cursor *c, const struct tzif_header *header, size_t time_size,
                      struct tzif_body *body) {
    body->time_size = time_size;
    body->time_count = header->time_count;
    body->type_count = header->type_count;
    body->times = bb_cursor_bytes(c, header->time_count * time_size);
    body->indexes = bb_cursor_bytes(c, header->time_count);
    body->types = bb_cursor_bytes(c, (size_t)header->type_count * 6);
    (void)bb_cursor_bytes(c, header->char_count);
    (void)bb_cursor_bytes(c, header->leap_count * (time_size + 4));
    (void)bb_cursor_bytes(c, header->standard_count);
    (void)bb_cursor_bytes(c, header->ut_count);
}

/* NULL, or what is wrong with the table. */
static const char *append_body(struct bb_zone *zone, const struct tzif_body *body) {
    int64_t last_s = INT64_MIN;

    for (size_t i = 0; i < body->type_count; i++) {
        int64_t offset_s = big_endian_signed(body->types.data + 6 * i, 4);
        if (offset_s > BB_ZONE_OFFSET_MAX_S || offset_s < -BB_ZONE_OFFSET_MAX_S)
            return "an offset of more than 26 hours";
    }
    zone->offset_s[0] = (int32_t)big_endian_signed(body->types.data, 4);
    for (size_t i = 0; i < body->time_count; i++) {
        int64_t at_s = big_endian_signed(body->times.data + i * body->time_size, body->time_size);
        size_t type = (uint8_t)body->indexes.data[i];

        if (type >= body->type_count)
            return "a change refers to a type of time that is not there";
        if (i > 0 && at_s <= last_s)
            return "its changes are not in order";
        if (at_s > FILE_TIME_LIMIT_S)
            return "a change lies beyond all years";
        last_s = at_s;

        int32_t offset_s = (int32_t)big_endian_signed(body->types.data + 6 * type, 4);
        if (at_s < -FILE_TIME_LIMIT_S) /* some files begin with the big bang */
            zone->offset_s[0] = offset_s;
        else
            append_change(zone, at_s * BB_SECOND_MS, offset_s);
    }
    return NULL;
}

/* The bytes behind the table: a line feed, the rule, a line feed. */
static bool read_footer(struct bb_cursor *c, struct bb_span *rule) {
    struct bb_span rest = bb_cursor_bytes(c, bb_cursor_left(c));
    const char *end;

    if (rest.size < 2 || rest.data[0] != '\n')
        return false;
    end = memchr(rest.data + 1, '\n', rest.size - 1);
    if (!end)
        return false;
    *rule = (struct bb_span){rest.data + 1, (size_t)(end - rest.data - 1)};
    return true;
}

static const char *read_tables(struct bb_span file, struct tzif_body *body,
                               struct bb_zone_rule *rule, bool *has_rule) {
    struct bb_cursor c = bb_cursor_over(file);
    struct tzif_header header;
    struct bb_span footer;

    *has_rule = false;
    if (file.size == 0 || !read_header(&c, &header))
        return "it is no TZif file";
    if (header.version != 0 && header.version < '2')
        return "its version is unknown";
    read_body(&c, &header, 4, body);
    if (header.version != 0) { /* the same again with times of 64 bits */
        if (c.failed || !read_header(&c, &header))
            return "it ends too early";
        read_body(&c, &header, 8, body);
    }
    if (c.failed)
        return "it ends too early";
    if (header.type_count == 0)
        return "it has no types of time";
    if (header.leap_count != 0)
        return "it counts leap seconds, which UTC times of meters do not";
    if (header.version == 0)
        return NULL;
    if (!read_footer(&c, &footer))
        return "its footer is missing";
    *has_rule = footer.size > 0;
    if (*has_rule && !bb_zone_rule_parse(footer, rule))
        return "its footer is no POSIX TZ rule";
    return NULL;
}

int bb_zone_parse(struct bb_span file, struct bb_span name, struct bb_zone **out,
                  struct bb_error *error) {
    struct tzif_body body = {0};
    struct bb_zone_rule rule;
    bool has_rule;
    const char *wrong = read_tables(file, &body, &rule, &has_rule);
    struct bb_zone *zone = NULL;

    *out = NULL;
    if (!wrong) {
        zone = make_zone(name, body.time_count + (has_rule ? 2 * RULE_YEARS : 0));
        if (!zone)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the zone %.*s",
                           BB_SPAN_ARGS(name));
        wrong = append_body(zone, &body);
    }
    if (wrong) {
        bb_zone_free(zone);
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN, "the file of the zone %.*s cannot be used: %s",
                       BB_SPAN_ARGS(name), wrong);
    }
    if (has_rule)
        append_rule(zone, &rule);
    *out = zone;
    return 0;
}

/* ---- loading ------------------------------------------------------------------------------------*/

/* "+10:00", "-0330", "+10" */
static bool parse_fixed(struct bb_span name, int32_t *offset_s) {
    char digits[4] = {'0', '0', '0', '0'};
    size_t count = 0;

    if (name.size < 3 || (name.data[0] != '+' && name.data[0] != '-'))
        return false;
    for (size_t i = 1; i < name.size; i++) {
        if (i == 3 && name.data[i] == ':' && name.size == 6)
            continue;
        if (count == 4 || !bb_is_digit(name.data[i]))
            return false;
        digits[count++] = name.data[i];
    }
    int hours = (digits[0] - '0') * 10 + digits[1] - '0';
    int minutes = (digits[2] - '0') * 10 + digits[3] - '0';
    if (count == 3 || hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * (name.data[0] == '-' ? -60 : 60);
    return true;
}

/* A relative path of letters, digits, '_', '+', '-' and '/', no part of it empty. Without '.' there
 * is no "..", and the tables beside the zones (zone.tab) are no zones. */
static bool is_zone_name(struct bb_span name) {
    char before = '/';

    if (name.size == 0 || name.size >= BB_ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '/' ? before == '/' : !letter && !bb_is_digit(c) && !strchr("_+-", c))
            return false;
        if (c == '\0')
            return false;
        before = c;
    }
    return before != '/';
}

static int read_fd(int fd, const char *path, struct bb_span name, char **data, size_t *size,
                   struct bb_error *error) {
    struct stat status;

    if (fstat(fd, &status) != 0)
        return BB_FAIL_ERRNO(error, BB_E_ZONE_UNKNOWN, errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode))
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN, "the zone %.*s is unknown: %s is no file",
                       BB_SPAN_ARGS(name), path);
    if (status.st_size > FILE_LIMIT_BYTES)
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN, "%s is larger than any zone file (1 MiB)", path);
    *data = malloc((size_t)status.st_size + 1);
    if (!*data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %s", path);
    for (*size = 0; *size < (size_t)status.st_size;) {
        ssize_t got = read(fd, *data + *size, (size_t)status.st_size - *size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return BB_FAIL_ERRNO(error, BB_E_ZONE_UNKNOWN, errno, "cannot read %s", path);
        if (got == 0)
            break;
        *size += (size_t)got;
    }
    return 0;
}

static int load_file(const char *directory, struct bb_span name, struct bb_zone **out,
                     struct bb_error *error) {
    char path[4096], *data = NULL;
    size_t size = 0;
    int fd, result;

    if (snprintf(path, sizeof path, "%s/%.*s", directory, BB_SPAN_ARGS(name)) >= (int)sizeof path)
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN, "the path of the zone folder is too long");
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return BB_FAIL_ERRNO(error, BB_E_ZONE_UNKNOWN, errno, "cannot open %s", path);
        if (access(directory, F_OK) != 0)
            return BB_FAIL(error, BB_E_ZONE_UNKNOWN,
                           "the zone %.*s is unknown: the folder %s is missing; install the "
                           "system's time zones (Debian: apt install tzdata)",
                           BB_SPAN_ARGS(name), directory);
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN, "the zone %.*s is unknown: there is no %s",
                       BB_SPAN_ARGS(name), path);
    }
    result = read_fd(fd, path, name, &data, &size, error);
    if (result == 0)
        result = bb_zone_parse((struct bb_span){data, size}, name, out, error);
    free(data);
    close(fd);
    return result;
}

int bb_zone_load(const char *directory, struct bb_span name, struct bb_zone **out,
                 struct bb_error *error) {
    int32_t offset_s = 0;

    *out = NULL;
    if (parse_fixed(name, &offset_s) || bb_span_equal(name, BB_SPAN("UTC")) ||
        bb_span_equal(name, BB_SPAN("Etc/UTC")) || bb_span_equal(name, BB_SPAN("Z"))) {
        *out = make_zone(name, 0);
        if (!*out)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the zone %.*s",
                           BB_SPAN_ARGS(name));
        (*out)->offset_s[0] = offset_s;
        return 0;
    }
    if (!is_zone_name(name))
        return BB_FAIL(error, BB_E_ZONE_UNKNOWN,
                       "\"%.*s\" is no name of a zone; allowed are names such as "
                       "Europe/Amsterdam, UTC, and fixed offsets such as +10:00",
                       (int)(name.size < 80 ? name.size : 80), name.size ? name.data : "");
    if (!directory)
        directory = getenv("TZDIR");
    if (!directory || !*directory)
        directory = "/usr/share/zoneinfo";
    return load_file(directory, name, out, error);
}

/* ---- a set of zones -----------------------------------------------------------------------------*/

struct bb_zone_set {
    struct bb_zone **zones; /* by name */
    size_t count, capacity;
};

struct bb_zone_set *bb_zone_set_new(void) {
    return calloc(1, sizeof(struct bb_zone_set));
}

void bb_zone_set_free(struct bb_zone_set *set) {
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        bb_zone_free(set->zones[i]);
    free(set->zones);
    free(set);
}

int bb_zone_set_get(struct bb_zone_set *set, struct bb_span name, const struct bb_zone **out,
                    struct bb_error *error) {
    size_t low = 0, high = set->count;
    struct bb_zone *zone;
    int result;

    *out = NULL;
    if (name.size == 0) {
        *out = bb_zone_utc();
        return 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bb_span_compare(bb_span_of(set->zones[middle]->name), name);
        if (order == 0) {
            *out = set->zones[middle];
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 16;
        struct bb_zone **grown = NULL;
        if (capacity <= ZONES_MAX) /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
            grown = reallocarray(set->zones, capacity, sizeof *grown);
        if (!grown)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no room for another time zone (%zu loaded)",
                           set->count);
        set->zones = grown;
        set->capacity = capacity;
    }
    result = bb_zone_load(NULL, name, &zone, error);
    if (result != 0)
        return result;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are moved */
    memmove(set->zones + low + 1, set->zones + low, (set->count - low) * sizeof *set->zones);
    set->zones[low] = zone;
    set->count++;
    *out = zone;
    return 0;
}
