/* The configuration of a plant: one table drives parsing, validation, defaults and the page that
 * `busbar check --defaults` prints. Every key has a default; an unknown key is an error with its
 * line and the nearest known key.
 */
#ifndef BB_SERVICE_CONFIG_H
#define BB_SERVICE_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"
#include "derive/pipeline.h"
#include "model/block.h"

enum { BB_CONFIG_PATH_MAX = 1024 };

/* How a Kafka cluster is reached. Texts, as adapter/kafka_client.h wants them once kafka_setting.h has read them. */
struct bb_config_kafka {
    char brokers[BB_CONFIG_PATH_MAX];
    char properties[BB_CONFIG_PATH_MAX];
    char secrets[BB_CONFIG_PATH_MAX]; /* a file */
    char token_file[BB_CONFIG_PATH_MAX], token_command[BB_CONFIG_PATH_MAX];
    char token_principal[BB_CONFIG_PATH_MAX];
};

struct bb_config {
    int64_t log_partitions;
    int64_t log_segment_bytes;
    struct bb_config_kafka log_kafka; /* no brokers: embedded segments */
    char log_kafka_prefix[BB_CONFIG_PATH_MAX];
    int64_t log_kafka_replication, log_kafka_min_insync, log_kafka_buffer_bytes;
    int64_t log_kafka_patience_ms, log_kafka_session_ms;
    /* foreign topics; no brokers: none */
    struct bb_config_kafka source_kafka;
    char source_kafka_topics[BB_CONFIG_PATH_MAX];
    char source_kafka_group[BB_CONFIG_PATH_MAX], source_kafka_from[BB_CONFIG_PATH_MAX];
    char source_kafka_format[BB_CONFIG_PATH_MAX], source_kafka_map[BB_CONFIG_PATH_MAX];
    char source_kafka_tenant[BB_CONFIG_PATH_MAX], source_kafka_tenant_header[BB_CONFIG_PATH_MAX];
    char source_kafka_tenants[BB_CONFIG_PATH_MAX];
    int64_t source_kafka_batch, source_kafka_freshness_ms, source_kafka_session_ms;
    int64_t letters_daily_bytes;              /* dead letters: of a day's records */
    int64_t log_retention_ms, log_size_bytes; /* of all data partitions; 0: not limited */
    int64_t commit_freshness_ms; /* a reading is visible at most this long after it was durable */
    int64_t commit_memory_bytes; /* what the worker may gather before it commits */
    int64_t takeover_ms;
    /* libpq's connection strings; empty: embedded, and the registry where the store is */
    char store_postgres[BB_CONFIG_PATH_MAX], store_schema[BB_CONFIG_PATH_MAX];
    char registry_postgres[BB_CONFIG_PATH_MAX], registry_schema[BB_CONFIG_PATH_MAX];
    char changes_told[BB_CONFIG_PATH_MAX]; /* names of lanes */
    char sink_webhook_url[BB_CONFIG_PATH_MAX], sink_webhook_secret_file[BB_CONFIG_PATH_MAX],
        sink_webhook_ca_file[BB_CONFIG_PATH_MAX];
    int64_t sink_webhook_insecure, sink_webhook_timeout_ms, sink_webhook_batch;
    struct bb_config_kafka sink_kafka;
    char sink_kafka_prefix[BB_CONFIG_PATH_MAX], sink_kafka_format[BB_CONFIG_PATH_MAX];
    int64_t sink_kafka_partitions, sink_kafka_replication, sink_kafka_schema_id,
        sink_kafka_dead_letters;
    char sink_redshift_connection[BB_CONFIG_PATH_MAX], sink_redshift_schema[BB_CONFIG_PATH_MAX],
        sink_redshift_dialect[BB_CONFIG_PATH_MAX], sink_redshift_bucket[BB_CONFIG_PATH_MAX],
        sink_redshift_prefix[BB_CONFIG_PATH_MAX], sink_redshift_endpoint[BB_CONFIG_PATH_MAX],
        sink_redshift_role[BB_CONFIG_PATH_MAX], sink_redshift_region[BB_CONFIG_PATH_MAX];
    char sink_dynamodb_table[BB_CONFIG_PATH_MAX], sink_dynamodb_endpoint[BB_CONFIG_PATH_MAX],
        sink_dynamodb_region[BB_CONFIG_PATH_MAX];
    int64_t sink_dynamodb_parallel, sink_dynamodb_expire_ms;
    uint32_t
        changes_lanes; /* bits of enum bb_lane whose changes are told; set with the sinks, no key of its own */
    int64_t stop_ms;                         /* what a worker may take to end */
    char archive_folder[BB_CONFIG_PATH_MAX]; /* empty: none, or the bucket */
    char archive_s3_bucket[BB_CONFIG_PATH_MAX], archive_s3_prefix[BB_CONFIG_PATH_MAX];
    char archive_s3_region[BB_CONFIG_PATH_MAX], archive_s3_endpoint[BB_CONFIG_PATH_MAX];
    char archive_s3_profile[BB_CONFIG_PATH_MAX];
    int64_t archive_age_ms[BB_LANE_COUNT]; /* 0: never */
    int64_t archive_grace_ms, archive_cache_bytes;
    int64_t tick_grace_ms;                /* a day counts as over so long after its midnight */
    char drop_folder[BB_CONFIG_PATH_MAX]; /* empty: none */
    char drop_map[BB_CONFIG_PATH_MAX];    /* empty: files are read by their own conventions */
    int64_t drop_quiet_ms, drop_held_ms;  /* see service/drop.h */
    char rules_python[BB_CONFIG_PATH_MAX], rules_environment[BB_CONFIG_PATH_MAX];
    char rules_environments[BB_CONFIG_PATH_MAX]; /* service/rules_environment.h */
    char rules_imports[BB_CONFIG_PATH_MAX];
    char rules_cage[BB_CONFIG_PATH_MAX];                          /* "whole", "seccomp" */
    int64_t rules_memory_bytes, rules_deadline_ms, rules_recycle; /* see adapter/rules_python.h */
    int64_t rules_trial_ms;
    int64_t http_body_bytes, http_unpacked_bytes; /* of one post: as sent, and unpacked */
    int64_t http_connections, http_threads, http_handlers;
    int64_t http_head_ms,
        http_idle_ms;        /* a request's head has to come in, a connection may be idle */
    int64_t http_pace_bytes; /* a second: the least pace of a body */
    int64_t http_drain_ms;   /* what has begun is answered for so long at the end */
    int64_t http_backlog_ms; /* posts are refused while a reading waits longer */
    char http_certificate[BB_CONFIG_PATH_MAX], http_key[BB_CONFIG_PATH_MAX]; /* empty: no TLS */
    /* whom people sign in with (service/issuer.h); issuer empty: nobody */
    char http_oidc_issuer[BB_CONFIG_PATH_MAX], http_oidc_audience[BB_CONFIG_PATH_MAX];
    char http_oidc_jwks[BB_CONFIG_PATH_MAX], http_oidc_tenant[BB_CONFIG_PATH_MAX];
    int64_t http_oidc_refresh_ms;
    char http_oidc_claims_tenant[BB_CONFIG_PATH_MAX], http_oidc_claims_roles[BB_CONFIG_PATH_MAX],
        http_oidc_claims_name[BB_CONFIG_PATH_MAX];
    char http_oidc_roles_ing[BB_CONFIG_PATH_MAX], http_oidc_roles_ro[BB_CONFIG_PATH_MAX],
        http_oidc_roles_adm[BB_CONFIG_PATH_MAX]; /* what the issuer calls them */
    /* broker empty: the queue is a file of the plant */
    char tasks_broker[BB_CONFIG_PATH_MAX], tasks_ca[BB_CONFIG_PATH_MAX],
        tasks_prefix[BB_CONFIG_PATH_MAX];
    int64_t tasks_lease_ms, tasks_attempts;
    struct bb_pipeline pipelines[BB_COMMODITY_COUNT]; /* checks and estimators per commodity */
};

void bb_config_defaults(struct bb_config *config);
/* Defaults, then the file's keys over them. */
int bb_config_load(const char *path, struct bb_config *config, struct bb_error *error) BB_MUST_USE;
/* The whole configuration as YAML with a comment per key. */
void bb_config_print(const struct bb_config *config, struct bb_buffer *out);

#endif
