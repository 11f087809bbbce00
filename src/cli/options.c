/* Options: reading texts into the fields that tables of bb_option name. See cli.h. */
#include "base/nearest.h"
#include "cli/cli.h"
#include "model/calendar.h"
#include "model/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const struct bb_option *bb_option_find(const struct bb_option *table, struct bb_span name) {
    for (; table && table->name; table++)
        if (bb_span_equal(name, bb_span_of(table->name)))
            return table;
    return NULL;
}

bool bb_option_choice(const struct bb_option *option, int index, struct bb_span *name) {
    if (option->kind != BB_OPTION_CHOICE || index < 0)
        return false;
    if (option->choice) {
        *name = bb_span_of(option->choice(index));
        return name->data != NULL;
    }
    const char *at = option->value;
    for (; index > 0 && at; index--)
        at = (at = strchr(at, '|')) ? at + 1 : NULL;
    if (!at)
        return false;
    *name = (struct bb_span){at, strcspn(at, "|")};
    return true;
}

void bb_option_format(const struct bb_option *option, struct bb_buffer *out) {
    struct bb_span name;

    bb_buffer_format(out, "--%s", option->name);
    if (option->value)
        bb_buffer_format(out, " %s", option->value);
    else if (option->kind == BB_OPTION_CHOICE)
        for (int i = 0; bb_option_choice(option, i, &name); i++)
            bb_buffer_format(out, "%c%.*s", i == 0 ? ' ' : '|', BB_SPAN_ARGS(name));
}

/* ---- one reader per kind: false says that the text is none ------------------------------------------*/

static bool set_flag(const struct bb_option *option, const char *text, void *field) {
    (void)option, (void)text;
    *(bool *)field = true;
    return true;
}

static bool set_text(const struct bb_option *option, const char *text, void *field) {
    (void)option;
    *(const char **)field = text;
    return true;
}

static bool set_choice(const struct bb_option *option, const char *text, void *field) {
    struct bb_span name;

    for (int i = 0; bb_option_choice(option, i, &name); i++)
        if (bb_span_equal_nocase(name, bb_span_of(text))) {
            *(int *)field = i;
            return true;
        }
    return false;
}

static bool set_number(const struct bb_option *option, const char *text, void *field) {
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end || number < option->min || number > option->max)
        return false;
    *(int64_t *)field = number;
    return true;
}

static bool set_share(const struct bb_option *option, const char *text, void *field) {
    char *end;
    double number = strtod(text, &end);

    (void)option;
    if (end == text || *end || !(number >= 0 && number <= 1))
        return false;
    *(double *)field = number;
    return true;
}

static bool set_duration(const struct bb_option *option, const char *text, void *field) {
    int64_t ms;

    if (!bb_duration_parse(bb_span_of(text), &ms) || ms < option->min || ms > option->max)
        return false;
    *(int64_t *)field = ms;
    return true;
}

static bool set_zone(const struct bb_option *option, const char *text, void *field) {
    struct bb_zone *zone;
    struct bb_error error;

    if (bb_zone_load(NULL, bb_span_of(text), &zone, &error) < 0)
        return false;
    bb_zone_free(zone);
    return set_text(option, text, field);
}

static void allow_nothing(const struct bb_option *option, struct bb_buffer *out) {
    bb_buffer_format(out, "%s", option->value ? option->value : "");
}

static void allow_choices(const struct bb_option *option, struct bb_buffer *out) {
    struct bb_span name;

    for (int i = 0; bb_option_choice(option, i, &name); i++)
        bb_buffer_format(out, "%s%.*s", i == 0 ? "" : ", ", BB_SPAN_ARGS(name));
}

static void allow_numbers(const struct bb_option *option, struct bb_buffer *out) {
    bb_buffer_format(out, "a whole number from %" PRId64 " to %" PRId64, option->min, option->max);
}

static void allow_shares(const struct bb_option *option, struct bb_buffer *out) {
    (void)option;
    bb_buffer_format(out, "a number from 0 to 1");
}

static void allow_durations(const struct bb_option *option, struct bb_buffer *out) {
    char least[BB_TIME_TEXT_MAX], most[BB_TIME_TEXT_MAX];

    bb_duration_format(option->min, least);
    bb_duration_format(option->max, most);
    bb_buffer_format(out, "a duration such as 15m or 1h, from %s to %s", least, most);
}

static void allow_zones(const struct bb_option *option, struct bb_buffer *out) {
    (void)option;
    bb_buffer_format(out,
                     "UTC, an offset such as +10:00, or an IANA name such as Europe/Amsterdam");
}

static const struct {
    bool (*set)(const struct bb_option *option, const char *text, void *field);
    void (*allow)(const struct bb_option *option, struct bb_buffer *out);
} kinds[] = {
    [BB_OPTION_FLAG] = {set_flag, allow_nothing},
    [BB_OPTION_TEXT] = {set_text, allow_nothing},
    [BB_OPTION_CHOICE] = {set_choice, allow_choices},
    [BB_OPTION_NUMBER] = {set_number, allow_numbers},
    [BB_OPTION_SHARE] = {set_share, allow_shares},
    [BB_OPTION_DURATION] = {set_duration, allow_durations},
    [BB_OPTION_ZONE] = {set_zone, allow_zones},
};

/* ---- the tables -----------------------------------------------------------------------------------*/

static void *field_of(const struct bb_option *option, void *fields) {
    return (char *)fields + option->offset;
}

void bb_options_defaults(const struct bb_option *table, void *fields) {
    for (const struct bb_option *option = table; option && option->name; option++) {
        if (option->kind == BB_OPTION_CHOICE)
            *(int *)field_of(option, fields) = -1;
        if (option->initial)
            BB_ASSERT(kinds[option->kind].set(option, option->initial, field_of(option, fields)));
    }
}

static const char *nearest_choice(const struct bb_option *option, const char *text, char *buffer,
                                  size_t size) {
    struct bb_nearest nearest;
    struct bb_span name;
    char names[32][32];

    bb_nearest_init(&nearest, bb_span_of(text));
    for (int i = 0; i < 32 && bb_option_choice(option, i, &name); i++) {
        snprintf(names[i], sizeof names[i], "%.*s", BB_SPAN_ARGS(name));
        bb_nearest_offer(&nearest, names[i]);
    }
    snprintf(buffer, size, "%s%s%s", nearest.name ? " · did you mean " : "",
             nearest.name ? nearest.name : "", nearest.name ? "?" : "");
    return buffer;
}

int bb_option_set(const struct bb_option *option, const char *text, void *fields,
                  struct bb_error *error) {
    struct bb_buffer allowed;
    char suggestion[64];

    if (kinds[option->kind].set(option, text, field_of(option, fields)))
        return 0;
    bb_buffer_init(&allowed, 4096);
    kinds[option->kind].allow(option, &allowed);
    int r = BB_FAIL(error, BB_E_USAGE, "--%s cannot be \"%s\": allowed is %.*s%s", option->name,
                    text, (int)allowed.size, allowed.data,
                    nearest_choice(option, text, suggestion, sizeof suggestion));
    bb_buffer_release(&allowed);
    return r;
}
