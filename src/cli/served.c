/* A plant that a server has: see served.h. */
#include "cli/served.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
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
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s/busbar.sock", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && size < (int)sizeof address.sun_path &&
                   connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return answers;
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

int bb_served_explain(const struct bb_command *command, struct bb_error *error) {
    static const struct {
        const char *verb, *instead; /* the address stands between them */
    } rows[] = {
        {"ingest", "post the file: curl --data-binary @FILE -H 'Content-Type: text/csv' "},
        {"tick", "it writes ticks by itself · see "},
    };
    const char *instead = "end it, run this again, and start it anew · it is at ";
    const char *path = "";
    char url[URL_MAX];

    if (!is_served(command->globals.data))
        return -(int)error->code;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(command->verb->name, rows[i].verb) == 0)
            instead = rows[i].instead;
    if (strcmp(command->verb->name, "ingest") == 0)
        path = "/v1/readings";
    read_url(command->globals.data, url);
    return BB_FAIL(error, BB_E_SERVED, "busbar serve has this plant · %s%s%s", instead, url, path);
}
