/* busbar demo: a small city of meters, with faults, through the whole plant.
 *
 *   generate ─► registry apply ─► ingest ─► the same files again ─► what was found ─► serve
 *
 * Each run begins anew: a folder that carries the demo's mark is emptied of what a demo makes; any
 * other folder that holds something is refused.
 */
#include "cli/demo_report.h"
#include "cli/registry_apply.h"
#include "cli/serve.h"
#include "cli/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEMO_FOLDER "./busbar-demo"
#define DEMO_MARK   ".made-by-busbar-demo"

struct demo_options {
    int64_t meters, days, seed, port;
    double faults;
    bool exit;
};

#define AT(field) offsetof(struct demo_options, field)

static const struct bb_option options[] = {
    {.name = "meters",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(meters),
     .value = "N",
     .initial = "1000",
     .min = 1,
     .max = BB_CITY_METERS_MAX,
     .help = "of the city"},
    {.name = "days",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(days),
     .value = "D",
     .initial = "42",
     .min = 1,
     .max = BB_CITY_DAYS_MAX,
     .help = "from 2026-03-20; the clocks change on the 29th"},
    {.name = "faults",
     .kind = BB_OPTION_SHARE,
     .offset = AT(faults),
     .value = "RATE",
     .initial = "0.1",
     .help = "share of usage points with at least one fault"},
    {.name = "seed",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(seed),
     .value = "S",
     .initial = "1",
     .min = 0,
     .max = INT64_MAX,
     .help = "another seed, another city"},
    {.name = "port",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(port),
     .value = "P",
     .initial = "8080",
     .min = 0,
     .max = 65535,
     .help = "where it is served; any other that is free when this one is taken"},
    {.name = "exit",
     .kind = BB_OPTION_FLAG,
     .offset = AT(exit),
     .help = "end after the report; else it is served until Ctrl-C"},
    BB_OPTION_END};

enum { PATH_SIZE = 4096, OPEN_FOLDERS_MAX = 16 };

/* ---- a fresh folder -------------------------------------------------------------------------------*/

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static int remove_tree(const char *directory, const char *name, struct bb_error *error) {
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
        errno == ENOENT)
        return 0;
    return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot remove %s", path);
}

static bool is_empty(const char *directory) {
    DIR *folder = opendir(directory);
    int entries = 0;

    while (folder && readdir(folder))
        entries++;
    if (folder)
        closedir(folder);
    return entries <= 2; /* . and .. */
}

static int mark(const char *directory, struct bb_error *error) {
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/" DEMO_MARK, directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", path);
    close(fd);
    return 0;
}

static int prepare_folder(const char *directory, struct bb_error *error) {
    static const char *const made[] = {
        "city",        "log",       "store", "registry.db", "registry.db-wal", "registry.db-shm",
        "busbar.sock", "busbar.url"};
    char path[PATH_SIZE];
    int r = 0;

    snprintf(path, sizeof path, "%s/" DEMO_MARK, directory);
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", directory);
    if (access(path, F_OK) != 0 && !is_empty(directory))
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "%s holds something that no demo made: name another folder with --data",
                       directory);
    for (size_t i = 0; r == 0 && i < sizeof made / sizeof made[0]; i++)
        r = remove_tree(directory, made[i], error);
    return r == 0 ? mark(directory, error) : r;
}

/* ---- the steps ------------------------------------------------------------------------------------*/

static void say(struct bb_demo *demo, const char *what) {
    if (!bb_command_talks(demo->command))
        return;
    bb_buffer_format(&demo->command->out->buffer, "%s\n", what);
    bb_output_flush(demo->command->out);
}

static int generate(struct bb_demo *demo, const struct bb_city_options *how, const char *folder,
                    struct bb_error *error) {
    const struct bb_generate_options options_of_run = {.city = *how,
                                                       .directory = folder,
                                                       .watch = &demo->command->bar->watch,
                                                       .report = &demo->generated};

    say(demo, "1  a city of meters: electricity, water and heat, some of them faulty");
    bb_progress_bar_restart(demo->command->bar, "generating");
    int r = bb_generate_run(&options_of_run, error);
    bb_progress_bar_clear(demo->command->bar);
    return r;
}

/* `busbar --quiet registry apply FILE`, by a command of its own. */
static int apply_registry(struct bb_demo *demo, const char *folder, struct bb_error *error) {
    static const struct bb_registry_options how = {0};
    char path[PATH_SIZE + 32];
    char verb[] = "apply";
    char *arguments[] = {verb, path};
    struct bb_command command = *demo->command;

    say(demo, "2  their master data: devices, multipliers, exchanges");
    snprintf(path, sizeof path, "%s/registry.yaml", folder);
    command.options = &how;
    command.arguments = arguments;
    command.argument_count = 2;
    command.globals.data = demo->directory;
    command.globals.quiet = true;
    command.globals.json = false;
    return bb_registry_apply(&command, error);
}

