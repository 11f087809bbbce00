/* busbar archive: old values into cheap files, the list of those, and whether they are whole. */
#include <stdio.h>

#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "service/archive_list.h"
#include "service/archive_order.h"
#include "service/archive_verify.h"

struct archive_options {
    const char *before, *lane;
};

#define AT(field) offsetof(struct archive_options, field)

static const struct bb_option options[] = {
    {.name = "before",
     .kind = BB_OPTION_TEXT,
     .offset = AT(before),
     .value = "YYYY-MM",
     .help = "order: months before this one, in UTC"},
    {.name = "lane",
     .kind = BB_OPTION_TEXT,
     .offset = AT(lane),
     .value = "LANE",
     .initial = "raw",
     .help = "order: raw (its history goes with it), vee, rules, stat or day"},
    BB_OPTION_END};

/* ---- order */

struct ordering {
    uint8_t lane;
    int32_t before;
    uint32_t appended;
};

static int read_order(const struct archive_options *given, struct ordering *o,
                      struct bb_error *error) {
    int lane = bb_lane_find(bb_span_of(given->lane));

    if (lane < 0 || !bb_archive_has_lane(lane))
        return BB_FAIL(error, BB_E_USAGE,
                       "--lane %s is not archived: raw, vee, rules, stat and day are", given->lane);
    if (!given->before)
        return BB_FAIL(error, BB_E_USAGE, "--before YYYY-MM says which months go");
    o->lane = (uint8_t)lane;
    o->before = bb_archive_month_parse(bb_span_of(given->before));
    if (o->before == INT32_MIN)
        return BB_FAIL(error, BB_E_USAGE, "--before %s is no month; write 2025-01", given->before);
    if (o->before > bb_archive_month_at(bb_clock_now_ms(bb_clock_system())))
        return BB_FAIL(error, BB_E_USAGE, "--before %s: only months that are over are archived",
                       given->before);
    return 0;
}

static int append(struct bb_command *command, struct bb_plant *plant, struct ordering *o,
                  struct bb_error *error) {
    const struct archive_options *given = command->options;
    struct bb_cli_act act;

    bb_cli_act_init(&act, "archive");
    bb_buffer_format(&act.subject, "lane=%s before=%s", given->lane, given->before);
    int r = bb_cli_act_begin(&act, command, plant->registry, error);
    if (r == 0) {
        r = bb_archive_append(plant, o->lane, o->before, bb_clock_system(), &o->appended, error);
        r = bb_cli_act_end(&act, command, plant->registry, r);
    }
    bb_cli_act_release(&act);
    return r;
}

static void report_order(struct bb_command *command, const struct ordering *o,
                         const struct bb_worker_counts *counts) {
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "orders", o->appended);
        if (!command->is_served) {
            bb_json_put_u64(&json, "files", counts->archived_files);
            bb_json_put_u64(&json, "blocks", counts->archived_blocks);
            bb_json_put_u64(&json, "failed", counts->archive_failures);
        }
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (bb_command_talks(command) && command->is_served) {
        bb_buffer_format(&command->out->buffer,
                         "%u orders; the server's workers carried them out\n"
                         "next: busbar archive ls\n",
                         o->appended);
    } else if (bb_command_talks(command)) {
        bb_buffer_format(&command->out->buffer,
                         "%u orders: %llu files with %llu blocks, %llu orders passed over\n"
                         "next: busbar archive ls\n",
                         o->appended, (unsigned long long)counts->archived_files,
                         (unsigned long long)counts->archived_blocks,
                         (unsigned long long)counts->archive_failures);
    }
}

