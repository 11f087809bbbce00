/* What only a broker can do to a queue: be killed, close what is held for long, refuse. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "contract/cluster.h"
#include "contract/queue_fixture.h"

static struct bb_queue *open_queue(const char *url, const char *prefix, int64_t turn_over_ms) {
    const struct bb_queue_rabbitmq_options options = {
        .common = {.attempts_max = 3, .lease_ms = 4000},
        .url = url,
        .prefix = prefix,
        .turn_over_ms = turn_over_ms};
    struct bb_queue *queue = NULL;
    struct bb_error error;

    cr_assert_eq(bb_queue_rabbitmq_open(&options, &queue, &error), 0, "%s", error.text);
    return queue;
}

static int put(struct bb_queue *queue, const char *body, struct bb_error *error) {
    const struct bb_queue_item item = {bb_span_of(body), BB_QUEUE_NORMAL, 0};

    return queue->ops->put(queue, &item, error);
}

static void unique_prefix(char prefix[24]) {
    snprintf(prefix, 24, "test-");
    cluster_unique(prefix + 5, 19);
}

Test(queue_rabbitmq, what_is_held_for_long_is_turned_over) {
    char prefix[24];
    unique_prefix(prefix);
    struct bb_queue *queue = open_queue(cluster_address("rabbitmq"), prefix, 1000);
    struct bb_queue_delivery delivery;
    struct bb_error error;

    cr_assert_eq(put(queue, "long", &error), 0);
    cr_assert_eq(queue->ops->take(queue, 5000, &delivery, &error), BB_QUEUE_TAKEN);
    for (int i = 0; i < 6; i++) {
        usleep(250000);
        cr_assert_eq(queue->ops->renew(queue, &error), BB_QUEUE_HELD);
    }
    cr_expect_eq(queue->ops->ack(queue, &error), BB_QUEUE_HELD);
    cr_expect_eq(queue->ops->ack(queue, &error), BB_QUEUE_LOST);
    cr_assert_eq(queue->ops->take(queue, 8000, &delivery, &error), BB_QUEUE_TAKEN,
                 "the copy that stood for it has to come");
    cr_expect(bb_span_equal(delivery.body, BB_SPAN("long")));
    cr_expect_eq(delivery.attempts, 1, "its holder lived: that is no attempt");
    cr_expect_eq(queue->ops->ack(queue, &error), BB_QUEUE_HELD);
    bb_queue_rabbitmq_remove(queue);
    queue->ops->close(queue);
}

/* Until it is done: what fails for a while may be tried again, and says so. */
static void put_until_done(struct bb_queue *queue, const char *body) {
    struct bb_error error;

    for (int tries = 0; put(queue, body, &error) != 0; tries++) {
        cr_assert(error.retriable, "%s", error.text);
        cr_assert_lt(tries, 100, "%s", error.text);
        usleep(100000);
    }
}

Test(queue_rabbitmq, keeps_what_it_confirmed_when_the_broker_is_killed, .timeout = 200) {
    struct cluster broker;
    struct bb_queue_delivery delivery;
    struct bb_error error;
    char body[8], seen[30] = {0};

    cluster_start(&broker, "rabbitmq", "");
    struct bb_queue *queue = open_queue(broker.address, "kept", 0);
    for (int i = 0; i < 20; i++) {
        snprintf(body, sizeof body, "%d", i);
        cr_assert_eq(put(queue, body, &error), 0);
    }
    cr_assert_eq(queue->ops->take(queue, 5000, &delivery, &error), BB_QUEUE_TAKEN);
    cluster_do(&broker, "kill", "");
    cr_expect_lt(queue->ops->ack(queue, &error), 0, "a dead broker hears nothing");
    cr_expect(error.retriable);
    cr_expect_eq(put(queue, "lost", &error), -BB_E_QUEUE_UNREACHABLE);
    cr_expect(error.retriable);
    cluster_do(&broker, "restart", "");
    put_until_done(queue, "20");
    for (int left = 21; left > 0;) {
        int outcome = queue->ops->take(queue, 20000, &delivery, &error);
        cr_assert_geq(outcome, 0, "%s", error.text);
        cr_assert_eq(outcome, BB_QUEUE_TAKEN, "%d are missing", left);
        snprintf(body, sizeof body, "%.*s", BB_SPAN_ARGS(delivery.body));
        int i = 0;
        cr_assert_eq(sscanf(body, "%d", &i), 1, "%s", body);
        cr_expect_eq(seen[i]++, 0, "%d comes twice", i);
        left--;
        cr_assert_eq(queue->ops->ack(queue, &error), BB_QUEUE_HELD);
    }
    queue->ops->close(queue);
    cluster_stop(&broker);
}

