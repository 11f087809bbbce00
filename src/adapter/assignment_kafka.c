/* Partitions by a consumer group. See assignment.h and port/assignment.h.
 *
 * The group's protocol is the client's; its events are taken from a queue, so that what is revoked is given up when the worker
 * says so and not inside a callback. What is assigned is paused at once: readers of the log fetch, this client does not.
 */
#include "adapter/assignment.h"
#include "adapter/kafka_client_internal.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_MS = 15000,
    HEARTBEAT_MS = 1000, /* at most; a third of the session */
    HINT_MS = 1000,      /* between two commits */
    COMMIT_MS = 3000,    /* a hint is not worth waiting longer for */
    LEAVE_MS = 10000,
    SLICE_MS = 100,
    NAME = 250,
};

struct group {
    struct bb_assignment base; /* first */
    struct bb_kafka_client client;
    struct bb_kafka_cluster cluster;
    char topic[NAME];
    uint32_t partitions;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_partition_list_t *revoked; /* told and not released; NULL: nothing */
    bool *mine;                               /* [partitions] */
    uint64_t *hints;                          /* [partitions]; UINT64_MAX: told already, or none */
    uint32_t *told;                           /* [partitions]: what poll gave out */
    int64_t hinted_ms;
    bool was_assigned; /* once, be it no partition */
    bool left;
};

static struct group *group_of(struct bb_assignment *assignment) {
    return (struct group *)assignment;
}

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* ---- hints */

/* Those of partitions that we have; of `only`, if given. NULL: none. */
static rd_kafka_topic_partition_list_t *take_hints(struct group *group,
                                                   const rd_kafka_topic_partition_list_t *only) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    for (uint32_t p = 0; p < group->partitions; p++) {
        if (group->hints[p] == UINT64_MAX || !group->mine[p] ||
            (only && !rd_kafka_topic_partition_list_find(only, group->topic, (int32_t)p)))
            continue;
        rd_kafka_topic_partition_list_add(list, group->topic, (int32_t)p)->offset =
            (int64_t)group->hints[p];
        group->hints[p] = UINT64_MAX;
    }
    if (list->cnt > 0)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

/* The answer comes as an event and does not matter: the next hint says it again. */
static void tell_hints(struct group *group) {
    if (now_ms() - group->hinted_ms < HINT_MS)
        return;
    rd_kafka_topic_partition_list_t *list = take_hints(group, NULL);
    if (!list)
        return;
    (void)rd_kafka_commit(group->client.rk, list, 1);
    group->hinted_ms = now_ms();
    rd_kafka_topic_partition_list_destroy(list);
}

/* Before partitions go: nobody else says it until the next one has derived something. */
static void tell_hints_now(struct group *group, const rd_kafka_topic_partition_list_t *only) {
    rd_kafka_topic_partition_list_t *list = take_hints(group, only);

    if (!list)
        return;
    rd_kafka_queue_t *answer = rd_kafka_queue_new(group->client.rk);
    if (rd_kafka_commit_queue(group->client.rk, list, answer, NULL, NULL) == 0) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(answer, COMMIT_MS);
        if (event)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(answer);
    rd_kafka_topic_partition_list_destroy(list);
}

static int group_hint(struct bb_assignment *assignment, uint32_t partition, uint64_t offset,
                      struct bb_error *error) {
    struct group *group = group_of(assignment);

    (void)error;
    BB_ASSERT(partition < group->partitions);
    group->hints[partition] = offset;
    if (!group->revoked) /* a commit while partitions move begins the moving anew */
        tell_hints(group);
    return 0;
}

/* ---- rebalances */

static int fail_group(struct group *group, rd_kafka_error_t *why, struct bb_error *error) {
    return bb_kafka_fail_error(&group->client, why, BB_E_ASSIGNMENT, error,
                               "the consumer group does not take the worker's word");
}

static int take(struct group *group, rd_kafka_topic_partition_list_t *list,
                struct bb_error *error) {
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = RD_KAFKA_OFFSET_END; /* nothing is fetched before it is paused */
    rd_kafka_error_t *why = rd_kafka_incremental_assign(group->client.rk, list);
    if (why)
        return fail_group(group, why, error);
    (void)rd_kafka_pause_partitions(group->client.rk, list);
    return 0;
}

static int give(struct group *group, const rd_kafka_topic_partition_list_t *list,
                struct bb_error *error) {
    rd_kafka_error_t *why = rd_kafka_incremental_unassign(group->client.rk, list);

    return why ? fail_group(group, why, error) : 0;
}

