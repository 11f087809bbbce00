/* What the configuration says of a Kafka cluster: see kafka_setting.h. */
#include "service/kafka_setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRETS_MAX_BYTES = 64 << 10 };

/* Names and values lie in `text`, which is cut up. */
static int add(struct bb_kafka_setting *setting, char *word, const char *where,
               struct bb_error *error) {
    char *equal = strchr(word, '=');

    if (!equal || equal == word)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "%s: NAME=VALUE is wanted, not \"%.40s\"", where,
                       equal ? word : "a word without =");
    if (setting->count == BB_KAFKA_PROPERTIES_MAX)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "%s: more than %d properties", where,
                       BB_KAFKA_PROPERTIES_MAX);
    *equal = '\0';
    setting->properties[setting->count++] = (struct bb_kafka_property){word, equal + 1};
    return 0;
}

static int add_all(struct bb_kafka_setting *setting, char *text, const char *ends,
                   const char *where, struct bb_error *error) {
    int result = 0;
    char *rest;

    for (char *word = strtok_r(text, ends, &rest); !result && word;
         word = strtok_r(NULL, ends, &rest)) {
        word += strspn(word, " \t");
        if (*word && *word != '#')
            result = add(setting, word, where, error);
    }
    return result;
}

static int read_secrets(struct bb_kafka_setting *setting, const char *key, const char *path,
                        struct bb_error *error) {
    char where[64];
    FILE *file = fopen(path, "re");

    snprintf(where, sizeof where, "%s.secrets", key);
    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_CONFIG_INVALID, errno, "%s: %s", where, path);
    setting->secrets = calloc(1, SECRETS_MAX_BYTES + 1);
    size_t size = setting->secrets ? fread(setting->secrets, 1, SECRETS_MAX_BYTES, file) : 0;
    bool is_whole = setting->secrets && !ferror(file) && size < SECRETS_MAX_BYTES;
    fclose(file);
    return is_whole
               ? add_all(setting, setting->secrets, "\r\n", where, error)
               : BB_FAIL(error, BB_E_CONFIG_INVALID, "%s cannot be read, or is too large", path);
}

static const char *unless_empty(const char *text) {
    return text[0] ? text : NULL;
}

int bb_kafka_setting_read(struct bb_kafka_setting *setting, const char *key,
                          const struct bb_config_kafka *config, struct bb_error *error) {
    char where[64];

    snprintf(where, sizeof where, "%s.properties", key);
    *setting = (struct bb_kafka_setting){.words = strdup(config->properties)};
    int result = setting->words
                     ? add_all(setting, setting->words, " \t", where, error)
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for Kafka's properties");

    if (!result && config->secrets[0])
        result = read_secrets(setting, key, config->secrets, error);
    if (result) {
        bb_kafka_setting_release(setting);
        return result;
    }
    setting->cluster = (struct bb_kafka_cluster){
        .brokers = config->brokers,
        .properties = setting->properties,
        .property_count = setting->count,
        .token_file = unless_empty(config->token_file),
        .token_command = unless_empty(config->token_command),
        .token_principal = unless_empty(config->token_principal)};
    return 0;
}

void bb_kafka_setting_release(struct bb_kafka_setting *setting) {
    free(setting->words);
    free(setting->secrets);
    *setting = (struct bb_kafka_setting){0};
}
