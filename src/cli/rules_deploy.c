/* busbar rules diff|deploy|rollback: shows what changes, asks, does it, and lets the plant follow.
 *
 *   cases ─► difference on what is stored ─► yes? ─► audit entry ─► log ─► recomputed
 */
#include "cli/asked_times.h"
#include "cli/audit.h"
#include "cli/human.h"
#include "cli/ingest_run.h"
#include "cli/rules.h"
#include "cli/rules_diff_print.h"
#include "model/rule_version.h"
#include "service/registry_turn.h"
#include "service/rules_proposal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_CHUNK_BYTES = 64 << 10, ARENA_LIMIT_BYTES = 256 << 20, TURN_MS = 120000 };

struct deploying {
    struct bb_rules_command *r;
    struct bb_rules_module module;
    struct bb_rules_proposal proposal;
    char environment[BB_RULES_ENVIRONMENT_HASH + 1], who[BB_CLI_WHO_MAX];
    struct bb_arena arena;
    struct bb_rules_look look;
    struct bb_rules_diff_print print;
    struct bb_worker_counts counts;
};

/* ---- what is asked ---------------------------------------------------------------------------- */

/* "5%", "0.05": thousandths, 1 at least. */
static int read_share(const char *text, uint32_t *share, struct bb_error *error) {
    char *end;
    double value = text ? strtod(text, &end) : 1;

    *share = BB_MASTER_SHARE_ALL;
    if (!text)
        return 0;
    if (*end == '%') {
        value /= 100;
        end++;
    }
    if (end != text && !*end && bb_rules_share_of(value, share))
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--canary cannot be \"%s\": allowed is 0.1%% to 100%%, such as 5%%", text);
}

static struct bb_span text_of(const char *given) {
    return bb_span_of(given ? given : "");
}

static int read_asked(struct deploying *d, struct bb_error *error) {
    const struct bb_rules_options *given = d->r->given;
    const struct bb_asked_channels every = {.zone = given->zone ? given->zone : "UTC"};
    struct bb_deploy *asked = &d->proposal.asked;

    *asked = (struct bb_deploy){.module = &d->module,
                                .parameters = text_of(given->parameters),
                                .by = bb_span_of(bb_cli_who(given->by, d->who)),
                                .reason = text_of(given->reason),
                                .before = text_of(given->before),
                                .now_ms = bb_clock_now_ms(bb_clock_system())};
    int result = bb_rules_choose(d->r, &d->module, &asked->rule, error);
    if (!result)
        result = read_share(given->canary, &asked->share, error);
    if (!result)
        result = bb_asked_time(&d->r->plant, &every, "from", given->from, &asked->from_ms, error);
    if (!result)
        result = bb_rules_environment_hash(&d->r->environment, d->environment, error);
    if (result)
        return result;
    asked->name = given->name ? bb_span_of(given->name) : asked->rule->name;
    asked->environment = bb_span_of(d->environment);
    return 0;
}

/* ---- what it changes -------------------------------------------------------------------------- */

static void say_heading(struct deploying *d) {
    char text[BB_TIME_TEXT_MAX];

    bb_time_format_utc(d->look.from_ms, text);
    if (d->proposal.asked.from_ms == BB_TIME_NONE)
        bb_buffer_format(&d->r->command->out->buffer,
                         "\nhad it been there for the last %d days (nothing of them is changed):\n",
                         BB_PREVIEW_DAYS);
    else
        bb_buffer_format(&d->r->command->out->buffer, "\nwhat changes, from %s on:\n", text);
}

static int look(struct deploying *d, struct bb_error *error) {
    d->look = (struct bb_rules_look){.from_ms = bb_rules_proposal_looks_from(&d->proposal),
                                     .to_ms = BB_TIME_NONE};
    if (bb_command_talks(d->r->command))
        say_heading(d);
    int result = bb_rules_diff_print_run(&d->print, &d->proposal, &d->look, error);
    if (!result && d->print.sum->points == 0 && bb_command_talks(d->r->command))
        bb_buffer_format(
            &d->r->command->out->buffer,
            "nothing is stored of that time: --from DATE --dry-run looks further back\n");
    return result;
}