/* What the caller is told of; partitions that the log does not have are not its business. */
static size_t note(struct group *group, const rd_kafka_topic_partition_list_t *list, bool mine) {
    size_t count = 0;

    for (int i = 0; i < list->cnt; i++) {
        uint32_t p = (uint32_t)list->elems[i].partition;
        if (p >= group->partitions)
            continue;
        group->mine[p] = mine;
        group->hints[p] = UINT64_MAX;
        group->told[count++] = p;
    }
    return count;
}

static size_t name_only(struct group *group, const rd_kafka_topic_partition_list_t *list) {
    size_t count = 0;

    for (int i = 0; i < list->cnt; i++)
        if ((uint32_t)list->elems[i].partition < group->partitions)
            group->told[count++] = (uint32_t)list->elems[i].partition;
    return count;
}

static int rebalance(struct group *group, rd_kafka_event_t *event, size_t *count,
                     struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    int result;

    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        group->was_assigned = true;
        result = take(group, list, error);
        *count = result < 0 ? 0 : note(group, list, true);
        return result < 0 ? result : *count > 0 ? BB_ASSIGNMENT_GAINED : BB_ASSIGNMENT_QUIET;
    }
    if (rd_kafka_assignment_lost(group->client.rk)) {
        result = give(group, list, error);
        *count = note(group, list, false);
        return result < 0 ? result : *count > 0 ? BB_ASSIGNMENT_LOST : BB_ASSIGNMENT_QUIET;
    }
    *count = name_only(group, list);
    if (*count == 0)
        return give(group, list, error);
    group->revoked = rd_kafka_topic_partition_list_copy(list);
    return BB_ASSIGNMENT_REVOKED;
}

static int group_release(struct bb_assignment *assignment, struct bb_error *error) {
    struct group *group = group_of(assignment);
    rd_kafka_topic_partition_list_t *revoked = group->revoked;

    if (!revoked)
        return 0;
    tell_hints_now(group, revoked);
    int result = give(group, revoked, error);
    (void)note(group, revoked, false);
    group->revoked = NULL;
    rd_kafka_topic_partition_list_destroy(revoked);
    return result;
}

/* ---- events */

/* What the client says of itself: most of it passes. */
static int judge(struct group *group, rd_kafka_resp_err_t why, const char *text,
                 struct bb_error *error) {
    if (!why || bb_kafka_passes(why) || why == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        why == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED || /* LOST follows */
        why == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return 0;
    return bb_kafka_fail(&group->client, why, BB_E_ASSIGNMENT, error, "the consumer group (%s)",
                         text ? text : "");
}

static int hear(struct group *group, rd_kafka_event_t *event, size_t *count,
                struct bb_error *error) {
    const rd_kafka_message_t *message;
    int result = 0;

    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE: return rebalance(group, event, count, error);
    case RD_KAFKA_EVENT_ERROR:
        return judge(group, rd_kafka_event_error(event), rd_kafka_event_error_string(event), error);
    case RD_KAFKA_EVENT_FETCH: /* errors of the group come this way, too; records were under way before the pause */
        while (result == 0 && (message = rd_kafka_event_message_next(event)) != NULL)
            result = judge(group, message->err, rd_kafka_message_errstr(message), error);
        return result;
    default: /* how a hint went */ return 0;
    }
}

static int group_poll(struct bb_assignment *assignment, int timeout_ms, const uint32_t **partitions,
                      size_t *count, struct bb_error *error) {
    struct group *group = group_of(assignment);
    int64_t until = now_ms() + timeout_ms;
    int result = group_release(assignment, error);

    BB_ASSERT(!group->left);
    *partitions = group->told;
    *count = 0;
    if (result == 0)
        tell_hints(group);
    while (result == 0) {
        int64_t left = until - now_ms();
        rd_kafka_event_t *event = rd_kafka_queue_poll(group->queue, left > 0 ? (int)left : 0);
        if (!event)
            break;
        result = hear(group, event, count, error);
        rd_kafka_event_destroy(event);
    }
    return result;
}

/* ---- leave, close */

