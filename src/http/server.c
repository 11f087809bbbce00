/* The server: see server.h. Start and end on the main thread. */
#include "http/server.h"

#include "http/call_internal.h"
#include "http/socket_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTION_BYTES =
        32 << 10,    /* of a request's head and answer, per connection; all of it stays in use */
    SILENCE_S = 120, /* the backstop for what the deadlines of link.c do not see */
    BODY_MEMORY_BYTES = 1 << 20, /* a larger body goes to a file */
    BODIES_MEMORY_BYTES = 256 << 20,
    FILES_RESERVED = 256, /* for the log, the store, spools */
    CERTIFICATE_BYTES = 1 << 20,
    BODY_GRACE_MS = 30000,
    DRAIN_LOOK_MS = 10,
    TRIALS = 4 /* of rules, at a time */
};

/* ---- what it needs */

static int read_pem(const char *path, char **out, struct bb_error *error) {
    FILE *file = fopen(path, "re");
    char *text = malloc(CERTIFICATE_BYTES);
    size_t size = file && text ? fread(text, 1, CERTIFICATE_BYTES - 1, file) : 0;

    if (file)
        fclose(file);
    *out = text;
    if (size == 0)
        return BB_FAIL(error, BB_E_TLS, "cannot read %s", path);
    text[size] = '\0';
    return 0;
}

static int read_tls_files(struct bb_http_server *server, struct bb_error *error) {
    const struct bb_config *config = server->options.config;
    bool has_certificate = config->http_certificate[0] != '\0',
         has_key = config->http_key[0] != '\0';

    if (has_certificate != has_key)
        return BB_FAIL(error, BB_E_TLS, "http.tls.certificate and http.tls.key go together");
    if (!has_certificate)
        return 0;
    int result = read_pem(config->http_certificate, &server->certificate, error);
    return result ? result : read_pem(config->http_key, &server->private_key, error);
}

/* Elsewhere than on the loopback: keys, so that not everybody may; TLS, so that nobody reads them. */
static int check_exposure(struct bb_http_server *server, struct bb_error *error) {
    const struct bb_http_options *o = &server->options;
    bool has_keys = bb_http_gate_wants_credentials(&server->gate), is_loopback;
    int result = bb_http_address_check(o->address, &is_loopback, error);

    if (result || o->insecure || is_loopback || (has_keys && server->certificate))
        return result;
    return BB_FAIL(error, BB_E_LISTEN_OPEN,
                   "%s is not the loopback, and there %s; --insecure waives it", o->address,
                   has_keys              ? "is no TLS (http.tls.certificate)"
                   : server->certificate ? "are no keys (busbar keys create)"
                                         : "are neither keys (busbar keys create) nor TLS "
                                           "(http.tls.certificate)");
}

/* As many open files as connections want; returns how many connections there may be. */
static unsigned raise_files(int64_t connections) {
    struct rlimit limit;
    int64_t files = connections + FILES_RESERVED;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return (unsigned)connections;
    if (limit.rlim_cur < (rlim_t)files) {
        limit.rlim_cur = limit.rlim_max < (rlim_t)files ? limit.rlim_max : (rlim_t)files;
        (void)!setrlimit(RLIMIT_NOFILE, &limit);
        (void)!getrlimit(RLIMIT_NOFILE, &limit);
    }
    int64_t most = (int64_t)limit.rlim_cur - FILES_RESERVED;
    if (most > connections)
        most = connections;
    return most > 16 ? (unsigned)most : 16;
}

/* ---- listening */

static void __attribute__((format(printf, 2, 0)))
log_line(void *context, const char *format, va_list args) {
    struct bb_http_server *server = context;
    char text[512];

    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\r\n")] = '\0';
    BB_LOG_LINE(&server->options.logger, BB_LOG_DEBUG, text,
                bb_field_text("from", "libmicrohttpd"));
}

/* `fd` listens; it is taken over, also where this fails. */
static int start_daemon(struct bb_http_listener *listener, int fd, unsigned threads,
                        unsigned connections, struct bb_error *error) {
    struct bb_http_server *server = listener->server;
    bool tls = server->certificate && !listener->is_local;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                     (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem options[12];
    size_t n = 0;

    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
                                           NULL};
    /* Not more may ever come in; libmicrohttpd refuses where the acceptor would leave waiting. */
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT, 2 * (intptr_t)connections,
                                           NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, NULL};
    if (threads > 1)
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, threads, NULL};
    if (tls) {
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, server->private_key};
    }
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    listener->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, bb_http_on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, log_line,
        server, MHD_OPTION_URI_LOG_CALLBACK, bb_http_on_uri, listener, MHD_OPTION_NOTIFY_COMPLETED,
        bb_http_on_end, listener, MHD_OPTION_NOTIFY_CONNECTION, bb_http_on_link, listener,
        MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (listener->daemon) {
        listener->door = bb_http_acceptor_add(&server->acceptor, listener->daemon, threads, fd,
                                              connections);
        return 0;
    }
    close(fd);
    return tls ? BB_FAIL(error, BB_E_TLS,
                         "the server does not start: are %s and %s a PEM certificate "
                         "and its key?",
                         server->options.config->http_certificate, server->options.config->http_key)
               : BB_FAIL(error, BB_E_LISTEN, "the server does not start");
}

