/* Clients of librdkafka. See kafka_client_internal.h. */
#include "adapter/kafka_client_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MS = 15000 };

int bb_kafka_answer_ms(const struct bb_kafka_client *client) {
    return client->cluster->answer_ms > 0 ? client->cluster->answer_ms : ANSWER_MS;
}

/* Who is refused is disconnected: of his requests the client only says that they were not answered. */
static bool is_refusal(const char *complaint) {
    return strstr(complaint, "SASL authentication error") ||
           strstr(complaint, "SSL handshake failed");
}

/* Called by the client's threads with lines such as
 *   [thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Connect to ... failed: Connection refused (after 0ms in state CONNECT) */
static void hear_complaint(const rd_kafka_t *rk, int level, const char *facility,
                           const char *text) {
    struct bb_kafka_client *client = rd_kafka_opaque(rk);
    const char *behind = strstr(text, "]: ");

    (void)facility;
    /* How many are down says less than what was heard of one. */
    if (!client || level > 4 || strstr(text, "brokers are down"))
        return;
    pthread_mutex_lock(&client->lock);
    snprintf(client->complaint, sizeof client->complaint, "%s", behind ? behind + 3 : text);
    client->refused = is_refusal(text);
    pthread_mutex_unlock(&client->lock);
}

static int set_all(rd_kafka_conf_t *conf, const struct bb_kafka_property *properties, size_t count,
                   struct bb_error *error) {
    char why[256];

    for (size_t i = 0; i < count; i++)
        if (rd_kafka_conf_set(conf, properties[i].name, properties[i].value, why, sizeof why) !=
            RD_KAFKA_CONF_OK)
            return BB_FAIL(error, BB_E_KAFKA_SETTING, "%s: %s", properties[i].name, why);
    return 0;
}

static int configure(rd_kafka_conf_t *conf, struct bb_kafka_client *client,
                     const struct bb_kafka_how *how, struct bb_error *error) {
    const struct bb_kafka_cluster *cluster = client->cluster;
    const struct bb_kafka_property first[] = {
        {"bootstrap.servers", cluster->brokers ? cluster->brokers : ""},
        {"client.id", "busbar"},
        {"reconnect.backoff.max.ms", "5000"},
        {"socket.keepalive.enable", "true"},
    };
    bool tokens = cluster->token_file || cluster->token_command;

    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, hear_complaint);
    if (tokens) {
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, bb_kafka_token_refresh);
        rd_kafka_conf_enable_sasl_queue(conf, 1);
    }
    if (how->set)
        how->set(conf);
    int result = set_all(conf, first, sizeof first / sizeof first[0], error);
    if (result == 0)
        result = set_all(conf, cluster->properties, cluster->property_count, error);
    return result < 0 ? result : set_all(conf, how->properties, how->property_count, error);
}

int bb_kafka_client_open(struct bb_kafka_client *client, const struct bb_kafka_cluster *cluster,
                         const struct bb_kafka_how *how, struct bb_error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    *client = (struct bb_kafka_client){.cluster = cluster, .context = how->context};
    pthread_mutex_init(&client->lock, NULL);
    int result = configure(conf, client, how, error);
    if (result == 0) {
        client->rk = rd_kafka_new(how->type, conf, why, sizeof why);
        if (!client->rk)
            result = BB_FAIL(error, BB_E_KAFKA_SETTING, "the Kafka client does not start: %s", why);
    }
    if (result < 0) {
        rd_kafka_conf_destroy(conf);
        pthread_mutex_destroy(&client->lock);
        return result;
    }
    if (cluster->token_file || cluster->token_command) {
        rd_kafka_error_t *refused = rd_kafka_sasl_background_callbacks_enable(client->rk);
        if (refused) {
            result = bb_kafka_fail_error(client, refused, BB_E_KAFKA_SETTING, error,
                                         "tokens are not asked for");
            bb_kafka_client_close(client);
        }
    }
    return result;
}

