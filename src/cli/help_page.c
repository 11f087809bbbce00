/* Help pages, printed from the tables of verbs and options: see cli.h. */
#include "cli/cli.h"
#include "cli/human.h"

enum { HELP_COLUMN = 34 };

static void two_columns(struct bb_buffer *out, struct bb_span left, const char *right) {
    size_t columns = bb_text_columns(left.data, left.size) + 2;

    bb_buffer_format(out, "  %.*s", BB_SPAN_ARGS(left));
    if (columns + 2 > HELP_COLUMN) {
        bb_buffer_append_byte(out, '\n');
        columns = 0;
    }
    bb_buffer_format(out, "%*s%s", (int)(HELP_COLUMN - columns), "", right);
}

static void list_options(const struct bb_option *table, struct bb_buffer *out) {
    struct bb_buffer left;

    bb_buffer_init(&left, 4096);
    for (const struct bb_option *option = table; option && option->name; option++) {
        bb_buffer_clear(&left);
        bb_option_format(option, &left);
        two_columns(out, bb_buffer_span(&left), option->help);
        if (option->initial)
            bb_buffer_format(out, " (default %s)", option->initial);
        bb_buffer_append_byte(out, '\n');
    }
    bb_buffer_release(&left);
}

/* Lines of a text, each behind `indent` blanks, the last one ended. */
static void paragraph(const char *text, int indent, struct bb_buffer *out) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        bb_buffer_format(out, "%*s%.*s\n", indent, "", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

void bb_help_usage_line(const struct bb_verb *verb, struct bb_buffer *out) {
    bb_buffer_format(out, "usage: busbar %s%s", verb->name, verb->options ? " [OPTIONS]" : "");
    for (const struct bb_option *option = verb->options; option && option->name; option++)
        if (option->required) {
            bb_buffer_append_byte(out, ' ');
            bb_option_format(option, out);
        }
    bb_buffer_format(out, "%s%s\n", *verb->arguments ? " " : "", verb->arguments);
}

void bb_help_verb(const struct bb_verb *verb, struct bb_buffer *out) {
    bb_buffer_format(out, "busbar %s: %s\n\n", verb->name, verb->summary);
    bb_help_usage_line(verb, out);
    if (verb->examples) {
        bb_buffer_format(out, "\nexamples:\n");
        paragraph(verb->examples, 2, out);
    }
    if (verb->options) {
        bb_buffer_format(out, "\noptions:\n");
        list_options(verb->options, out);
    }
    if (verb->details) {
        bb_buffer_append_byte(out, '\n');
        paragraph(verb->details, 0, out);
    }
    bb_buffer_format(out, "\nGlobal options (--data, --json, --quiet, ...): busbar help\n");
}

void bb_help_program(struct bb_buffer *out) {
    bb_buffer_format(out,
                     "busbar " BB_VERSION ": every reading of every meter, validated, estimated "
                     "and kept\n\nusage: busbar VERB [OPTIONS] [ARGUMENTS]\n\n"
                     "start here:\n"
                     "  busbar demo                     a small city of meters through the "
                     "whole plant\n"
                     "  busbar try FILE                 what busbar would make of a file; "
                     "stores nothing\n"
                     "  busbar ingest FILE              take it in\n"
                     "  busbar query --usage-point UP   look at it\n"
                     "\nverbs:\n");
    for (size_t i = 0; i < bb_verb_count; i++) {
        two_columns(out, bb_span_of(bb_verbs[i]->name), bb_verbs[i]->summary);
        bb_buffer_append_byte(out, '\n');
    }
    bb_buffer_format(out, "\nglobal options, before or after the verb:\n");
    list_options(bb_global_options, out);
    bb_buffer_format(out, "\nexit codes: 0 done; 1 ran, but some input was refused; 2 wrong usage; "
                          "3 could not start; 4 fault\n"
                          "more: busbar help VERB, busbar explain BB-1004\n");
}