static void say_what(struct deploying *d) {
    const struct bb_rules_proposal *p = &d->proposal;
    const struct bb_master_rule *rule = bb_rules_find(&p->next, p->asked.name);
    const struct bb_master_rule_version *v = rule->versions, *old = bb_rules_proposal_before(p);
    struct bb_buffer *out = &d->r->command->out->buffer;
    char text[BB_TIME_TEXT_MAX];

    bb_time_format_utc(v->from_ms, text);
    bb_buffer_format(out, "rule %.*s, version %.*s: lane %s, channel %.*s, parameters %.*s\n",
                     BB_SPAN_ARGS(rule->name), BB_SPAN_ARGS(v->id),
                     bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name, BB_SPAN_ARGS(v->channel),
                     BB_SPAN_ARGS(v->parameters));
    if (p->asked.from_ms == BB_TIME_NONE)
        bb_buffer_format(out, "it speaks of values from now on; --from TIME lets it speak of "
                              "history, too\n");
    else
        bb_buffer_format(out, "it speaks of values that end after %s\n", text);
    if (v->share < BB_MASTER_SHARE_ALL)
        bb_buffer_format(out, "on %g %% of the usage points, a canary\n",
                         v->share * 100.0 / BB_MASTER_SHARE_ALL);
    if (old && p->outcome == BB_DEPLOY_DONE)
        bb_buffer_format(out, "before version %.*s, which %.*s deployed\n", BB_SPAN_ARGS(old->id),
                         BB_SPAN_ARGS(old->by));
}

/* ---- doing it --------------------------------------------------------------------------------- */

static int ask(struct deploying *d, const char *question, struct bb_error *error) {
    char answer[16] = "";

    if (d->r->given->yes)
        return 0;
    bb_output_flush(d->r->command->out);
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return BB_FAIL(error, BB_E_USAGE, "nothing was changed");
}

/* Where nobody can be asked, --yes has to be there before the work begins. */
static int check_asking(const struct bb_rules_command *r, struct bb_error *error) {
    if (r->given->yes || r->given->dry_run || isatty(STDIN_FILENO))
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "nobody can be asked here: look with --dry-run first, then give --yes");
}

static int append(struct deploying *d, const char *verb, struct bb_error *error) {
    struct bb_command *command = d->r->command;
    const struct bb_rules_proposal *p = &d->proposal;
    const struct bb_master_rule_version *after = bb_rules_proposal_after(p);
    struct bb_cli_act act;

    bb_cli_act_init(&act, verb);
    act.by = d->r->given->by;
    act.reason = p->asked.reason;
    bb_buffer_format(&act.subject, "rule %.*s", BB_SPAN_ARGS(p->asked.name));
    if (after)
        bb_buffer_format(&act.subject, ", version %.*s", BB_SPAN_ARGS(after->id));
    int result = bb_cli_act_begin(&act, command, d->r->plant.registry, error);
    if (!result) {
        result = bb_rules_proposal_append(p, &d->r->plant, bb_clock_system(), error);
        result = bb_cli_act_end(&act, command, d->r->plant.registry, result);
    }
    bb_cli_act_release(&act);
    return result ? result : bb_catch_up(command, &d->r->plant, &d->counts, error);
}

/* One after the other, as registry files are applied: rules are master data. */
static int change_in_turn(struct deploying *d, const char *verb, struct bb_error *error) {
    int turn, result = bb_registry_turn_take(&d->r->plant, TURN_MS, &turn, error);

    if (result)
        return result;
    result = bb_rules_proposal_confirm(&d->proposal, error);
    if (!result)
        result = append(d, verb, error);
    bb_registry_turn_end(turn);
    return result;
}

static void report_json(struct deploying *d, bool done) {
    const struct bb_master_rule_version *after = bb_rules_proposal_after(&d->proposal);
    struct bb_json json = bb_command_json(d->r->command);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", d->proposal.asked.name);
    if (after)
        bb_json_put_text(&json, "version", after->id);
    bb_json_put_bool(&json, "already", d->proposal.outcome == BB_DEPLOY_SAME);
    bb_json_put_bool(&json, "done", done);
    if (d->print.sum) {
        char text[BB_TIME_TEXT_MAX];
        bb_json_put_text(&json, "looked_from",
                         (struct bb_span){text, bb_time_format_utc(d->look.from_ms, text)});
        bb_rules_diff_print_json(&d->print, &json);
    }
    bb_json_object_end(&json);
    bb_command_json_end(d->r->command);
}

static int do_deploy(struct deploying *d, struct bb_error *error) {
    struct bb_rules_command *r = d->r;
    int result = ask(d, "deploy it?", error);

    if (!result)
        result = change_in_turn(d, "rules deploy", error);
    bb_progress_bar_clear(r->command->bar);
    if (!result && bb_command_talks(r->command))
        bb_buffer_format(&r->command->out->buffer,
                         "\ndeployed\nnext: busbar rules list; to undo: busbar rules rollback "
                         "%.*s\n",
                         BB_SPAN_ARGS(d->proposal.asked.name));
    return result;
}

/* The registry knows what is in the log. */
static int begin(struct deploying *d, bool makes, struct bb_error *error) {
    int result = makes ? bb_catch_up(d->r->command, &d->r->plant, &d->counts, error) : 0;

    bb_progress_bar_clear(d->r->command->bar);
    return result;
}