void bb_kafka_client_close(struct bb_kafka_client *client) {
    if (!client->rk)
        return;
    /* A consumer that is in a group left it before, or is meant to be missed: no LeaveGroup here. */
    rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->rk = NULL;
    pthread_mutex_destroy(&client->lock);
}

rd_kafka_topic_t *bb_kafka_topic_open(struct bb_kafka_client *client, const char *name) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client->rk, name, NULL);
    const struct rd_kafka_metadata *metadata;

    if (rd_kafka_metadata(client->rk, 0, topic, &metadata, bb_kafka_answer_ms(client)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    return topic;
}

/* ---- errors */

static const rd_kafka_resp_err_t passing[] = {
    RD_KAFKA_RESP_ERR__TRANSPORT,
    RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
    RD_KAFKA_RESP_ERR__TIMED_OUT,
    RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
    RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
    RD_KAFKA_RESP_ERR__RESOLVE,
    RD_KAFKA_RESP_ERR__WAIT_COORD,
    RD_KAFKA_RESP_ERR__WAIT_CACHE,
    RD_KAFKA_RESP_ERR__ISR_INSUFF,
    RD_KAFKA_RESP_ERR__QUEUE_FULL,
    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
    RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
    RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
    RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
    RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
    RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
    RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, /* a broker that comes back knows of its topics first */
};

static const rd_kafka_resp_err_t refusals[] = {
    RD_KAFKA_RESP_ERR__AUTHENTICATION,
    RD_KAFKA_RESP_ERR__SSL,
    RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
};

static bool is_one_of(rd_kafka_resp_err_t why, const rd_kafka_resp_err_t *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (list[i] == why)
            return true;
    return false;
}

/* Older libraries put SCRAM's nonce together wrongly, which Kafka takes no longer (CVE-2024-56128). */
static const char *scram_hint(const struct bb_kafka_cluster *cluster) {
    enum { RIGHT_SINCE = 0x02060100 };

    for (size_t i = 0; i < cluster->property_count && rd_kafka_version() < RIGHT_SINCE; i++)
        if (strncmp(cluster->properties[i].value, "SCRAM-", 6) == 0)
            return "; SCRAM with Kafka 4 takes librdkafka 2.6.1 or later";
    return "";
}

bool bb_kafka_passes(rd_kafka_resp_err_t why) {
    return is_one_of(why, passing, sizeof passing / sizeof passing[0]);
}

int bb_kafka_fail(struct bb_kafka_client *client, rd_kafka_resp_err_t why, enum bb_error_code code,
                  struct bb_error *error, const char *what, ...) {
    char tried[256], complaint[sizeof client->complaint];
    va_list args;

    va_start(args, what);
    vsnprintf(tried, sizeof tried, what, args);
    va_end(args);
    pthread_mutex_lock(&client->lock);
    snprintf(complaint, sizeof complaint, "%s", client->complaint);
    bool refused = client->refused ||
                   is_one_of(why, refusals, sizeof refusals / sizeof refusals[0]);
    pthread_mutex_unlock(&client->lock);
    bool passes = bb_kafka_passes(why) && !refused;
    if (refused)
        code = BB_E_KAFKA_REFUSED;
    else if (passes && code != BB_E_KAFKA_UNDELIVERED)
        code = BB_E_KAFKA_AWAY;
    int result = BB_FAIL(error, code, "%s: %s%s%s%s", tried, rd_kafka_err2str(why),
                         complaint[0] ? "; last heard of a broker: "
                         : passes     ? "; no word from "
                                      : "",
                         complaint[0] ? complaint
                         : passes     ? client->cluster->brokers
                                      : "",
                         refused ? scram_hint(client->cluster) : "");
    error->retriable = passes;
    return result;
}

int bb_kafka_fail_error(struct bb_kafka_client *client, rd_kafka_error_t *why,
                        enum bb_error_code code, struct bb_error *error, const char *what) {
    int result = bb_kafka_fail(client, rd_kafka_error_code(why), code, error, "%s (%s)", what,
                               rd_kafka_error_string(why));

    error->retriable = error->retriable || rd_kafka_error_is_retriable(why) != 0;
    rd_kafka_error_destroy(why);
    return result;
}
