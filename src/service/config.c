/* The table of configuration keys, their defaults and their page: see config.h. */
#include "service/config.h"

#include "base/size_text.h"
#include "model/timestamp.h"
#include "service/config_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD(name) offsetof(struct bb_config, name)
#define MIB(n)      ((int64_t)(n) << 20)
#define GIB(n)      ((int64_t)(n) << 30)
#define SECONDS(n)  ((int64_t)(n)*BB_SECOND_MS)
#define DAYS(n)     ((int64_t)(n)*BB_DAY_MS)

#define KEY(dotted, kind, field, default_value, least, most, what)                                 \
    {                                                                                              \
        .name = dotted, .unit = BB_CONFIG_##kind, .offset = FIELD(field),                          \
        .initial = default_value, .min = least, .max = most, .help = what                          \
    }

#define WORD(dotted, field, default_text, what)                                                    \
    {                                                                                              \
        .name = dotted, .unit = BB_CONFIG_WORD, .offset = FIELD(field),                            \
        .initial_text = default_text, .help = what                                                 \
    }

/* The rest of a struct bb_config_kafka, behind its brokers. */
#define KAFKA_ACCESS(dotted, field)                                                                \
    WORD(dotted ".properties", field.properties, NULL,                                             \
         "further properties of librdkafka, NAME=VALUE by blanks: security.protocol, "             \
         "sasl.mechanisms ..."),                                                                   \
        KEY(dotted ".secrets", PATH, field.secrets, 0, 0, 0,                                       \
            "file with more of them, one a line: sasl.password ..."),                              \
        KEY(dotted ".token.file", PATH, field.token_file, 0, 0, 0,                                 \
            "OAUTHBEARER: the token, and for how many seconds it is good"),                        \
        WORD(dotted ".token.command", field.token_command, NULL,                                   \
             "OAUTHBEARER: a command that prints the same"),                                       \
        WORD(dotted ".token.principal", field.token_principal, NULL, "OAUTHBEARER: who it is")

