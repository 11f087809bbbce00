/* Foreign topics of a server: see serve_source.h. */
#include "cli/serve_source.h"

#include "adapter/source.h"
#include "service/kafka_setting.h"

#include <stdlib.h>
#include <string.h>

enum { TOPICS_MAX = 64 };

struct bb_serve_source {
    struct bb_command *command;
    const struct bb_config *config;
    struct bb_plant plant; /* its own, to read messages by */
    bool is_open;
    struct bb_kafka_setting setting;
    char *names; /* of the topics, cut up */
    const char *topics[TOPICS_MAX];
    size_t topic_count;
    struct bb_intake *intake;
};

static int name_topics(struct bb_serve_source *source, struct bb_error *error) {
    char *rest;

    source->names = strdup(source->config->source_kafka_topics);
    if (!source->names)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the names of topics");
    for (char *name = strtok_r(source->names, ", ", &rest); name;
         name = strtok_r(NULL, ", ", &rest)) {
        if (source->topic_count == TOPICS_MAX)
            return BB_FAIL(error, BB_E_CONFIG_INVALID, "sources.kafka.topics names more than %d",
                           TOPICS_MAX);
        source->topics[source->topic_count++] = name;
    }
    return source->topic_count > 0
               ? 0
               : BB_FAIL(error, BB_E_CONFIG_INVALID, "sources.kafka.topics names no topic to read");
}

/* On the intake's thread, again and again until it succeeds. */
static int open_kafka(void *context, const struct bb_source_listener *listener,
                      struct bb_source **out, struct bb_error *error) {
    struct bb_serve_source *source = context;
    const struct bb_config *config = source->config;
    const struct bb_source_kafka_options options = {
        .cluster = source->setting.cluster,
        .topics = source->topics,
        .topic_count = source->topic_count,
        .group = config->source_kafka_group,
        .from_latest = strcmp(config->source_kafka_from, "latest") == 0,
        .session_ms = (int)config->source_kafka_session_ms,
        .listener = *listener};

    return bb_source_kafka_open(&options, out, error);
}

static int start(struct bb_serve_source *source, struct bb_committer *committer,
                 struct bb_error *error) {
    const struct bb_globals *globals = &source->command->globals;
    const struct bb_config *config = source->config;
    int r = name_topics(source, error);

    if (r == 0)
        r = bb_kafka_setting_read(&source->setting, "sources.kafka", &config->source_kafka, error);
    if (r == 0)
        r = bb_plant_open(globals->data, globals->config, BB_PLANT_READ, &source->plant, error);
    if (r < 0)
        return r;
    source->is_open = true;
    const struct bb_intake_options options = {.plant = &source->plant,
                                              .committer = committer,
                                              .config = config,
                                              .open = open_kafka,
                                              .open_context = source,
                                              .logger = &source->command->logger};
    return bb_intake_start(&options, &source->intake, error);
}

int bb_serve_source_open(struct bb_command *command, const struct bb_config *config,
                         struct bb_committer *committer, struct bb_serve_source **out,
                         struct bb_error *error) {
    *out = NULL;
    if (!config->source_kafka.brokers[0])
        return 0;
    struct bb_serve_source *source = calloc(1, sizeof *source);
    if (!source)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for foreign topics");
    source->command = command;
    source->config = config;
    int r = start(source, committer, error);
    if (r < 0)
        bb_serve_source_close(source);
    else
        *out = source;
    return r;
}

void bb_serve_source_close(struct bb_serve_source *source) {
    if (!source)
        return;
    bb_intake_stop(source->intake);
    if (source->is_open)
        bb_plant_close(&source->plant);
    bb_kafka_setting_release(&source->setting);
    free(source->names);
    free(source);
}

struct bb_intake *bb_serve_source_intake(const struct bb_serve_source *source) {
    return source ? source->intake : NULL;
}