static int run_order(struct bb_command *command, struct bb_error *error) {
    struct bb_worker_counts counts = {0};
    struct ordering o = {0};
    struct bb_plant plant;
    int r = read_order(command->options, &o, error);

    if (r == 0)
        r = bb_command_open_plant(command, BB_PLANT_APPEND, &plant, error);
    if (r < 0)
        return r;
    r = bb_catch_up(command, &plant, &counts, error); /* what was told before is archived, too */
    if (r >= 0)
        r = append(command, &plant, &o, error);
    if (r >= 0)
        r = bb_catch_up(command, &plant, &counts, error);
    bb_progress_bar_clear(command->bar);
    bb_plant_close(&plant);
    if (r < 0)
        return r;
    report_order(command, &o, &counts);
    return counts.archive_failures > 0 ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* ---- ls, verify */

static const struct bb_table_column columns[] = {
    {"lane", false},  {"month", false},   {"tenant", false}, {"partition", true},
    {"blocks", true}, {"readings", true}, {"bytes", true},   {"file", false}};

struct printing {
    struct bb_command *command;
    struct bb_plant *plant;
    struct bb_table table;
    struct bb_json json;
    uint64_t files, bad;
};

static int print_file(void *context, const struct bb_archive_head *head,
                      const struct bb_archive_place *place, struct bb_error *error) {
    struct printing *p = context;
    char month[BB_ARCHIVE_MONTH_TEXT_MAX];

    (void)error;
    p->files++;
    bb_archive_month_format(head->month, month);
    if (!p->command->globals.json) {
        bb_table_cell(&p->table, bb_span_of(bb_lanes[head->lane].name));
        bb_table_cell(&p->table, bb_span_of(month));
        bb_table_cell(&p->table, head->tenant);
        bb_table_cell_format(&p->table, "%u", head->partition);
        bb_table_cell_format(&p->table, "%llu", (unsigned long long)place->trailer.blocks);
        bb_table_cell_format(&p->table, "%llu", (unsigned long long)place->trailer.readings);
        bb_table_cell_format(&p->table, "%llu", (unsigned long long)place->size);
        return bb_table_cell(&p->table, bb_span_of(place->name)) ? 0 : 1;
    }
    bb_json_object_begin(&p->json);
    bb_json_put_text(&p->json, "lane", bb_span_of(bb_lanes[head->lane].name));
    bb_json_put_text(&p->json, "month", bb_span_of(month));
    bb_json_put_text(&p->json, "tenant", head->tenant);
    bb_json_put_u64(&p->json, "partition", head->partition);
    bb_json_put_u64(&p->json, "blocks", place->trailer.blocks);
    bb_json_put_u64(&p->json, "readings", place->trailer.readings);
    bb_json_put_u64(&p->json, "bytes", place->size);
    bb_json_put_text(&p->json, "file", bb_span_of(place->name));
    bb_json_object_end(&p->json);
    return 0;
}

static int run_list(struct bb_command *command, struct bb_error *error) {
    struct printing p = {.command = command};
    struct bb_plant plant;
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    if (command->globals.json) {
        p.json = bb_command_json(command);
        bb_json_array_begin(&p.json);
    } else {
        bb_table_init(&p.table, command->out, columns, sizeof columns / sizeof columns[0]);
    }
    r = bb_archive_list(&plant, BB_SPAN(""), print_file, &p, error);
    if (command->globals.json) {
        bb_json_array_end(&p.json);
        bb_command_json_end(command);
    } else {
        bb_table_finish(&p.table);
    }
    bb_plant_close(&plant);
    return r < 0 ? r : BB_EXIT_DONE;
}

/* What is wrong with one file is told, and the others are looked at. */
static int verify_file(void *context, const struct bb_archive_head *head,
                       const struct bb_archive_place *place, struct bb_error *error) {
    struct printing *p = context;
    struct bb_error wrong;

    (void)head;
    if (!p->plant->blob)
        return BB_FAIL(error, BB_E_ARCHIVE_NONE,
                       "values were archived in %s, and busbar.yaml names no archive", place->name);
    p->files++;
    if (bb_archive_verify(p->plant->blob, place, &wrong) < 0) {
        p->bad++;
        bb_command_complain(p->command, &wrong);
    }
    return *bb_stop_flag() ? 1 : 0;
}

static int run_verify(struct bb_command *command, struct bb_error *error) {
    struct printing p = {.command = command};
    struct bb_plant plant;
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    p.plant = &plant;
    bb_stop_on_signals();
    r = bb_archive_list(&plant, BB_SPAN(""), verify_file, &p, error);
    bb_plant_close(&plant);
    if (r < 0)
        return r;
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "files", p.files);
        bb_json_put_u64(&json, "damaged", p.bad);
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (bb_command_talks(command)) {
        bb_buffer_format(&command->out->buffer,
                         "%llu archived files were read, %llu are not whole\n",
                         (unsigned long long)p.files, (unsigned long long)p.bad);
    }
    return p.bad > 0 ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    static const struct {
        const char *name;
        int (*run)(struct bb_command *command, struct bb_error *error);
    } actions[] = {{"order", run_order}, {"ls", run_list}, {"verify", run_verify}};
    const char *asked = command->argument_count > 0 ? command->arguments[0] : "order";

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(asked, actions[i].name) == 0)
            return actions[i].run(command, error);
    return BB_FAIL(error, BB_E_USAGE, "busbar archive %s: order, ls and verify are there", asked);
}

const struct bb_verb bb_verb_archive = {
    .name = "archive",
    .summary = "old values into cheap files, from which they are still answered",
    .arguments = "[order|ls|verify]",
    .arguments_min = 0,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct archive_options),
    .details =
        "archive.folder in busbar.yaml says where. Questions see no difference; a late reading brings its\n"
        "day back, and the next order writes the month anew. `serve` orders by itself what archive.age\n"
        "says. ls lists the files, verify reads all of them and compares checksums.\n",
    .examples = "busbar archive --before 2025-01\n"
                "busbar archive --lane vee --before 2025-01\n"
                "busbar archive ls\n"
                "busbar archive verify\n",
    .run = run,
};