static const struct bb_config_key plain[] = {
    KEY("log.partitions", COUNT, log_partitions, 8, 1, 1024,
        "streams that are written and derived on their own; fixed when a plant is made"),
    KEY("log.segment", BYTES, log_segment_bytes, MIB(256), MIB(1), GIB(16),
        "size at which a new segment file is begun"),
    KEY("log.retention", DURATION, log_retention_ms, DAYS(30), BB_HOUR_MS, DAYS(36500),
        "how long processed segments are kept"),
    KEY("log.size", BYTES, log_size_bytes, 0, 0, GIB(1 << 20),
        "processed segments beyond this go when they are an hour old; 0: by their age alone"),
    WORD("log.kafka.brokers", log_kafka.brokers, NULL,
         "HOST:PORT,...: the log is in Kafka; empty: in segment files of the data folder"),
    WORD("log.kafka.prefix", log_kafka_prefix, "busbar", "what its topics' names begin with"),
    KEY("log.kafka.replication", COUNT, log_kafka_replication, 0, 0, 32,
        "copies of each partition, when the topics are made; 0: the brokers' own"),
    KEY("log.kafka.min_insync", COUNT, log_kafka_min_insync, 0, 0, 32,
        "copies that must have a record before it counts as durable; 0: the brokers' own"),
    KEY("log.kafka.buffer", BYTES, log_kafka_buffer_bytes, MIB(64), MIB(32), GIB(16),
        "appended and not yet acknowledged"),
    KEY("log.kafka.patience", DURATION, log_kafka_patience_ms, 5 * (int64_t)BB_MINUTE_MS,
        BB_SECOND_MS, DAYS(1), "how long the brokers may be away before a sync gives up"),
    KEY("log.kafka.session", DURATION, log_kafka_session_ms, SECONDS(15), SECONDS(1), BB_HOUR_MS,
        "a worker that is not heard of for so long is taken for dead, and its partitions go to others"),
    KAFKA_ACCESS("log.kafka", log_kafka),
    WORD("sources.kafka.brokers", source_kafka.brokers, NULL,
         "HOST:PORT,...: topics that others write are read from there; empty: none"),
    WORD("sources.kafka.topics", source_kafka_topics, NULL, "their names, by commas"),
    WORD("sources.kafka.group", source_kafka_group, "busbar", "the consumer group"),
    WORD("sources.kafka.from", source_kafka_from, "earliest",
         "where a topic is begun of which nothing was taken yet: earliest or latest"),
    WORD("sources.kafka.format", source_kafka_format, NULL,
         "of the messages: csv, ndjson, lineprotocol, avro; empty: as the map says, else ndjson"),
    KEY("sources.kafka.map", PATH, source_kafka_map, 0, 0, 0,
        "how the messages are read (busbar help maps); empty: by their own conventions"),
    WORD("sources.kafka.tenant", source_kafka_tenant, "default", "whose readings they are"),
    WORD("sources.kafka.tenant_header", source_kafka_tenant_header, NULL,
         "the messages' header that says whose they are; without it sources.kafka.tenant"),
    WORD("sources.kafka.tenants", source_kafka_tenants, NULL,
         "whom that header may name, by commas; others become dead letters"),
    KEY("sources.kafka.batch", COUNT, source_kafka_batch, 50000, 1, 1000000,
        "messages that are landed together at most"),
    KEY("sources.kafka.freshness", DURATION, source_kafka_freshness_ms, 200, 1, BB_MINUTE_MS,
        "messages wait for others at most this long"),
    KEY("sources.kafka.session", DURATION, source_kafka_session_ms, SECONDS(45), BB_SECOND_MS,
        30 * (int64_t)BB_MINUTE_MS,
        "a consumer that is silent for so long loses its partitions to the others of its group"),
    KAFKA_ACCESS("sources.kafka", source_kafka),
    KEY("dead_letters.daily", BYTES, letters_daily_bytes, MIB(256), 0, GIB(1024),
        "what dead letters of a day may take of the log; those beyond are counted, not kept"),
    KEY("derive.commit.freshness", DURATION, commit_freshness_ms, BB_SECOND_MS, 1, DAYS(1),
        "a reading can be queried at most this long after it was durable, as long as commits are "
        "cheap enough for that; else up to 16 times as long, for fewer and bigger ones"),
    KEY("derive.commit.memory", BYTES, commit_memory_bytes, MIB(512), MIB(16), GIB(1024),
        "what a worker may gather before it commits"),
    KEY("derive.stop", DURATION, stop_ms, SECONDS(20), 0, BB_HOUR_MS,
        "a worker that shall end commits what it has taken, within this; then it ends without"),
    KEY("derive.tick", DURATION, tick_grace_ms, BB_HOUR_MS, 0, DAYS(30),
        "`serve` says that a day is over so long after its midnight"),
    KEY("archive.folder", PATH, archive_folder, 0, 0, 0,
        "old values go into files here, and are still answered; empty: none do, or into archive.s3"),
    WORD("archive.s3.bucket", archive_s3_bucket, NULL, "old values go into this bucket"),
    WORD("archive.s3.prefix", archive_s3_prefix, NULL, "what names there begin with"),
    WORD("archive.s3.region", archive_s3_region, NULL, "empty: AWS_REGION"),
    WORD(
        "archive.s3.endpoint", archive_s3_endpoint, NULL,
        "http(s)://HOST[:PORT] of another service than AWS; the bucket is then a part of the path"),
    WORD("archive.s3.profile", archive_s3_profile, NULL,
         "in ~/.aws/credentials; empty: AWS_PROFILE, unless the environment has credentials"),
    KEY("archive.age.raw", DURATION, archive_age_ms[BB_LANE_RAW], 0, 0, DAYS(36500),
        "`serve` archives months of what was told, and its history, that are over for so long; 0: never"),
    KEY("archive.age.vee", DURATION, archive_age_ms[BB_LANE_VEE], 0, 0, DAYS(36500),
        "the same of what validation says"),
    KEY("archive.age.rules", DURATION, archive_age_ms[BB_LANE_RULES], 0, 0, DAYS(36500),
        "of what rules say"),
    KEY("archive.age.stat", DURATION, archive_age_ms[BB_LANE_STAT], 0, 0, DAYS(36500),
        "of statistics of days"),
    KEY("archive.age.day", DURATION, archive_age_ms[BB_LANE_DAY], 0, 0, DAYS(36500),
        "of days; they lie together by years"),
    KEY("archive.grace", DURATION, archive_grace_ms, DAYS(1), 0, DAYS(3650),
        "a file that was replaced is kept for so long, for who reads it still"),
    KEY("archive.cache", BYTES, archive_cache_bytes, MIB(64), MIB(1), GIB(64),
        "what a process keeps of archived files in memory"),
    KEY("store.takeover", DURATION, takeover_ms, SECONDS(5), 100, BB_HOUR_MS,
        "a stopped holder of the store's write lock is ended after this"),
    WORD("store.postgres", store_postgres, NULL,
         "libpq's connection string: the store is in PostgreSQL; empty: in the data folder"),
    WORD("store.schema", store_schema, "busbar", "its schema there"),
    WORD("registry.postgres", registry_postgres, NULL,
         "the same for the registry; empty: where the store is"),
    WORD("registry.schema", registry_schema, "busbar_registry",
         "its schema there, another one than the store's"),
    WORD("changes.lanes", changes_told, "vee",
         "lanes whose changes are told to sinks, by blanks: raw, vee, day"),
    WORD("sinks.webhook.url", sink_webhook_url, NULL,
         "changes are posted there (docs/sinks.md); empty: no such sink"),
    KEY("sinks.webhook.insecure", SWITCH, sink_webhook_insecure, 0, 0, 1,
        "its address may begin with http:// anywhere, not on the loopback alone"),
    KEY("sinks.webhook.secret", PATH, sink_webhook_secret_file, 0, 0, 0,
        "file with the secret that signs them, or two, a line each"),
    KEY("sinks.webhook.ca", PATH, sink_webhook_ca_file, 0, 0, 0,
        "PEM file with whom to trust; empty: the system's"),
    KEY("sinks.webhook.timeout", DURATION, sink_webhook_timeout_ms, SECONDS(30), BB_SECOND_MS,
        BB_HOUR_MS, "of a request"),
    KEY("sinks.webhook.batch", COUNT, sink_webhook_batch, 500, 1, 100000,
        "changes in a request, at most"),
    WORD("sinks.kafka.brokers", sink_kafka.brokers, NULL,
         "HOST:PORT,...: changes go to a topic; empty: no such sink"),
    WORD("sinks.kafka.prefix", sink_kafka_prefix, "busbar",
         "of the topics PREFIX.changes, PREFIX.dead-letters"),
    WORD("sinks.kafka.format", sink_kafka_format, "json", "json, avro or avro-confluent"),
    KEY("sinks.kafka.schema_id", COUNT, sink_kafka_schema_id, 0, 0, INT32_MAX,
        "the schema's number in the schema registry, for avro-confluent"),
    KEY("sinks.kafka.partitions", COUNT, sink_kafka_partitions, 0, 0, 10000,
        "of the topic, when it is made; 0: as many as the log has"),
    KEY("sinks.kafka.replication", COUNT, sink_kafka_replication, 0, 0, 32,
        "copies of each, likewise; 0: the brokers' own"),
    KEY("sinks.kafka.dead_letters", SWITCH, sink_kafka_dead_letters, 1, 0, 1,
        "dead letters go there, too"),
    KAFKA_ACCESS("sinks.kafka", sink_kafka),
    WORD("sinks.redshift.connection", sink_redshift_connection, NULL,
         "libpq's connection string of the warehouse; empty: no such sink"),
    WORD("sinks.redshift.schema", sink_redshift_schema, "busbar", "of its tables"),
    WORD("sinks.redshift.dialect", sink_redshift_dialect, "redshift", "redshift, or postgres"),
    WORD("sinks.redshift.bucket", sink_redshift_bucket, NULL,
         "rows are staged through this S3 bucket; empty: by INSERT"),
    WORD("sinks.redshift.prefix", sink_redshift_prefix, NULL, "of their names there"),
    WORD("sinks.redshift.role", sink_redshift_role, NULL,
         "IAM role that the warehouse reads the bucket as"),
    WORD("sinks.redshift.endpoint", sink_redshift_endpoint, NULL,
         "of another service that speaks as S3 does; empty: AWS's"),
    WORD("sinks.redshift.region", sink_redshift_region, NULL, "empty: AWS_REGION"),
    WORD("sinks.dynamodb.table", sink_dynamodb_table, NULL,
         "changed blocks become items of this table; empty: no such sink"),
    WORD("sinks.dynamodb.endpoint", sink_dynamodb_endpoint, NULL,
         "of another service that speaks as DynamoDB does; empty: AWS's"),
    WORD("sinks.dynamodb.region", sink_dynamodb_region, NULL, "empty: AWS_REGION"),
    KEY("sinks.dynamodb.parallel", COUNT, sink_dynamodb_parallel, 16, 1, 256, "requests at a time"),
    KEY("sinks.dynamodb.expire", DURATION, sink_dynamodb_expire_ms, 0, 0, DAYS(36500),
        "an item has expired so long after the end of what it holds; 0: never"),
    KEY("drop.folder", PATH, drop_folder, 0, 0, 0,
        "`serve` takes the files that are put here; empty: none"),
    KEY("drop.map", PATH, drop_map, 0, 0, 0, "map file for all of them; empty: none"),
    KEY("drop.quiet", DURATION, drop_quiet_ms, SECONDS(10), 0, DAYS(1),
        "a dropped file is complete when it has not changed for so long"),
    KEY("drop.held", DURATION, drop_held_ms, BB_HOUR_MS, BB_SECOND_MS, DAYS(30),
        "the same while somebody seems to hold it open for writing"),
    KEY("rules.python", PATH, rules_python, 0, 0, 0,
        "the Python that runs customers' rules; empty: /usr/bin/python3"),
    KEY("rules.environment", PATH, rules_environment, 0, 0, 0,
        "folder of a virtual environment with the packages that rules may import; empty: none"),
    KEY("rules.environments", PATH, rules_environments, 0, 0, 0,
        "folder with virtual environments of tenants that have their own, by the tenants' names; empty: none"),
    KEY("rules.imports", PATH, rules_imports, 0, 0, 0,
        "modules that rules may import besides numpy and the usual ones of Python, by blanks"),
    WORD(
        "rules.cage", rules_cage, "whole",
        "how rules are locked in: whole, by Landlock and seccomp; seccomp: by that alone where the kernel has no Landlock"),
    KEY("rules.memory", BYTES, rules_memory_bytes, MIB(512), MIB(64), GIB(64),
        "what the process of a rules module may have"),
    KEY("rules.deadline", DURATION, rules_deadline_ms, SECONDS(10), 10, BB_HOUR_MS,
        "what takes longer over a batch of windows is ended"),
    KEY("rules.recycle", COUNT, rules_recycle, 10000, 0, 1000000000,
        "batches after which a rule's process is replaced; 0: never"),
    KEY("rules.trial", DURATION, rules_trial_ms, SECONDS(60), 100, BB_HOUR_MS,
        "how long a rule may be tried over HTTP"),
    KEY("http.body", BYTES, http_body_bytes, MIB(256), 1 << 16, GIB(64),
        "the largest body of a post, as it was sent"),
    KEY("http.unpacked", BYTES, http_unpacked_bytes, GIB(4), 1 << 16, GIB(64),
        "the largest body of a post, unpacked"),
    KEY("http.connections", COUNT, http_connections, 16384, 16, 1 << 20,
        "connections at a time; what comes on top waits"),
    KEY("http.threads", COUNT, http_threads, 2, 1, 64, "threads that read and write sockets"),
    KEY("http.handlers", COUNT, http_handlers, 8, 1, 64, "questions that are answered at a time"),
    KEY("http.head", DURATION, http_head_ms, SECONDS(10), BB_SECOND_MS, BB_HOUR_MS,
        "a request's head has to come within this"),
    KEY("http.idle", DURATION, http_idle_ms, SECONDS(75), BB_SECOND_MS, DAYS(1),
        "a connection without a request is closed after this"),
    KEY("http.pace", BYTES, http_pace_bytes, 1 << 10, 1, GIB(1),
        "the least pace of a body, per second, once http.head is over"),
    KEY("http.drain", DURATION, http_drain_ms, SECONDS(30), 0, BB_HOUR_MS,
        "a server that ends answers what has begun, for so long at most"),
    KEY("http.backlog", DURATION, http_backlog_ms, 15 * (int64_t)BB_MINUTE_MS, BB_SECOND_MS,
        DAYS(365), "posts are refused (429) while a reading has waited longer to be derived"),
    KEY("http.tls.certificate", PATH, http_certificate, 0, 0, 0,
        "PEM file with the certificate and its chain; empty: no TLS"),
    KEY("http.tls.key", PATH, http_key, 0, 0, 0, "PEM file with its private key"),
    WORD("http.oidc.issuer", http_oidc_issuer, NULL,
         "whose tokens people may show, as their iss says it; empty: keys alone are taken"),
    WORD("http.oidc.audience", http_oidc_audience, NULL, "this plant, as the tokens' aud says it"),
    WORD("http.oidc.jwks", http_oidc_jwks, NULL,
         "the issuer's public keys: a file, or an address that begins with https://"),
    KEY("http.oidc.refresh", DURATION, http_oidc_refresh_ms, BB_HOUR_MS, SECONDS(5), DAYS(30),
        "they are read again so often, and when a token has an unknown key"),
    WORD("http.oidc.tenant", http_oidc_tenant, NULL,
         "the tenant of tokens that name none; empty: they are refused"),
    WORD("http.oidc.claims.tenant", http_oidc_claims_tenant, "tenant",
         "the claim that names the tenant; a dot goes into an object"),
    WORD("http.oidc.claims.roles", http_oidc_claims_roles, "roles",
         "the claim that lists the roles, such as realm_access.roles"),
    WORD("http.oidc.claims.name", http_oidc_claims_name, "name",
         "the claim with the person's name"),
    WORD("http.oidc.roles.ing", http_oidc_roles_ing, "busbar-ing",
         "the issuer's name of the role ing; {tenant} in it stands for the token's tenant"),
    WORD("http.oidc.roles.ro", http_oidc_roles_ro, "busbar-ro", "of the role ro"),
    WORD("http.oidc.roles.adm", http_oidc_roles_adm, "busbar-adm", "of the role adm"),
    WORD(
        "tasks.broker", tasks_broker, NULL,
        "amqp://USER:PASSWORD@HOST:PORT/VHOST (by TLS: amqps://) of a RabbitMQ that hands tasks out; empty: queue.db in the plant's folder does"),
    WORD("tasks.ca", tasks_ca, NULL,
         "a file of the certificates that it is trusted by (PEM); empty: those of the system"),
    WORD("tasks.prefix", tasks_prefix, "busbar", "what its exchanges and queues are called by"),
    KEY("tasks.lease", DURATION, tasks_lease_ms, SECONDS(30), BB_SECOND_MS, BB_HOUR_MS,
        "a task whose worker was not heard of for so long is handed to another one"),
    KEY("tasks.attempts", COUNT, tasks_attempts, 5, 1, 100,
        "a task that came to no end so often has failed"),
};
enum { PLAIN_KEYS = sizeof plain / sizeof plain[0] };