Test(queue_rabbitmq, says_what_is_wrong_with_an_address) {
    struct bb_queue *queue = NULL;
    struct bb_error error;
    static const struct {
        const char *url;
        int code;
        bool retriable;
    } cases[] = {{"amqp://guest:guest@127.0.0.1:1/", BB_E_QUEUE_UNREACHABLE, true},
                 {"http://127.0.0.1/", BB_E_QUEUE_REFUSED, false},
                 {"amqps://guest:guest@127.0.0.1:1/", BB_E_QUEUE_UNREACHABLE, true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bb_queue_rabbitmq_options options = {.url = cases[i].url};
        cr_expect_eq(bb_queue_rabbitmq_open(&options, &queue, &error), -cases[i].code, "%s: %s",
                     cases[i].url, error.text);
        cr_expect_eq(error.retriable, cases[i].retriable, "%s", cases[i].url);
        cr_expect_null(queue);
    }
    char wrong[CLUSTER_PATH];
    snprintf(wrong, sizeof wrong, "amqp://guest:wrong%s", strchr(cluster_address("rabbitmq"), '@'));
    const struct bb_queue_rabbitmq_options options = {.url = wrong};
    cr_expect_eq(bb_queue_rabbitmq_open(&options, &queue, &error), -BB_E_QUEUE_REFUSED, "%s",
                 error.text);
    cr_expect_not(error.retriable);
}

/* Where TLS leads with this file of certificates to trust; an item goes there and back. */
static int try_by_tls(const char *url, const char *ca, struct bb_error *error) {
    const struct bb_queue_rabbitmq_options options = {
        .common = {.attempts_max = 3, .lease_ms = 20000}, .url = url, .ca = ca, .prefix = "secret"};
    struct bb_queue_delivery delivery;
    struct bb_queue *queue;
    int result = bb_queue_rabbitmq_open(&options, &queue, error);

    if (result)
        return result;
    cr_assert_eq(put(queue, "by TLS", error), 0, "%s", error->text);
    cr_assert_eq(queue->ops->take(queue, 5000, &delivery, error), BB_QUEUE_TAKEN, "%s",
                 error->text);
    cr_expect(bb_span_equal(delivery.body, BB_SPAN("by TLS")));
    cr_expect_eq(queue->ops->ack(queue, error), BB_QUEUE_HELD);
    bb_queue_rabbitmq_remove(queue);
    queue->ops->close(queue);
    return 0;
}

Test(queue_rabbitmq, trusts_whom_it_was_told_to, .timeout = 100) {
    struct cluster broker;
    struct bb_error error;
    char url[CLUSTER_PATH], ca[2 * CLUSTER_PATH], number[2 * CLUSTER_PATH];

    cluster_start(&broker, "rabbitmq", "--secure");
    cluster_read(&broker, "secure", url);
    snprintf(ca, sizeof ca, "%s/ca.pem", broker.folder);
    cr_expect_eq(try_by_tls(url, ca, &error), 0, "%s", error.text);
    cr_expect_eq(try_by_tls(url, NULL, &error), -BB_E_QUEUE_REFUSED, "nobody signed it: %s",
                 error.text);
    cr_expect_not(error.retriable);
    cr_expect_eq(try_by_tls(url, "/nowhere/ca.pem", &error), -BB_E_QUEUE_REFUSED, "%s", error.text);
    snprintf(number, sizeof number, "amqps://guest:guest@127.0.0.1:%s", strrchr(url, ':') + 1);
    cr_expect_eq(try_by_tls(number, ca, &error), -BB_E_QUEUE_REFUSED, "another name: %s",
                 error.text);
    cluster_stop(&broker);
}
