/* POST /v1/rules/backtest: what a rule would change, of what is stored. Nothing is changed.
 *
 * It takes as long as it takes, up to rules.trial; so of each tenant one at a time, in a crew of its own. */
#include "answer/rules_json.h"
#include "http/call_internal.h"
#include "http/routes_internal.h"
#include "http/rules_ask_internal.h"
#include "model/timestamp.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- whose turn it is ------------------------------------------------------------------------- */

enum { AT_A_TIME = 2 }; /* of all tenants; the others of the crew are left to those who deploy */

static struct {
    pthread_mutex_t lock; /* guards the rest */
    char tenants[AT_A_TIME][BB_MASTER_TENANT_MAX + 1];
} under_way = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int take_turn(struct bb_span tenant, char **out, struct bb_error *error) {
    bool has_one = false;

    *out = NULL;
    pthread_mutex_lock(&under_way.lock);
    for (int i = 0; i < AT_A_TIME; i++) {
        has_one = has_one || bb_span_equal(bb_span_of(under_way.tenants[i]), tenant);
        if (!under_way.tenants[i][0])
            *out = under_way.tenants[i];
    }
    if (has_one)
        *out = NULL;
    if (*out)
        snprintf(*out, sizeof under_way.tenants[0], "%.*s", BB_SPAN_ARGS(tenant));
    pthread_mutex_unlock(&under_way.lock);
    return *out ? 0
                : BB_FAIL(error, BB_E_RULES_BUSY, "%s: try again when it has ended",
                          has_one ? "a back-test of this tenant is under way"
                                  : "back-tests of other tenants are under way");
}

static void end_turn(char *place) {
    pthread_mutex_lock(&under_way.lock);
    place[0] = '\0';
    pthread_mutex_unlock(&under_way.lock);
}

/* ---- the back-test ---------------------------------------------------------------------------- */

struct testing {
    struct bb_http_rules_ask ask;
    struct bb_rules_diff_sum sum;
    struct bb_json json;
    uint32_t left;
};

/* A bb_rules_diff_visit. */
static int take_row(void *context, const struct bb_rules_diff_row *row) {
    struct testing *t = context;

    if (t->left == 0)
        return 1; /* the sums go on */
    t->left--;
    bb_rules_put_diff_row(&t->json, row);
    return 0;
}

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_json_key(json, key);
    if (ms == BB_TIME_NONE)
        bb_json_null(json);
    else
        bb_json_text(json, (struct bb_span){text, bb_time_format_utc(ms, text)});
}

static void put_sums(struct testing *t, double seconds) {
    const struct bb_backtest_sum *test = &t->sum.test;

    bb_rules_put_diff_sum(&t->json, &t->sum);
    bb_json_put_u64(&t->json, "windows", test->windows);
    bb_json_put_bool(&t->json, "cut_short", test->cut_short);
    bb_json_key(&t->json, "through");
    if (test->cut_short && test->through[0])
        bb_json_text(&t->json, bb_span_of(test->through));
    else
        bb_json_null(&t->json);
    bb_json_put_double(&t->json, "seconds", seconds);
}

static int run(struct testing *t, int64_t began_ns, struct bb_error *error) {
    struct bb_rules_proposal *p = &t->ask.proposal;
    const struct bb_rules_look look = {.from_ms = bb_rules_proposal_looks_from(p),
                                       .to_ms = t->ask.to_ms,
                                       .usage_point = t->ask.usage_point,
                                       .bounds = t->ask.bounds};
    int result = bb_rules_propose(p, error);

    if (result)
        return result;
    t->left = t->ask.rows;
    t->json = bb_http_json(t->ask.call);
    bb_json_object_begin(&t->json);
    bb_json_put_text(&t->json, "rule", p->asked.name);
    bb_json_put_text(&t->json, "version", bb_rules_proposal_after(p)->id);
    put_time(&t->json, "from", look.from_ms);
    put_time(&t->json, "to", look.to_ms);
    bb_json_key(&t->json, "rows");
    bb_json_array_begin(&t->json);
    result = bb_rules_proposal_look(p, &look, take_row, t, &t->sum, error);
    bb_json_array_end(&t->json);
    put_sums(t, (double)(bb_monotonic_ns() - began_ns) / 1e9);
    bb_json_object_end(&t->json);
    return result ? result : bb_http_answer(t->ask.call, 200, "application/json");
}

static const struct bb_http_member members[] = {
    BB_HTTP_RULES_MEMBERS, {"to", false}, {"usage_point", false}, {"rows", false}, {NULL, false}};

static int post_backtest(struct bb_http_call *call, struct bb_error *error) {
    const int64_t began_ns = bb_monotonic_ns();
    struct testing *t = calloc(1, sizeof *t);
    char *turn;

    if (!t)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to try a rule");
    int result = take_turn(bb_http_tenant(call), &turn, error);
    if (!result) {
        result = bb_http_rules_ask_begin(call, members, &t->ask, error);
        if (!result)
            result = run(t, began_ns, error);
        bb_http_rules_ask_end(&t->ask);
        end_turn(turn);
    }
    free(t);
    return result;
}

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "points that would become others, sums, failures, and whether it was cut short"},
    {422, "application/problem+json", "the module does not load, or the parameters do not fit"},
    {429, "application/problem+json", "another one is under way: see Retry-After"},
    {0}};

const struct bb_http_route bb_http_route_rules_backtest = {
    .method = BB_HTTP_POST,
    .path = "/v1/rules/backtest",
    .right = BB_RIGHT_ADMIN,
    .verb = "rules backtest",
    .summary = "what a rule would change; nothing is changed",
    .details =
        "{\"rule\":\"far_values\",\"parameters\":{\"k\":12},\"from\":\"2026-03-01T00:00:00Z\",\"to\":...,"
        "\"usage_point\":...,\"canary\":0.05,\"rows\":100,\"module\":{\"name\":...,\"source\":...},\"function\":...}. "
        "As `busbar rules diff`: without `module` the deployed rule's own, without `parameters` those of the "
        "version that was deployed last, without `from` the last seven days. After rules.trial it ends, and "
        "says how far it came.",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = answers,
    .tries_rules = true,
    .handle = post_backtest,
};
