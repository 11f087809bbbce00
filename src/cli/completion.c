/* busbar completion bash|zsh|fish: scripts printed from the tables of verbs and options. */
#include "cli/verbs.h"

static void put_choices(struct bb_buffer *page, const struct bb_option *option, char separator) {
    struct bb_span name;

    for (int i = 0; bb_option_choice(option, i, &name); i++)
        bb_buffer_format(page, "%.*s%.*s", i > 0, &separator, BB_SPAN_ARGS(name));
}

static void put_option_words(struct bb_buffer *page, const struct bb_option *option) {
    for (; option && option->name; option++)
        bb_buffer_format(page, " --%s", option->name);
}

static void put_bash_choices(struct bb_buffer *page, const char *verb,
                             const struct bb_option *option) {
    for (; option && option->name; option++) {
        if (option->kind != BB_OPTION_CHOICE)
            continue;
        bb_buffer_format(page, "    %s,--%s) COMPREPLY=($(compgen -W \"", verb, option->name);
        put_choices(page, option, ' ');
        bb_buffer_format(page, "\" -- \"$word\")); return ;;\n");
    }
}

static void bash(struct bb_buffer *page) {
    bb_buffer_format(page,
                     "# busbar completion for bash: source <(busbar completion bash)\n"
                     "_busbar() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} "
                     "verb= i\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n        ");
    for (size_t i = 0; i < bb_verb_count; i++)
        bb_buffer_format(page, "%s%s", i ? "|" : "", bb_verbs[i]->name);
    bb_buffer_format(page, ") verb=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n"
                           "    case $verb,$last in\n");
    for (size_t i = 0; i < bb_verb_count; i++)
        put_bash_choices(page, bb_verbs[i]->name, bb_verbs[i]->options);
    put_bash_choices(page, "*", bb_global_options);
    bb_buffer_format(page, "    esac\n    local options=\"");
    put_option_words(page, bb_global_options);
    bb_buffer_format(page, "\"\n    case $verb in\n    '') options=\"$options");
    for (size_t i = 0; i < bb_verb_count; i++)
        bb_buffer_format(page, " %s", bb_verbs[i]->name);
    bb_buffer_format(page, "\" ;;\n");
    for (size_t i = 0; i < bb_verb_count; i++) {
        bb_buffer_format(page, "    %s) options=\"$options", bb_verbs[i]->name);
        put_option_words(page, bb_verbs[i]->options);
        bb_buffer_format(page, "\" ;;\n");
    }
    bb_buffer_format(page, "    esac\n"
                           "    if [[ $word == -* || -z $verb ]]; then\n"
                           "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                           "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
                           "complete -o filenames -F _busbar busbar\n");
}

/* A text between single quotes of a shell. */
static void put_quoted(struct bb_buffer *page, const char *text) {
    bb_buffer_append_byte(page, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            bb_buffer_format(page, "'\\''");
        else
            bb_buffer_append_byte(page, (uint8_t)*text);
    }
    bb_buffer_append_byte(page, '\'');
}

/* A text without the characters that mean something where it stands. */
static void put_without(struct bb_buffer *page, const char *text, const char *unwanted) {
    for (; *text; text++)
        if (!strchr(unwanted, *text))
            bb_buffer_append_byte(page, (uint8_t)*text);
}

/* zsh's _arguments takes brackets and colons as its own. */
static void put_zsh_options(struct bb_buffer *page, const struct bb_option *option) {
    for (; option && option->name; option++) {
        bb_buffer_format(page, " \\\n            '--%s[", option->name);
        put_without(page, option->help, "[]:'");
        bb_buffer_format(page, "]");
        if (option->kind == BB_OPTION_CHOICE) {
            bb_buffer_format(page, ":value:(");
            put_choices(page, option, ' ');
            bb_buffer_append_byte(page, ')');
        } else if (option->kind != BB_OPTION_FLAG) {
            bb_buffer_format(page, ":value:_files");
        }
        bb_buffer_append_byte(page, '\'');
    }
}

static void zsh(struct bb_buffer *page) {
    bb_buffer_format(page, "#compdef busbar\n"
                           "# busbar completion for zsh: source <(busbar completion zsh)\n"
                           "_busbar() {\n    local -a verbs\n    verbs=(\n");
    for (size_t i = 0; i < bb_verb_count; i++) {
        bb_buffer_format(page, "        '%s:", bb_verbs[i]->name);
        put_without(page, bb_verbs[i]->summary, ":'");
        bb_buffer_append(page, "'\n", 2);
    }
    bb_buffer_format(page, "    )\n    if (( CURRENT == 2 )); then\n"
                           "        _describe verb verbs\n        return\n    fi\n"
                           "    case $words[2] in\n");
    for (size_t i = 0; i < bb_verb_count; i++) {
        bb_buffer_format(page, "    %s)\n        _arguments", bb_verbs[i]->name);
        put_zsh_options(page, bb_verbs[i]->options);
        put_zsh_options(page, bb_global_options);
        bb_buffer_format(page, " \\\n            '*:file:_files' ;;\n");
    }
    bb_buffer_format(page, "    esac\n}\ncompdef _busbar busbar\n");
}

static void put_fish_options(struct bb_buffer *page, const char *verb,
                             const struct bb_option *option) {
    for (; option && option->name; option++) {
        bb_buffer_format(page, "complete -c busbar -l %s", option->name);
        if (verb)
            bb_buffer_format(page, " -n '__fish_seen_subcommand_from %s'", verb);
        if (option->kind != BB_OPTION_FLAG)
            bb_buffer_format(page, " -r");
        if (option->kind == BB_OPTION_CHOICE) {
            bb_buffer_format(page, " -f -a '");
            put_choices(page, option, ' ');
            bb_buffer_append_byte(page, '\'');
        }
        bb_buffer_format(page, " -d ");
        put_quoted(page, option->help);
        bb_buffer_append_byte(page, '\n');
    }
}

static void fish(struct bb_buffer *page) {
    bb_buffer_format(page, "# busbar completion for fish: busbar completion fish | source\n");
    for (size_t i = 0; i < bb_verb_count; i++) {
        bb_buffer_format(page, "complete -c busbar -n __fish_use_subcommand -f -a %s -d ",
                         bb_verbs[i]->name);
        put_quoted(page, bb_verbs[i]->summary);
        bb_buffer_append_byte(page, '\n');
    }
    put_fish_options(page, NULL, bb_global_options);
    for (size_t i = 0; i < bb_verb_count; i++)
        put_fish_options(page, bb_verbs[i]->name, bb_verbs[i]->options);
}

static const struct {
    const char *name;
    void (*print)(struct bb_buffer *page);
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_buffer page;

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(command->arguments[0], shells[i].name) != 0)
            continue;
        bb_buffer_init(&page, 1 << 20);
        shells[i].print(&page);
        bb_command_print_page(command, &page);
        return BB_EXIT_DONE;
    }
    return BB_FAIL(error, BB_E_USAGE,
                   "there is no completion for \"%s\": allowed are bash, zsh, fish",
                   command->arguments[0]);
}

const struct bb_verb bb_verb_completion = {
    .name = "completion",
    .summary = "completion for a shell",
    .arguments = "bash|zsh|fish",
    .arguments_min = 1,
    .arguments_max = 1,
    .examples = "source <(busbar completion bash)\n",
    .run = run,
};
