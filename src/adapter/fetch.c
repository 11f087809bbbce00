/* Fetching over libcurl: see fetch.h. */
#include "adapter/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows at the first handle */
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

bool bb_fetch_is_address(const char *text) {
    return strstr(text, "://") != NULL;
}

bool bb_fetch_may(const char *address) {
    static const char *const loopback[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    if (begins(address, "https://"))
        return true;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        size_t size = strlen(loopback[i]);
        /* the host ends here: no http://localhost.example, no http://localhost@example */
        if (begins(address, loopback[i]) && (address[size] == ':' || address[size] == '/') &&
            !strchr(address, '@'))
            return true;
    }
    return false;
}

static size_t take(char *data, size_t one, size_t size, void *context) {
    struct bb_buffer *out = context;

    bb_buffer_append(out, data, one * size);
    return out->overflow ? 0 : one * size;
}

static int look(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up) {
    const atomic_bool *stop = context;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return stop && atomic_load(stop) ? 1 : 0;
}

/* What a document is fetched with; false: this libcurl cannot do one of them. */
static bool prepare(CURL *curl, const struct bb_fetch_ask *ask, struct bb_buffer *out) {
    CURLcode codes[] = {
        curl_easy_setopt(curl, CURLOPT_URL, ask->address),
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http"),
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L),
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L),
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC),
        curl_easy_setopt(curl, CURLOPT_USERPWD, ask->login),
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)ask->timeout_ms),
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms),
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "busbar/" BB_VERSION),
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take),
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, out),
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L),
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look),
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, ask->stop),
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] != CURLE_OK)
            return false;
    return true;
}

int bb_fetch_status(const struct bb_fetch_ask *ask, struct bb_buffer *out, long *status,
                    struct bb_error *error) {
    const char *address = ask->address;
    int result = 0;

    *status = 0;
    if (!bb_fetch_may(address))
        return BB_FAIL(error, BB_E_FETCH, "%s is not fetched: it has to begin with https://",
                       address);
    pthread_once(&once, start_library);
    CURL *curl = curl_easy_init();
    if (!curl || !prepare(curl, ask, out)) {
        result = BB_FAIL(error, BB_E_FETCH, "%s cannot be fetched: libcurl does not start",
                         address);
    } else {
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
        if (out->overflow)
            result = BB_FAIL(error, BB_E_FETCH, "%s is larger than it may be", address);
        else if (code != CURLE_OK && code != CURLE_HTTP_RETURNED_ERROR)
            result = BB_FAIL(error, BB_E_FETCH, "%s: %s", address, curl_easy_strerror(code));
        else if (code != CURLE_OK || *status != 200)
            result = BB_FAIL(error, BB_E_FETCH, "%s answers %ld", address, *status);
    }
    curl_easy_cleanup(curl);
    return result;
}

int bb_fetch(const char *address, int timeout_ms, atomic_bool *stop, struct bb_buffer *out,
             struct bb_error *error) {
    const struct bb_fetch_ask ask = {.address = address, .timeout_ms = timeout_ms, .stop = stop};
    long status;

    return bb_fetch_status(&ask, out, &status, error);
}
