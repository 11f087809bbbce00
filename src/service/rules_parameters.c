/* Parameters of rules: see rules_parameters.h. */
#include "service/rules_parameters.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "model/master.h"

enum { ALLOWED_MAX = 400 };

/* ---- one value ------------------------------------------------------------------------------- */

static bool fits_number(json_t *about, json_t *value) {
    json_t *least = json_object_get(about, "min"), *most = json_object_get(about, "max");
    double number = json_number_value(value);

    return json_is_number(value) && isfinite(number) &&
           (!json_is_number(least) || number >= json_number_value(least)) &&
           (!json_is_number(most) || number <= json_number_value(most));
}

static void allow_number(json_t *about, char out[ALLOWED_MAX]) {
    json_t *least = json_object_get(about, "min"), *most = json_object_get(about, "max");
    int size = snprintf(out, ALLOWED_MAX, "a number");

    if (json_is_number(least))
        size += snprintf(out + size, ALLOWED_MAX - (size_t)size, " from %g",
                         json_number_value(least));
    if (json_is_number(most))
        snprintf(out + size, ALLOWED_MAX - (size_t)size, " to %g", json_number_value(most));
}

static void put_number(struct bb_json *json, json_t *value) {
    bb_json_double(json, json_number_value(value)); /* 8 and 8.0 are one */
}

static bool fits_flag(json_t *about, json_t *value) {
    (void)about;
    return json_is_boolean(value);
}

static void allow_flag(json_t *about, char out[ALLOWED_MAX]) {
    (void)about;
    snprintf(out, ALLOWED_MAX, "true or false");
}

static void put_flag(struct bb_json *json, json_t *value) {
    bb_json_bool(json, json_is_true(value));
}

static json_int_t longest_of(json_t *about) {
    json_t *longest = json_object_get(about, "longest");

    return json_is_integer(longest) ? json_integer_value(longest) : 200;
}

/* Characters, not bytes: what is no first byte of one is not counted. */
static bool fits_text(json_t *about, json_t *value) {
    const char *text = json_string_value(value);
    json_int_t characters = 0;

    for (size_t i = 0; i < json_string_length(value); i++)
        characters += ((uint8_t)text[i] & 0xc0) != 0x80;
    return text && characters <= longest_of(about);
}

static void allow_text(json_t *about, char out[ALLOWED_MAX]) {
    snprintf(out, ALLOWED_MAX, "a text of at most %lld characters", (long long)longest_of(about));
}

static void put_text(struct bb_json *json, json_t *value) {
    bb_json_text(json, (struct bb_span){json_string_value(value), json_string_length(value)});
}

static bool fits_choice(json_t *about, json_t *value) {
    json_t *choice;
    size_t i;

    json_array_foreach(json_object_get(about, "choices"), i, choice) {
        if (json_is_string(value) && json_equal(choice, value))
            return true;
    }
    return false;
}

static void allow_choice(json_t *about, char out[ALLOWED_MAX]) {
    json_t *choice;
    size_t i, size = 0;

    out[0] = '\0';
    json_array_foreach(json_object_get(about, "choices"), i, choice) {
        const char *text = json_string_value(choice);
        if (text && size + strlen(text) + 4 < ALLOWED_MAX)
            size += (size_t)snprintf(out + size, ALLOWED_MAX - size, "%s%s", i ? ", " : "", text);
    }
}

static const struct kind {
    const char *name;
    bool (*fits)(json_t *about, json_t *value);
    void (*allow)(json_t *about, char out[ALLOWED_MAX]);
    void (*put)(struct bb_json *json, json_t *value);
} kinds[] = {{"number", fits_number, allow_number, put_number},
             {"flag", fits_flag, allow_flag, put_flag},
             {"text", fits_text, allow_text, put_text},
             {"choice", fits_choice, allow_choice, put_text}};

static const struct kind *kind_of(json_t *about) {
    const char *name = json_string_value(json_object_get(about, "kind"));

    for (size_t i = 0; name && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_names(json_t *described, char out[ALLOWED_MAX]) {
    const char *name;
    json_t *about;
    size_t size = 0;

    snprintf(out, ALLOWED_MAX, "it takes none");
    json_object_foreach(described, name, about) {
        if (size + strlen(name) + 20 < ALLOWED_MAX)
            size += (size_t)snprintf(out + size, ALLOWED_MAX - size, "%s%s",
                                     size ? ", " : "it takes ", name);
    }
}

static int put_one(json_t *described, const char *name, json_t *value, struct bb_json *json,
                   struct bb_error *error) {
    json_t *about = json_object_get(described, name);
    const struct kind *kind = kind_of(about);
    char allowed[ALLOWED_MAX];

    if (!about) {
        put_names(described, allowed);
        return BB_FAIL(error, BB_E_RULE_PARAMETERS, "the rule has no parameter %.64s: %s", name,
                       allowed);
    }
    if (!kind)
        return BB_FAIL(error, BB_E_RULE_PARAMETERS,
                       "parameter %.64s is of a kind that this busbar does not know", name);
    if (!kind->fits(about, value)) {
        kind->allow(about, allowed);
        return BB_FAIL(error, BB_E_RULE_PARAMETERS, "parameter %.64s does not fit: allowed is %s",
                       name, allowed);
    }
    bb_json_key(json, name);
    kind->put(json, value);
    return 0;
}

static int put_all(json_t *described, json_t *given, struct bb_buffer *out,
                   struct bb_error *error) {
    const char **names = calloc(json_object_size(given) + 1, sizeof *names);
    const char *name;
    struct bb_json json;
    json_t *value;
    size_t count = 0;
    int result = 0;

    if (!names)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for parameters");
    json_object_foreach(given, name, value) names[count++] = name;
    qsort(names, count, sizeof *names, by_name);
    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    for (size_t i = 0; !result && i < count; i++)
        result = put_one(described, names[i], json_object_get(given, names[i]), &json, error);
    bb_json_object_end(&json);
    free(names);
    return result;
}

int bb_rules_parameters(struct bb_span described, struct bb_span given, struct bb_arena *arena,
                        struct bb_span *out, struct bb_error *error) {
    json_t *about = described.size ? json_loadb(described.data, described.size, 0, NULL) : NULL;
    json_t *values = given.size ? json_loadb(given.data, given.size, JSON_REJECT_DUPLICATES, NULL)
                                : json_object();
    struct bb_buffer text;

    bb_buffer_init(&text, BB_MASTER_PARAMETERS_MAX);
    int result = json_is_object(values)
                     ? put_all(about, values, &text, error)
                     : BB_FAIL(error, BB_E_RULE_PARAMETERS,
                               "parameters are a JSON object such as {\"k\": 8}");
    if (!result && text.overflow)
        result = BB_FAIL(error, BB_E_RULE_PARAMETERS, "the parameters have more than %d bytes",
                         BB_MASTER_PARAMETERS_MAX);
    if (!result) {
        *out = bb_arena_copy(arena, bb_buffer_span(&text));
        if (!out->data)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for parameters");
    }
    bb_buffer_release(&text);
    json_decref(about);
    json_decref(values);
    return result;
}
