/* A story for people, and as JSON. */
#ifndef BB_CLI_STORY_PRINT_H
#define BB_CLI_STORY_PRINT_H

#include "base/json_write.h"
#include "service/story.h"

/* `zone` NULL: times in UTC. */
void bb_story_print(const struct bb_story *story, const struct bb_zone *zone,
                    struct bb_buffer *out);
void bb_story_put_json(const struct bb_story *story, const struct bb_zone *zone,
                       struct bb_json *json);

#endif
