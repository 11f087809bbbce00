/* A story for people. */
#ifndef BB_CLI_STORY_PRINT_H
#define BB_CLI_STORY_PRINT_H

#include "base/buffer.h"
#include "service/story.h"

/* `zone` NULL: times in UTC. */
void bb_story_print(const struct bb_story *story, const struct bb_zone *zone,
                    struct bb_buffer *out);

#endif
