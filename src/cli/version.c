/* busbar version */
#include "cli/verbs.h"

static int run(struct bb_command *command, struct bb_error *error) {
    (void)error;
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "version", BB_SPAN(BB_VERSION));
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else {
        bb_buffer_format(&command->out->buffer, "busbar " BB_VERSION "\n");
    }
    return BB_EXIT_DONE;
}

const struct bb_verb bb_verb_version = {
    .name = "version",
    .summary = "the version of this binary",
    .arguments = "",
    .run = run,
};
