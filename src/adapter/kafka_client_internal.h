/* Clients of librdkafka: made from a struct bb_kafka_cluster, closed, and their errors in busbar's words.
 *
 * A client has threads of its own, and back-off with jitter. What its threads complain of (which broker, why) is kept: the last
 * word becomes part of an error when something is not answered.
 */
#ifndef BB_ADAPTER_KAFKA_CLIENT_INTERNAL_H
#define BB_ADAPTER_KAFKA_CLIENT_INTERNAL_H

#include "adapter/kafka_client.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

struct bb_kafka_client {
    rd_kafka_t *rk;
    const struct bb_kafka_cluster *cluster; /* outlives the client */
    void *context;                          /* of the callbacks that `how` sets */
    pthread_mutex_t lock;                   /* guards both below */
    char complaint[256];
    bool refused; /* the complaint is that the other side does not accept who we are */
};

struct bb_kafka_how {
    rd_kafka_type_t type;
    const struct bb_kafka_property *properties; /* set behind the cluster's */
    size_t property_count;
    void (*set)(rd_kafka_conf_t *conf); /* callbacks; may be NULL. Their opaque is the client. */
    void *context;
};

/* The client is at its address for good: its threads know it. */
int bb_kafka_client_open(struct bb_kafka_client *client, const struct bb_kafka_cluster *cluster,
                         const struct bb_kafka_how *how, struct bb_error *error) BB_MUST_USE;
/* Zeroed: nothing. */
void bb_kafka_client_close(struct bb_kafka_client *client);
/* A topic's handle; the client knows its partitions' leaders when this returns, else the first record would wait a second for
 * the client's next look round. What goes wrong here shows when the topic is used. */
rd_kafka_topic_t *bb_kafka_topic_open(struct bb_kafka_client *client, const char *name);
int bb_kafka_answer_ms(const struct bb_kafka_client *client);

/* Fill *error by what `why` means: away (retriable), refused, or `code`. `what` says what was tried. */
int bb_kafka_fail(struct bb_kafka_client *client, rd_kafka_resp_err_t why, enum bb_error_code code,
                  struct bb_error *error, const char *what, ...) BB_PRINTF(5, 6) BB_MUST_USE;
/* The same for an error object, which is destroyed. */
int bb_kafka_fail_error(struct bb_kafka_client *client, rd_kafka_error_t *why,
                        enum bb_error_code code, struct bb_error *error, const char *what)
    BB_MUST_USE;
/* Whether trying again may help. */
bool bb_kafka_passes(rd_kafka_resp_err_t why);

/* Sets a token of OAUTHBEARER; run by the client when it needs one. */
void bb_kafka_token_refresh(rd_kafka_t *rk, const char *config, void *opaque);

#endif
