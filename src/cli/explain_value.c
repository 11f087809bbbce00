/* The story of a value: see explain_value.h. */
#include "cli/explain_value.h"

#include "answer/story_json.h"
#include "cli/asked_times.h"
#include "cli/story_print.h"

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

static int tell(struct bb_command *command, const struct bb_explain_options *given,
                struct bb_plant *plant, struct bb_arena *arena, struct bb_error *error) {
    struct bb_query query = {
        .tenant = bb_command_tenant(command),
        .usage_point = bb_span_of(given->usage_point),
        .channel = bb_span_of(given->channel),
        .lane = (enum bb_lane)bb_lane_find(bb_span_of(bb_lane_choice(given->lane)))};
    const struct bb_zone *zone = NULL;
    struct bb_asked_channels asked;
    struct bb_story story;
    int64_t at_ms = BB_TIME_NONE;

    int r = bb_asked_look(plant, query.tenant, query.usage_point, given->channel, given->zone,
                          &asked, error);
    if (r == 0)
        r = bb_asked_time(plant, &asked, "at", given->at, &at_ms, error);
    if (r == 0)
        r = bb_asked_time(plant, &asked, "as-of", given->as_of, &query.as_of_ms, error);
    if (r == 0 && given->zone)
        r = bb_zone_set_get(plant->zones, bb_span_of(given->zone), &zone, error);
    if (r == 0)
        r = bb_story_tell(plant, &query, at_ms, arena, &story, error);
    if (r < 0)
        return r;
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_story_put_json(&story, zone, &json);
        bb_command_json_end(command);
    } else {
        bb_story_print(&story, zone, &command->out->buffer);
    }
    return BB_EXIT_DONE;
}

int bb_explain_value(struct bb_command *command, const struct bb_explain_options *given,
                     struct bb_error *error) {
    struct bb_plant plant;
    struct bb_arena arena;

    if (command->argument_count > 0)
        return BB_FAIL(error, BB_E_USAGE, "explain tells of \"%s\" or of a value, one at a time",
                       command->arguments[0]);
    if (!given->usage_point || !given->channel || !given->at)
        return BB_FAIL(error, BB_E_USAGE,
                       "the story of a value needs --usage-point UP, --channel C and --at T");
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);
    if (r < 0)
        return r;
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    r = tell(command, given, &plant, &arena, error);
    bb_arena_release(&arena);
    bb_plant_close(&plant);
    return r;
}
