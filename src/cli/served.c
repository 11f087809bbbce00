/* A plant that a server has: see served.h. */
#include "cli/served.h"

#include "cli/served_ask.h"
#include "cli/served_follow.h"
#include "cli/served_log.h"

#include <stdio.h>
#include <unistd.h>

enum { URL_MAX = 256 };

static void url_path(const char *directory, char *path, size_t size) {
    snprintf(path, size, "%s/busbar.url", directory);
}

void bb_served_note(const char *directory, const char *url) {
    char path[4200];

    url_path(directory, path, sizeof path);
    FILE *file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "%s\n", url);
    fclose(file);
}

void bb_served_forget(const char *directory) {
    char path[4200];

    url_path(directory, path, sizeof path);
    unlink(path);
}

/* The file may be a dead server's: only one that answers counts. */
static bool is_served(const char *directory) {
    int fd = bb_served_connect(directory);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void read_url(const char *directory, char url[URL_MAX]) {
    char path[4200];

    url_path(directory, path, sizeof path);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(url, URL_MAX, file))
        snprintf(url, URL_MAX, "(unknown)");
    url[strcspn(url, "\n")] = '\0';
    if (file)
        fclose(file);
}

static int explain(const struct bb_command *command, struct bb_error *error) {
    char url[URL_MAX];

    read_url(command->globals.data, url);
    return BB_FAIL(error, BB_E_SERVED,
                   "busbar serve has this plant, at %s · end it, run this again, and start it anew",
                   url);
}

int bb_served_open(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    static const char *const through[] = {"ingest", "edit",   "exceptions", "registry",
                                          "rules",  "tick",   "replay",     "dlq",
                                          "tasks",  "worker", "archive"};
    const struct bb_globals *globals = &command->globals;
    bool goes_through = false;

    if (!is_served(globals->data))
        return -(int)error->code;
    for (size_t i = 0; i < sizeof through / sizeof through[0]; i++)
        goes_through = goes_through ||
                       (!command->alone && strcmp(command->verb->name, through[i]) == 0);
    if (!goes_through)
        return explain(command, error);
    int r = bb_plant_open(globals->data, globals->config, BB_PLANT_WORK, plant, error);
    if (r < 0)
        return r;
    struct bb_log *log = bb_served_log_new(plant->log, globals->data);
    if (!log) {
        bb_plant_close(plant);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    }
    plant->log = log;
    command->is_served = true;
    r = bb_served_follow_begin(command, plant, error);
    if (r < 0)
        bb_plant_close(plant);
    return r;
}
