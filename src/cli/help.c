/* busbar help [VERB] */
#include "base/nearest.h"
#include "cli/verbs.h"

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_nearest nearest;

    if (command->argument_count == 0) {
        bb_command_print_help(command, NULL);
        return BB_EXIT_DONE;
    }
    const struct bb_verb *verb = bb_verb_find(bb_span_of(command->arguments[0]));
    if (verb) {
        bb_command_print_help(command, verb);
        return BB_EXIT_DONE;
    }
    bb_nearest_init(&nearest, bb_span_of(command->arguments[0]));
    for (size_t i = 0; i < bb_verb_count; i++)
        bb_nearest_offer(&nearest, bb_verbs[i]->name);
    return BB_FAIL(error, BB_E_USAGE, "there is no verb \"%s\"%s%s · busbar help",
                   command->arguments[0], nearest.name ? " · did you mean " : "",
                   nearest.name ? nearest.name : "");
}

const struct bb_verb bb_verb_help = {
    .name = "help",
    .summary = "this page, or the page of a verb",
    .arguments = "[VERB]",
    .arguments_max = 1,
    .examples = "busbar help\n"
                "busbar help ingest\n",
    .run = run,
};
