/* The sinks that the configuration names: see engines.h. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/sinks.h"
#include "service/engines_internal.h"
#include "service/kafka_setting.h"

/* Who delivers tries again by itself (service/deliver.h), and meanwhile does other things. */
static const struct bb_sink_patience patience = {.total_ms = 5000};

static const char *unless_empty(const char *text) {
    return text[0] ? text : NULL;
}

static int open_webhook(const struct bb_engine_following *f, struct bb_sink **out,
                        struct bb_error *error) {
    const struct bb_config *c = f->config;
    const struct bb_sink_webhook_options options = {
        .url = c->sink_webhook_url,
        .secret_file = unless_empty(c->sink_webhook_secret_file),
        .ca_file = unless_empty(c->sink_webhook_ca_file),
        .insecure = c->sink_webhook_insecure,
        .timeout_ms = (uint32_t)c->sink_webhook_timeout_ms,
        .batch_values = (uint32_t)c->sink_webhook_batch,
        .choice = f->choice,
        .patience = patience,
    };

    return bb_sink_webhook_open(&options, &f->bookmark, "webhook", out, error);
}

static int open_kafka(const struct bb_engine_following *f, struct bb_sink **out,
                      struct bb_error *error) {
    static const char *const formats[] = {[BB_SINK_KAFKA_JSON] = "json",
                                          [BB_SINK_KAFKA_AVRO] = "avro",
                                          [BB_SINK_KAFKA_AVRO_CONFLUENT] = "avro-confluent"};
    const struct bb_config *c = f->config;
    struct bb_kafka_setting setting;
    enum bb_sink_kafka_format format = BB_SINK_KAFKA_JSON;

    while (format <= BB_SINK_KAFKA_AVRO_CONFLUENT &&
           strcmp(formats[format], c->sink_kafka_format) != 0)
        format++;
    if (format > BB_SINK_KAFKA_AVRO_CONFLUENT)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "sinks.kafka.format: '%.40s' is none of json, avro, avro-confluent",
                       c->sink_kafka_format);
    int result = bb_kafka_setting_read(&setting, "sinks.kafka", &c->sink_kafka, error);
    if (!result) {
        const struct bb_sink_kafka_options options = {
            .cluster = setting.cluster,
            .prefix = c->sink_kafka_prefix,
            .feed_partitions = f->partitions,
            .partitions = (uint32_t)c->sink_kafka_partitions,
            .replication = (int)c->sink_kafka_replication,
            .format = format,
            .schema_id = (uint32_t)c->sink_kafka_schema_id,
            .letters = c->sink_kafka_dead_letters != 0,
            .choice = f->choice,
            .patience = patience,
        };
        result = bb_sink_kafka_open(&options, "kafka", out, error);
    }
    bb_kafka_setting_release(&setting);
    return result;
}

static int open_redshift(const struct bb_engine_following *f, struct bb_sink **out,
                         struct bb_error *error) {
    const struct bb_config *c = f->config;
    const bool is_postgres = strcmp(c->sink_redshift_dialect, "postgres") == 0;
    const struct bb_sink_redshift_options options = {
        .conninfo = c->sink_redshift_connection,
        .schema = c->sink_redshift_schema,
        .is_postgres = is_postgres,
        .s3_bucket = unless_empty(c->sink_redshift_bucket),
        .s3_prefix = unless_empty(c->sink_redshift_prefix),
        .s3_endpoint = unless_empty(c->sink_redshift_endpoint),
        .iam_role = unless_empty(c->sink_redshift_role),
        .aws = {.region = unless_empty(c->sink_redshift_region)},
        .choice = f->choice,
        .patience = patience,
    };

    if (!is_postgres && strcmp(c->sink_redshift_dialect, "redshift") != 0)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "sinks.redshift.dialect: '%.40s' is neither redshift nor postgres",
                       c->sink_redshift_dialect);
    return bb_sink_redshift_open(&options, "redshift", out, error);
}

static int open_dynamodb(const struct bb_engine_following *f, struct bb_sink **out,
                         struct bb_error *error) {
    const struct bb_config *c = f->config;
    const struct bb_sink_dynamodb_options options = {
        .table = c->sink_dynamodb_table,
        .endpoint = unless_empty(c->sink_dynamodb_endpoint),
        .parallel = (uint32_t)c->sink_dynamodb_parallel,
        .expire_after_s = c->sink_dynamodb_expire_ms / BB_SECOND_MS,
        .aws = {.region = unless_empty(c->sink_dynamodb_region)},
        .choice = f->choice,
        .patience = patience,
    };

    return bb_sink_dynamodb_open(&options, "dynamodb", out, error);
}

/* A sink is there when the key that says where it is has a value. */
static const struct {
    size_t where; /* in struct bb_config */
    int (*open)(const struct bb_engine_following *f, struct bb_sink **out, struct bb_error *error);
} sinks[] = {
    {offsetof(struct bb_config, sink_webhook_url), open_webhook},
    {offsetof(struct bb_config, sink_kafka.brokers), open_kafka},
    {offsetof(struct bb_config, sink_redshift_connection), open_redshift},
    {offsetof(struct bb_config, sink_dynamodb_table), open_dynamodb},
};
enum { SINKS = sizeof sinks / sizeof sinks[0] };

static bool is_there(const struct bb_config *config, size_t i) {
    return ((const char *)config + sinks[i].where)[0] != '\0';
}

int bb_engine_changes_lanes(const struct bb_config *config, uint32_t *lanes,
                            struct bb_error *error) {
    char words[BB_CONFIG_PATH_MAX], *rest = words, *word;
    bool any = false;

    *lanes = 0;
    for (size_t i = 0; i < SINKS; i++)
        any |= is_there(config, i);
    snprintf(words, sizeof words, "%s", config->changes_told);
    while (any && (word = strtok_r(rest, " ,\t", &rest))) {
        int lane = bb_lane_find(bb_span_of(word));
        if (lane != BB_LANE_RAW && lane != BB_LANE_VEE && lane != BB_LANE_DAY)
            return BB_FAIL(error, BB_E_CONFIG_INVALID,
                           "changes.lanes: '%.40s' is none of raw, vee, day", word);
        *lanes |= 1u << lane;
    }
    if (any && *lanes == 0)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "changes.lanes is empty, but a sink is to follow the changes");
    return 0;
}

static int get_bookmark(void *context, const char *label, uint32_t partition, uint64_t *sequence,
                        struct bb_error *error) {
    struct bb_registry *registry = context;

    return registry->ops->bookmark_get(registry, bb_span_of(label), partition, sequence, error);
}

static int move_bookmark(void *context, const char *label, uint32_t partition, uint64_t from,
                         uint64_t to, struct bb_error *error) {
    struct bb_registry *registry = context;

    return registry->ops->bookmark_move(registry, bb_span_of(label), partition, from, to, error);
}

int bb_engine_sinks_open(const struct bb_config *config, struct bb_registry *registry,
                         uint32_t partitions, struct bb_sink ***out, size_t *count,
                         struct bb_error *error) {
    const struct bb_engine_following following = {
        .config = config,
        .partitions = partitions,
        .bookmark = {get_bookmark, move_bookmark, registry},
        .choice = {.lanes = config->changes_lanes},
    };
    struct bb_sink **opened = calloc(SINKS, sizeof opened[0]);
    int result = opened ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for sinks");

    *out = opened;
    *count = 0;
    for (size_t i = 0; !result && i < SINKS; i++) {
        if (!is_there(config, i))
            continue;
        result = sinks[i].open(&following, &opened[*count], error);
        *count += !result;
    }
    return result;
}
