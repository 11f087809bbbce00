/* A story (service/story.h) as one JSON object. Keys are stable; times are RFC 3339, numbers keep all
 * digits. */
#ifndef BB_ANSWER_STORY_JSON_H
#define BB_ANSWER_STORY_JSON_H

#include "base/json_write.h"
#include "service/story.h"

/* `zone` NULL: times in UTC. */
void bb_story_put_json(const struct bb_story *story, const struct bb_zone *zone,
                       struct bb_json *json);

#endif