/* ---- the table ----------------------------------------------------------------------------------*/

static void add_step(struct bb_config_keys *keys, const char *prefix,
                     const struct bb_step_row *step, size_t offset) {
    struct bb_config_key *key = &keys->items[keys->count++];

    BB_ASSERT(keys->count + BB_PARAMETERS_MAX < BB_CONFIG_KEYS_MAX);
    *key = (struct bb_config_key){.unit = BB_CONFIG_STEP,
                                  .offset = offset,
                                  .initial = !step->off,
                                  .min = 0,
                                  .max = 1,
                                  .help = step->what,
                                  .step = step};
    snprintf(key->name, sizeof key->name, "%s.%s", prefix, step->name);
    for (size_t i = 0; step->parameters[i].name; i++) {
        const struct bb_parameter_row *row = &step->parameters[i];
        struct bb_config_key *parameter = &keys->items[keys->count++];
        *parameter = (struct bb_config_key){
            .unit = row->unit == BB_PARAMETER_DURATION ? BB_CONFIG_DURATION : BB_CONFIG_COUNT,
            .offset = offset + offsetof(struct bb_step, parameter) + i * sizeof(int64_t),
            .initial = row->initial,
            .min = row->min,
            .max = row->max,
            .help = row->what,
            .step = step};
        snprintf(parameter->name, sizeof parameter->name, "%s.%s.%s", prefix, step->name,
                 row->name);
    }
}