static int listen_all(struct bb_http_server *server, struct bb_error *error) {
    const struct bb_http_options *o = &server->options;
    unsigned connections = raise_files(o->config->http_connections);
    uint16_t port = o->port;
    int fd;
    int result = bb_http_listen_port(o->address, &port, &fd, error);

    if (!result)
        result = start_daemon(&server->listeners[0], fd, (unsigned)o->config->http_threads,
                              connections, error);
    if (result)
        return result;
    snprintf(server->url, sizeof server->url,
             strchr(o->address, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
             server->certificate ? "https" : "http", o->address, port);
    if (!o->socket_path)
        return 0;
    result = bb_http_listen_path(o->socket_path, &fd, error);
    return result ? result : start_daemon(&server->listeners[1], fd, 1, FILES_RESERVED / 2, error);
}

/* ---- life */

static int start_parts(struct bb_http_server *server, struct bb_error *error) {
    const struct bb_http_options *o = &server->options;
    const struct bb_config *config = o->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t decoders = cores < 1 ? 1 : cores > 16 ? 16 : (uint32_t)cores;

    server->describer = bb_rules_describer_open(config);
    if (!server->describer)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a server");
    int result = bb_key_ring_open(o->data, config, &server->gate.ring, error);
    if (!result)
        result = bb_http_auditor_start(&server->auditor, o->data, config, error);
    if (!result)
        result = bb_issuer_open(config, &o->logger, &server->gate.issuer, error);
    if (!result)
        result = read_tls_files(server, error);
    if (!result)
        result = check_exposure(server, error);
    if (!result)
        result = bb_http_crew_start(&server->questions, (uint32_t)config->http_handlers, false,
                                    o->data, o->config_path, error);
    if (!result)
        result = bb_http_crew_start(&server->posts, decoders, true, o->data, o->config_path, error);
    if (!result)
        result = bb_http_crew_start(&server->trials, TRIALS, false, o->data, o->config_path, error);
    if (!result)
        result = bb_http_watcher_start(&server->watcher, o->data, o->config_path, o->partitions,
                                       &o->logger, error);
    if (!result && !bb_http_links_start(&server->links))
        result = BB_FAIL(error, BB_E_NO_MEMORY, "cannot start the server's threads");
    if (!result)
        result = listen_all(server, error);
    if (!result && !bb_http_acceptor_start(&server->acceptor))
        result = BB_FAIL(error, BB_E_NO_MEMORY, "cannot start the server's threads");
    return result;
}

int bb_http_server_start(const struct bb_http_options *options, struct bb_http_server **out,
                         struct bb_error *error) {
    struct bb_http_server *server = calloc(1, sizeof *server);
    const struct bb_config *config = options->config;

    if (!server)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a server");
    server->options = *options;
    server->watcher.alive = options->alive;
    server->watcher.refusing.limit_ms = config->http_backlog_ms;
    server->gate = (struct bb_http_gate){.tenant = options->tenant, .open = options->insecure};
    server->links = (struct bb_http_links){.idle_ms = config->http_idle_ms,
                                           .head_ms = config->http_head_ms,
                                           .body_ms = BODY_GRACE_MS,
                                           .body_bytes_per_second = config->http_pace_bytes};
    server->room = (struct bb_http_spool_room){.memory_each = BODY_MEMORY_BYTES,
                                               .memory_all = BODIES_MEMORY_BYTES};
    snprintf(server->room.folder, sizeof server->room.folder, "%s", options->data);
    for (int i = 0; i < BB_HTTP_DAEMONS; i++)
        server->listeners[i] = (struct bb_http_listener){.server = server, .is_local = i > 0};
    int result = start_parts(server, error);
    if (result) {
        bb_http_server_stop(server);
    } else {
        const struct bb_sums_source source = bb_http_sums_source(server, options->tenant);
        bb_sums_begin(&source); /* the overview is what people open first */
        *out = server;
    }
    return result;
}

const char *bb_http_server_url(const struct bb_http_server *server) {
    return server->url;
}

bool bb_http_server_wants_keys(struct bb_http_server *server) {
    return bb_http_gate_wants_credentials(&server->gate);
}

static bool wait_until_idle(const struct bb_http_server *server, int *left_ms) {
    const struct timespec nap = {0, DRAIN_LOOK_MS * 1000000L};

    for (; atomic_load(&server->running) > 0; *left_ms -= DRAIN_LOOK_MS) {
        if (*left_ms <= 0)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

/* What comes by connections that are there is still answered, quickly or with a refusal, until a moment in which there is nothing
 * left to do. A call that began in that very moment is waited for, too: it was counted before it looked whether all is ended. */
bool bb_http_server_drain(struct bb_http_server *server, int timeout_ms) {
    int left_ms = timeout_ms;

    atomic_store(&server->draining, true);
    bb_http_watcher_give_up(&server->watcher);
    bb_http_acceptor_close(&server->acceptor);
    if (!wait_until_idle(server, &left_ms))
        return false;
    atomic_store(&server->ended, true);
    return wait_until_idle(server, &left_ms);
}

void bb_http_server_stop(struct bb_http_server *server) {
    BB_ASSERT(atomic_load(&server->ended) || !server->acceptor.running); /* it was drained */
    bb_http_acceptor_stop(&server->acceptor);
    for (int i = 0; i < BB_HTTP_DAEMONS; i++)
        if (server->listeners[i].daemon)
            MHD_stop_daemon(server->listeners[i].daemon);
    bb_http_crew_stop(&server->questions);
    bb_http_crew_stop(&server->posts);
    bb_http_crew_stop(&server->trials);
    bb_http_links_stop(&server->links);
    bb_http_watcher_stop(&server->watcher);
    bb_http_auditor_stop(&server->auditor);
    bb_rules_describer_close(server->describer);
    bb_issuer_close(server->gate.issuer);
    bb_key_ring_close(server->gate.ring);
    if (server->options.socket_path)
        unlink(server->options.socket_path);
    free(server->certificate);
    free(server->private_key);
    free(server);
}
