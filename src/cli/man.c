/* busbar man: the manual page in troff, printed from the tables: busbar man | man -l - */
#include "cli/verbs.h"

/* Text of a troff page: a backslash and a line that begins with a point or a quote mean something. */
static void put_text(struct bb_buffer *page, const char *text) {
    bool begins = true;

    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            bb_buffer_append(page, "\\&", 2);
        if (*text == '\\')
            bb_buffer_append(page, "\\e", 2);
        else if (*text == '-')
            bb_buffer_append(page, "\\-", 2);
        else
            bb_buffer_append_byte(page, (uint8_t)*text);
        begins = *text == '\n';
    }
}

static void put_options(struct bb_buffer *page, const struct bb_option *option) {
    struct bb_buffer left;

    bb_buffer_init(&left, 4096);
    for (; option && option->name; option++) {
        bb_buffer_clear(&left);
        bb_option_format(option, &left);
        bb_buffer_append_byte(&left, '\0');
        bb_buffer_format(page, ".TP\n.B ");
        put_text(page, left.data);
        bb_buffer_append_byte(page, '\n');
        put_text(page, option->help);
        if (option->initial)
            bb_buffer_format(page, " (default %s)", option->initial);
        bb_buffer_append_byte(page, '\n');
    }
    bb_buffer_release(&left);
}

static void put_verb(struct bb_buffer *page, const struct bb_verb *verb) {
    bb_buffer_format(page, ".SS %s %s\n", verb->name, verb->arguments);
    put_text(page, verb->summary);
    bb_buffer_format(page, ".\n");
    if (verb->details) {
        bb_buffer_format(page, ".PP\n");
        put_text(page, verb->details);
        bb_buffer_append_byte(page, '\n');
    }
    put_options(page, verb->options);
    if (verb->examples) {
        bb_buffer_format(page, ".PP\n.EX\n");
        put_text(page, verb->examples);
        bb_buffer_format(page, ".EE\n");
    }
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_buffer page;

    (void)error;
    bb_buffer_init(&page, 1 << 20);
    bb_buffer_format(&page, ".TH BUSBAR 1 \"\" \"busbar " BB_VERSION "\"\n"
                            ".SH NAME\nbusbar \\- every reading of every meter, validated, "
                            "estimated and kept\n"
                            ".SH SYNOPSIS\n.B busbar\n.I VERB\n[OPTIONS] [ARGUMENTS]\n"
                            ".SH GLOBAL OPTIONS\n");
    put_options(&page, bb_global_options);
    bb_buffer_format(&page, ".SH VERBS\n");
    for (size_t i = 0; i < bb_verb_count; i++)
        put_verb(&page, bb_verbs[i]);
    bb_buffer_format(&page, ".SH EXIT STATUS\n0 done; 1 ran, but some input was refused; 2 wrong "
                            "usage; 3 could not start; 4 fault.\n");
    bb_command_print_page(command, &page);
    return BB_EXIT_DONE;
}

const struct bb_verb bb_verb_man = {
    .name = "man",
    .summary = "the manual page",
    .arguments = "",
    .examples = "busbar man | man -l -\n",
    .run = run,
};