static void add_pipeline(struct bb_config_keys *keys, int commodity) {
    size_t offset = FIELD(pipelines) + (size_t)commodity * sizeof(struct bb_pipeline);
    char prefix[64];

    snprintf(prefix, sizeof prefix, "pipelines.%s.checks", bb_commodity_name(commodity));
    for (size_t i = 0; i < BB_CHECK_COUNT; i++)
        if (bb_check_steps[i].name)
            add_step(keys, prefix, &bb_check_steps[i],
                     offset + offsetof(struct bb_pipeline, check) + i * sizeof(struct bb_step));
    snprintf(prefix, sizeof prefix, "pipelines.%s.estimate", bb_commodity_name(commodity));
    for (size_t i = 0; i < BB_METHOD_COUNT; i++)
        if (bb_estimate_steps[i].name)
            add_step(keys, prefix, &bb_estimate_steps[i],
                     offset + offsetof(struct bb_pipeline, estimate) + i * sizeof(struct bb_step));
}

int bb_config_keys_make(struct bb_config_keys *keys, struct bb_error *error) {
    keys->count = 0;
    keys->items = calloc(BB_CONFIG_KEYS_MAX, sizeof *keys->items);
    if (!keys->items) {
        (void)BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the table of configuration keys");
        return -(int)BB_E_NO_MEMORY;
    }
    for (size_t i = 0; i < PLAIN_KEYS; i++)
        keys->items[keys->count++] = plain[i];
    for (int commodity = 0; commodity < BB_COMMODITY_COUNT; commodity++)
        add_pipeline(keys, commodity);
    return 0;
}

