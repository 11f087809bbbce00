/* The server inside a test: see http_double.h. */
#include "support/http_double.h"

#include <criterion/criterion.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

struct http_double {
    struct MHD_Daemon *daemon;
    http_double_handler *handler;
    void *context;
};

const char *http_double_header(const struct http_double_request *request, const char *name) {
    return MHD_lookup_connection_value((struct MHD_Connection *)(uintptr_t)request->connection,
                                       MHD_HEADER_KIND, name);
}

static enum MHD_Result answer(struct http_double *server, struct MHD_Connection *connection,
                              const char *path, const char *method, struct bb_buffer *body) {
    struct bb_buffer text;
    struct http_double_request request = {method, path, bb_buffer_span(body), connection};
    struct http_double_answer told = {.status = 200, .body = &text};

    bb_buffer_init(&text, 1 << 28);
    server->handler(server->context, &request, &told);
    struct MHD_Response *response = MHD_create_response_from_buffer(text.size, text.data,
                                                                    MHD_RESPMEM_MUST_COPY);
    if (told.retry_after)
        MHD_add_response_header(response, "Retry-After", told.retry_after);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)told.status, response);
    MHD_destroy_response(response);
    bb_buffer_release(&text);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state) {
    struct bb_buffer *body = *state;

    (void)version;
    if (!body) {
        body = malloc(sizeof *body);
        bb_buffer_init(body, 1 << 28);
        *state = body;
        return MHD_YES;
    }
    if (*size > 0) {
        bb_buffer_append(body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return answer(context, connection, path, method, body);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)connection;
    (void)code;
    if (*state)
        bb_buffer_release(*state);
    free(*state);
    *state = NULL;
}

struct http_double *http_double_start(http_double_handler *handler, void *context) {
    struct http_double *server = calloc(1, sizeof *server);
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    cr_assert_not_null(server);
    server->handler = handler;
    server->context = context;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR,
        &loopback, MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_END);
    cr_assert_not_null(server->daemon);
    return server;
}

void http_double_stop(struct http_double *server) {
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

uint16_t http_double_port(const struct http_double *server) {
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
