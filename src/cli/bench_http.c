/* busbar bench http: posts to a real server over the loopback. Client, server and the worker that derives
 * share this machine, as the figures are to be read.
 *
 *   full     posts of 1,000 lines on 16 connections, as fast as they are answered
 *   half     half of that pace: how long an answer takes, from when its post was due
 *   idle     what 2,000 connections that wait cost in memory
 *   crowd    full and half again, while 10,000 others send heads that never end
 */
#include "cli/bench_client.h"
#include "cli/bench_server.h"

#include <stdio.h>
#include <unistd.h>

enum { FULL_CONNECTIONS = 16, HALF_CONNECTIONS = 64, IDLE = 2000, SLOW = 10000, SECONDS = 5 };

struct figures { /* medians of the runs */
    double readings_per_second, bytes_per_second, p50_ms, p99_ms, most_ms;
};

struct http_bench {
    struct bench *b;
    struct bench_server server;
    uint64_t next_post;
    struct bench_baseline base;
};

/* Several runs. Any refusal ends it: what is not stored is no throughput. */
static int post(struct http_bench *h, uint32_t connections, double per_second, struct figures *out,
                struct bb_error *error) {
    double rate[BENCH_RUNS_MAX], bytes[BENCH_RUNS_MAX], p50[BENCH_RUNS_MAX], p99[BENCH_RUNS_MAX],
        most[BENCH_RUNS_MAX];
    size_t runs = (size_t)h->b->given->runs;
    const struct bench_posts posts = {.port = h->server.port,
                                      .connections = connections,
                                      .per_second = per_second,
                                      .seconds = SECONDS,
                                      .next = &h->next_post};

    for (size_t i = 0; i < runs; i++) {
        struct bench_posted posted;
        int result = bench_post_run(&posts, &posted, error);
        if (result)
            return result;
        if (posted.refused > 0)
            return BB_FAIL(error, BB_E_BUG, "%llu posts were refused, the first one with %s",
                           (unsigned long long)posted.refused, posted.refusal);
        rate[i] = (double)posted.answered * BENCH_POST_LINES / posted.seconds;
        bytes[i] = (double)posted.bytes / posted.seconds;
        p50[i] = posted.p50_ms;
        p99[i] = posted.p99_ms;
        most[i] = posted.most_ms;
    }
    *out = (struct figures){bench_median(rate, runs), bench_median(bytes, runs),
                            bench_median(p50, runs), bench_median(p99, runs),
                            bench_median(most, runs)};
    return 0;
}

static double posts_per_second(const struct figures *f) {
    return f->readings_per_second / BENCH_POST_LINES;
}

/* ---- telling */

static void tell_figures(struct bench *b, const char *key, const char *title,
                         const struct figures *f, const char *ratio_name, double ratio) {
    bench_say(
        b, "  %s: %.2f M readings/s, answers p50 %.1f ms, p99 %.1f ms, at most %.0f ms; %s %.2f",
        title, f->readings_per_second / 1e6, f->p50_ms, f->p99_ms, f->most_ms, ratio_name, ratio);
    if (!b->json)
        return;
    bb_json_key(b->json, key);
    bb_json_object_begin(b->json);
    bb_json_put_double(b->json, "readings_per_second", f->readings_per_second);
    bb_json_put_double(b->json, "bytes_per_second", f->bytes_per_second);
    bb_json_put_double(b->json, "p50_ms", f->p50_ms);
    bb_json_put_double(b->json, "p99_ms", f->p99_ms);
    bb_json_put_double(b->json, "most_ms", f->most_ms);
    bb_json_put_double(b->json, "ratio", ratio);
    bb_json_object_end(b->json);
}

/* ---- the parts */

/* What connections cost besides the memory of the kernel, which has buffers of its own only for bytes under way. */
static int measure_idle(struct http_bench *h, struct bb_error *error) {
    struct bench_crowd crowd;
    uint64_t before = bench_server_bytes(&h->server);
    int result = bench_crowd_open(&crowd, BENCH_CROWD_IDLE, h->server.port, IDLE, error);
    uint64_t after = bench_server_bytes(&h->server);
    uint32_t count = crowd.count;

    bench_crowd_close(&crowd);
    if (result)
        return result;
    double bytes = after > before ? (double)(after - before) : 0;
    bench_say(h->b, "  %u idle connections: %.1f MB, %.1f KiB each", count, bytes / 1e6,
              bytes / 1024 / count);
    if (h->b->json) {
        bb_json_key(h->b->json, "idle");
        bb_json_object_begin(h->b->json);
        bb_json_put_u64(h->b->json, "connections", count);
        bb_json_put_double(h->b->json, "bytes", bytes);
        bb_json_object_end(h->b->json);
    }
    return 0;
}

static int measure_crowd(struct http_bench *h, const struct figures *full,
                         const struct figures *half, struct bb_error *error) {
    struct bench_crowd crowd;
    struct figures crowd_full, crowd_half;
    int result = bench_crowd_open(&crowd, BENCH_CROWD_SLOW, h->server.port, SLOW, error);

    if (!result)
        result = post(h, FULL_CONNECTIONS, 0, &crowd_full, error);
    if (!result)
        result = post(h, HALF_CONNECTIONS, posts_per_second(full) / 2, &crowd_half, error);
    uint64_t cut_off = atomic_load(&crowd.cut_off);
    uint32_t count = crowd.count;
    bench_crowd_close(&crowd);
    if (result)
        return result;
    bench_say(
        h->b,
        "  beside %u connections that send a byte a second (%llu were cut off and came again):",
        count, (unsigned long long)cut_off);
    if (h->b->json) {
        bb_json_put_u64(h->b->json, "slow_connections", count);
        bb_json_put_u64(h->b->json, "slow_cut_off", cut_off);
    }
    tell_figures(h->b, "crowd_full", "full", &crowd_full, "to that without them",
                 crowd_full.readings_per_second / full->readings_per_second);
    tell_figures(h->b, "crowd_half", "half", &crowd_half, "p99 to that without them",
                 crowd_half.p99_ms / half->p99_ms);
    return 0;
}

static int measure(struct http_bench *h, struct bb_error *error) {
    struct figures full, half;
    int result = measure_idle(h, error);

    if (!result)
        result = post(h, FULL_CONNECTIONS, 0, &full, error);
    if (result)
        return result;
    tell_figures(h->b, "full", "full", &full, "bytes to write + fdatasync",
                 full.bytes_per_second / h->base.write_fdatasync_bytes_per_second);
    result = post(h, HALF_CONNECTIONS, posts_per_second(&full) / 2, &half, error);
    if (result)
        return result;
    tell_figures(h->b, "half", "half", &half, "pace to full",
                 half.readings_per_second / full.readings_per_second);
    return measure_crowd(h, &full, &half, error);
}

int bench_http(struct bench *b, struct bb_error *error) {
    struct http_bench h = {.b = b};
    char path[sizeof b->directory + 32];
    struct bb_error ignored;

    snprintf(path, sizeof path, "%s/plant", b->directory);
    int result = bench_measure_baseline(b, &h.base, error);
    if (!result)
        result = bench_server_start(path, &h.server, error);
    if (result)
        return result;
    result = measure(&h, error);
    int ended = bench_server_stop(&h.server, result ? &ignored : error);
    if (!result)
        bench_tell_baseline(b, &h.base);
    return result ? result : ended;
}