void bb_config_keys_release(struct bb_config_keys *keys) {
    free(keys->items);
    *keys = (struct bb_config_keys){0};
}

const struct bb_config_key *bb_config_key_find(const struct bb_config_keys *keys,
                                               const char *name) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->items[i].name, name) == 0)
            return &keys->items[i];
    return NULL;
}

void bb_config_defaults(struct bb_config *config) {
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < PLAIN_KEYS; i++)
        if (!bb_config_is_text(&plain[i]))
            *bb_config_field(&plain[i], config) = plain[i].initial;
        else if (plain[i].initial_text)
            snprintf((char *)config + plain[i].offset, BB_CONFIG_PATH_MAX, "%s",
                     plain[i].initial_text);
    for (size_t i = 0; i < BB_COMMODITY_COUNT; i++)
        bb_pipeline_defaults(&config->pipelines[i]);
}

/* ---- values -------------------------------------------------------------------------------------*/

void bb_config_value_format(const struct bb_config_key *key, int64_t value, char *buffer) {
    switch (key->unit) {
    case BB_CONFIG_COUNT: snprintf(buffer, BB_CONFIG_TEXT_MAX, "%" PRId64, value); break;
    case BB_CONFIG_BYTES: bb_size_format(value, buffer); break;
    case BB_CONFIG_DURATION: bb_duration_format(value, buffer); break;
    case BB_CONFIG_SWITCH:
    case BB_CONFIG_STEP: snprintf(buffer, BB_CONFIG_TEXT_MAX, "%s", value ? "on" : "off"); break;
    case BB_CONFIG_PATH:
    case BB_CONFIG_WORD: buffer[0] = '\0'; break; /* has no bounds that could be shown */
    }
}