static int deploy_loaded(struct deploying *d, bool only_diff, struct bb_error *error) {
    struct bb_command *command = d->r->command;
    const bool makes = !only_diff && !d->r->given->dry_run;
    int result = begin(d, makes, error);

    if (!result)
        result = read_asked(d, error);
    if (!result && !only_diff)
        result = bb_rules_allow_cases(d->r, &d->module, error);
    if (!result)
        result = bb_rules_propose(&d->proposal, error);
    if (!result && bb_command_talks(command))
        say_what(d);
    if (!result && d->proposal.outcome == BB_DEPLOY_SAME && bb_command_talks(command))
        bb_buffer_format(&command->out->buffer, "it speaks already: there is nothing to do\n");
    if (!result && d->proposal.outcome == BB_DEPLOY_DONE) {
        result = look(d, error);
        if (!result && makes)
            result = do_deploy(d, error);
    }
    if (!result && command->globals.json)
        report_json(d, makes && d->proposal.outcome == BB_DEPLOY_DONE);
    return result;
}

static struct deploying *deploying_new(struct bb_rules_command *r, struct bb_error *error) {
    struct deploying *d = calloc(1, sizeof *d);

    if (!d) {
        (void)!BB_FAIL(error, BB_E_NO_MEMORY, "no memory to deploy");
        return NULL;
    }
    d->r = r;
    bb_arena_init(&d->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    d->proposal = (struct bb_rules_proposal){
        .plant = &r->plant, .tenant = bb_command_tenant(r->command), .arena = &d->arena};
    bb_rules_diff_print_init(&d->print, r->command, r->given->rows);
    return d;
}

static void deploying_free(struct deploying *d) {
    bb_rules_diff_print_release(&d->print);
    bb_arena_release(&d->arena);
    free(d);
}

static int run(struct bb_rules_command *r, bool only_diff, struct bb_error *error) {
    struct deploying *d = deploying_new(r, error);
    int result = d ? 0 : -BB_E_NO_MEMORY;

    if (!result && !only_diff)
        result = check_asking(r, error);
    if (!result)
        result = bb_rules_load_named(r, only_diff ? "diff" : "deploy", &d->module, error);
    if (!result) {
        result = deploy_loaded(d, only_diff, error);
        bb_rules_module_release(&d->module);
    }
    if (d)
        deploying_free(d);
    return result;
}

int bb_rules_diff_shown(struct bb_rules_command *r, struct bb_error *error) {
    return run(r, true, error);
}

int bb_rules_deploy_asked(struct bb_rules_command *r, struct bb_error *error) {
    return run(r, false, error);
}

/* ---- rollback --------------------------------------------------------------------------------- */

static void say_rollback(struct deploying *d) {
    const struct bb_master_rule_version *old = bb_rules_proposal_before(&d->proposal);
    const struct bb_master_rule_version *new = bb_rules_proposal_after(&d->proposal);
    struct bb_buffer *out = &d->r->command->out->buffer;
    char deployed[BB_TIME_TEXT_MAX], from[BB_TIME_TEXT_MAX] = "the beginning";

    bb_time_format_utc(old->deployed_ms, deployed);
    if (old->from_ms != BB_TIME_NONE)
        bb_time_format_utc(old->from_ms, from);
    bb_buffer_format(out, "rule %.*s: version %.*s, which %.*s deployed at %s, is taken away\n",
                     BB_SPAN_ARGS(d->proposal.asked.name), BB_SPAN_ARGS(old->id),
                     BB_SPAN_ARGS(old->by), deployed);
    if (new)
        bb_buffer_format(out, "version %.*s speaks again, of values from %s on\n",
                         BB_SPAN_ARGS(new->id), from);
    else
        bb_buffer_format(out, "it has no other version: the rule is gone, from %s on\n", from);
}

static int rollback(struct deploying *d, struct bb_error *error) {
    struct bb_command *command = d->r->command;
    const bool makes = !d->r->given->dry_run;
    int result = begin(d, makes, error);

    d->proposal.asked.name = bb_span_of(command->arguments[1]);
    d->proposal.asked.reason = text_of(d->r->given->reason);
    if (!result)
        result = bb_rules_propose_rollback(&d->proposal, error);
    if (!result && bb_command_talks(command))
        say_rollback(d);
    if (!result && makes)
        result = ask(d, "roll it back?", error);
    if (!result && makes)
        result = change_in_turn(d, "rules rollback", error);
    bb_progress_bar_clear(command->bar);
    if (!result && command->globals.json)
        report_json(d, makes);
    return result;
}

int bb_rules_rollback_asked(struct bb_rules_command *r, struct bb_error *error) {
    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules rollback needs the NAME of a deployed rule");
    struct deploying *d = deploying_new(r, error);
    int result = d ? check_asking(r, error) : -BB_E_NO_MEMORY;

    if (!result)
        result = rollback(d, error);
    if (d)
        deploying_free(d);
    return result;
}