static void begin_ingest(struct bb_demo *demo, struct bb_ingest_run *run, bool again) {
    *run = (struct bb_ingest_run){
        .command = demo->command,
        .plant = demo->plant,
        .land = {.form.tenant = bb_command_tenant(demo->command),
                 .form.kind = BB_KIND_UNKNOWN,
                 .clock = bb_clock_system(),
                 .again = again,
                 .watch = &demo->command->bar->watch},
    };
}

static int ingest_twice(struct bb_demo *demo, char *folder, struct bb_error *error) {
    struct bb_ingest_run *again = malloc(sizeof *again);

    if (!again)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    say(demo, "3  their readings: into the log, validated, estimated, cut into days, stored");
    begin_ingest(demo, demo->ingest, false);
    int r = bb_ingest_run(demo->ingest, &folder, 1, error);
    if (r == 0)
        say(demo, "4  the same files again: nothing may change");
    begin_ingest(demo, again, true);
    if (r == 0)
        r = bb_ingest_run(again, &folder, 1, error);
    demo->again_duplicates = again->counts.duplicate;
    bb_ingest_run_release(again);
    free(again);
    return r;
}

static int run_steps(struct bb_demo *demo, const struct bb_city_options *how,
                     struct bb_error *error) {
    int64_t began_ns = bb_monotonic_ns();
    char folder[PATH_SIZE];

    snprintf(folder, sizeof folder, "%s/city", demo->directory);
    int r = generate(demo, how, folder, error);
    if (r == 0)
        r = apply_registry(demo, folder, error);
    if (r == 0)
        r = bb_plant_open(demo->directory, demo->command->globals.config, BB_PLANT_APPEND,
                          demo->plant, error);
    if (r != 0)
        return r;
    demo->command->started = true;
    r = ingest_twice(demo, folder, error);
    demo->seconds = (double)(bb_monotonic_ns() - began_ns) / 1e9;
    if (r == 0)
        r = bb_demo_report(demo, how, error);
    bb_plant_close(demo->plant);
    return r;
}

/* ---- the command --------------------------------------------------------------------------------*/

static void city_of(const struct demo_options *given, struct bb_city_options *how) {
    bb_city_options_default(how);
    how->meters = (uint32_t)given->meters;
    how->days = (uint32_t)given->days;
    how->seed = (uint64_t)given->seed;
    how->fault_ppm = (uint32_t)(given->faults * BB_CITY_ONE_PPM + 0.5);
    how->format = BB_CITY_CSV;
}

static int run_demo(struct bb_demo *demo, struct bb_error *error) {
    struct bb_command *command = demo->command;
    bool default_data = strcmp(command->globals.data, bb_global_options[0].initial) == 0;
    struct bb_city_options how;

    demo->directory = default_data ? DEMO_FOLDER : command->globals.data;
    city_of(command->options, &how);
    int r = prepare_folder(demo->directory, error);
    if (r != 0)
        return r;
    r = run_steps(demo, &how, error);
    bb_ingest_run_release(demo->ingest);
    return r;
}

static void say_where(struct bb_command *command, const char *url) {
    if (command->globals.json || command->globals.quiet)
        return;
    bb_buffer_format(&command->out->buffer, "\nserved at %s until Ctrl-C\n", url);
    bb_output_flush(command->out);
}

/* Look around in it. */
static int serve(struct bb_command *command, const char *directory, struct bb_error *error) {
    const struct demo_options *given = command->options;
    struct bb_serve_options how = {.port = given->port, .address = "127.0.0.1", .workers = 1};

    command->globals.data = directory;
    int r = bb_serve(command, &how, say_where, error);
    if (r == -BB_E_LISTEN && how.port != 0) {
        how.port = 0;
        r = bb_serve(command, &how, say_where, error);
    }
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct demo_options *given = command->options;
    struct bb_demo demo = {.command = command,
                           .plant = calloc(1, sizeof *demo.plant),
                           .ingest = calloc(1, sizeof *demo.ingest)};
    int r;

    if (demo.plant && demo.ingest)
        r = run_demo(&demo, error);
    else
        r = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    free(demo.plant);
    free(demo.ingest);
    if (r == 0 && !given->exit)
        r = serve(command, demo.directory, error);
    return r < 0 ? r : BB_EXIT_DONE;
}

const struct bb_verb bb_verb_demo = {
    .name = "demo",
    .summary = "a small city of meters through the whole plant",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct demo_options),
    .examples = "busbar demo\n"
                "busbar demo --meters 200 --seed 7 --exit\n",
    .details = "Works in " DEMO_FOLDER
               " unless --data names another folder, and begins anew each time.\n"
               "A folder that holds something else is refused.\n",
    .run = run,
};