static bool set_path(const struct bb_config_key *key, struct bb_span text,
                     struct bb_config *config) {
    char *path = (char *)config + key->offset;

    if (text.size >= BB_CONFIG_PATH_MAX)
        return false;
    memcpy(path, text.data, text.size);
    path[text.size] = '\0';
    return true;
}

static bool parse_count(struct bb_span text, int64_t *value) {
    char digits[24], *end;

    if (text.size == 0 || text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    *value = strtoll(digits, &end, 10);
    return *end == '\0';
}

static bool parse_switch(struct bb_span text, int64_t *value) {
    static const char *const words[][2] = {{"off", "on"}, {"false", "true"}, {"no", "yes"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int is_on = 0; is_on < 2; is_on++)
            if (bb_span_equal_nocase(text, bb_span_of(words[i][is_on]))) {
                *value = is_on;
                return true;
            }
    return false;
}

bool bb_config_value_set(const struct bb_config_key *key, struct bb_span text,
                         struct bb_config *config) {
    static bool (*const parsers[])(struct bb_span, int64_t *) = {
        [BB_CONFIG_COUNT] = parse_count,          [BB_CONFIG_BYTES] = bb_size_parse,
        [BB_CONFIG_DURATION] = bb_duration_parse, [BB_CONFIG_SWITCH] = parse_switch,
        [BB_CONFIG_STEP] = parse_switch,
    };
    int64_t value;

    if (bb_config_is_text(key))
        return set_path(key, text, config);
    if (!parsers[key->unit](text, &value) || value < key->min || value > key->max)
        return false;
    if (key->unit == BB_CONFIG_STEP)
        bb_config_step(key, config)->on = value != 0;
    else
        *bb_config_field(key, config) = value;
    return true;
}

/* ---- the page -----------------------------------------------------------------------------------*/

enum { COMMENT_COLUMN = 40 };

/* Bytes of `name` up to and without its last dot-separated word; 0 when it has one word only. */
static size_t parent_size(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

/* Headings of the parents of `name` that the key before did not share. */
static void print_parents(const char *before, const char *name, struct bb_buffer *out) {
    size_t begin = 0, parents = parent_size(name);
    int depth = 0;
    bool shared = true;

    while (begin < parents) {
        size_t size = strcspn(name + begin, ".");
        size_t until = begin + size;
        shared = shared && strncmp(before, name, until) == 0 &&
                 (before[until] == '.' || before[until] == '\0');
        if (!shared && depth == 0 && *before)
            bb_buffer_append_byte(out, '\n');
        if (!shared)
            bb_buffer_format(out, "%*s%.*s:\n", depth * 2, "", (int)size, name + begin);
        begin = until + 1;
        depth++;
    }
}

/* A parameter of a step that is off is a comment: turned on, the step takes its default. */
static void print_key(const struct bb_config_key *key, int64_t value, bool as_comment,
                      struct bb_buffer *out) {
    char text[BB_CONFIG_TEXT_MAX], least[BB_CONFIG_TEXT_MAX], most[BB_CONFIG_TEXT_MAX];
    char line[BB_CONFIG_KEY_MAX * 2 + BB_CONFIG_TEXT_MAX * 2];
    int depth = 0;

    for (const char *at = key->name; *at; at++)
        depth += *at == '.';
    const char *dot = strrchr(key->name, '.');
    bb_config_value_format(key, value, text);
    bool is_step = key->step && key->unit == BB_CONFIG_STEP;
    bool has_parameters = is_step && value && key->step->parameters[0].name;
    snprintf(line, sizeof line, "%*s%s%s:%s%s", depth * 2, "", as_comment ? "# " : "",
             dot ? dot + 1 : key->name, has_parameters ? "" : " ", has_parameters ? "" : text);
    bb_buffer_format(out, "%-*s # %s", COMMENT_COLUMN, line, key->help);
    if (is_step || key->unit == BB_CONFIG_SWITCH) {
        bb_buffer_format(out, "; on or off\n");
        return;
    }
    bb_config_value_format(key, key->min, least);
    bb_config_value_format(key, key->max, most);
    bb_buffer_format(out, "; %s to %s\n", least, most);
}

static void print_path(const struct bb_config_key *key, const struct bb_config *config,
                       struct bb_buffer *out) {
    const char *path = (const char *)config + key->offset;
    const char *name = strrchr(key->name, '.') + 1;
    char line[BB_CONFIG_KEY_MAX + BB_CONFIG_PATH_MAX];
    int depth = 0;

    for (const char *at = key->name; *at; at++)
        depth += *at == '.';
    snprintf(line, sizeof line, "%*s%s: \"%s\"", depth * 2, "", name, path);
    bb_buffer_format(out, "%-*s # %s\n", COMMENT_COLUMN, line, key->help);
}

void bb_config_print(const struct bb_config *config, struct bb_buffer *out) {
    struct bb_config copy = *config;
    struct bb_config_keys keys;
    struct bb_error error;
    const char *before = "";
    bool step_is_on = true;

    if (bb_config_keys_make(&keys, &error) < 0) {
        out->overflow = true;
        return;
    }
    bb_buffer_format(out, "# busbar.yaml: every key; what is left out keeps its default.\n");
    for (size_t i = 0; i < keys.count; i++) {
        const struct bb_config_key *key = &keys.items[i];
        bool is_step = key->unit == BB_CONFIG_STEP;
        if (is_step)
            step_is_on = bb_config_step(key, &copy)->on;
        bool as_comment = key->step && !is_step && !step_is_on;
        if (!as_comment)
            print_parents(before, key->name, out);
        if (bb_config_is_text(key))
            print_path(key, &copy, out);
        else
            print_key(key, is_step ? step_is_on : *bb_config_field(key, &copy), as_comment, out);
        before = as_comment ? before : key->name;
    }
    bb_config_keys_release(&keys);
}