static int group_leave(struct bb_assignment *assignment, struct bb_error *error) {
    struct group *group = group_of(assignment);
    rd_kafka_t *rk = group->client.rk;
    int64_t until = now_ms() + LEAVE_MS;
    size_t count;

    if (group->left)
        return 0;
    group->left = true;
    int result = group_release(assignment, error);
    tell_hints_now(group, NULL);
    rd_kafka_error_t *why = rd_kafka_consumer_close_queue(rk, group->queue);
    if (why)
        return fail_group(group, why, error);
    while (!rd_kafka_consumer_closed(rk) && now_ms() < until) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(group->queue, SLICE_MS);
        if (!event)
            continue;
        struct bb_error passing; /* it goes anyway */
        if (hear(group, event, &count, &passing) == BB_ASSIGNMENT_REVOKED)
            (void)!group_release(assignment, &passing);
        rd_kafka_event_destroy(event);
    }
    if (!rd_kafka_consumer_closed(rk))
        return bb_kafka_fail(&group->client, RD_KAFKA_RESP_ERR__TIMED_OUT, BB_E_ASSIGNMENT, error,
                             "the consumer group was not left in time");
    return result;
}

static void group_free(struct group *group) {
    if (group->revoked)
        rd_kafka_topic_partition_list_destroy(group->revoked);
    if (group->queue)
        rd_kafka_queue_destroy(group->queue);
    /* librdkafka 2.0.2 ends the process when a member of a cooperative group is destroyed that was never assigned anything:
     * then its memory stays, as it is mostly the end of the process anyway. */
    if (group->was_assigned)
        bb_kafka_client_close(&group->client);
    free(group->mine);
    free(group->hints);
    free(group->told);
    free(group);
}

static void group_close(struct bb_assignment *assignment) {
    struct bb_error error; /* who was not told finds out by the session's end */

    if (!assignment)
        return;
    (void)!group_leave(assignment, &error);
    group_free(group_of(assignment));
}

static const struct bb_assignment_ops group_ops = {
    .name = "kafka",
    .close = group_close,
    .poll = group_poll,
    .release = group_release,
    .hint = group_hint,
    .leave = group_leave,
};

/* ---- open */

static void set_events(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR |
                                       RD_KAFKA_EVENT_OFFSET_COMMIT);
}

static int join(struct group *group, const struct bb_assignment_kafka_options *options,
                struct bb_error *error) {
    const char *prefix = options->prefix ? options->prefix : "busbar";
    int session_ms = options->session_ms > 0 ? options->session_ms : SESSION_MS;
    char id[NAME], session[16], heartbeat[16];
    const struct bb_kafka_property properties[] = {
        {"group.id", id},
        {"client.id", options->client_id ? options->client_id : "busbar"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "latest"},
        {"allow.auto.create.topics", "false"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0],
                                     .set = set_events};

    snprintf(group->topic, sizeof group->topic, "%s.readings", prefix);
    if (options->group)
        snprintf(id, sizeof id, "%s", options->group);
    else
        snprintf(id, sizeof id, "%s.derive", prefix);
    snprintf(session, sizeof session, "%d", session_ms);
    snprintf(heartbeat, sizeof heartbeat, "%d",
             session_ms / 3 < HEARTBEAT_MS ? session_ms / 3 : HEARTBEAT_MS);
    int result = bb_kafka_client_open(&group->client, &group->cluster, &how, error);
    if (result < 0)
        return result;
    group->queue = rd_kafka_queue_get_consumer(group->client.rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, group->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t why = rd_kafka_subscribe(group->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return why ? bb_kafka_fail(&group->client, why, BB_E_ASSIGNMENT, error,
                               "the consumer group %s cannot be joined", id)
               : 0;
}

int bb_assignment_kafka_open(const struct bb_assignment_kafka_options *options,
                             struct bb_assignment **out, struct bb_error *error) {
    struct group *group = calloc(1, sizeof *group);
    uint32_t partitions = options->partitions;

    *out = NULL;
    if (!group)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to join a group");
    group->base.ops = &group_ops;
    group->cluster = options->cluster;
    group->partitions = partitions;
    group->mine = calloc(partitions + 1, sizeof *group->mine);
    group->hints = calloc(partitions + 1, sizeof *group->hints);
    group->told = calloc(partitions + 1, sizeof *group->told);
    int result = group->mine && group->hints && group->told
                     ? 0
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to join a group");
    for (uint32_t p = 0; result == 0 && p < partitions; p++)
        group->hints[p] = UINT64_MAX;
    if (result == 0)
        result = join(group, options, error);
    if (result < 0) {
        group_free(group);
        return result;
    }
    *out = &group->base;
    return 0;
}
