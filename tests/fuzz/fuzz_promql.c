/* PromQL under random bytes: a query is read or refused with a reason; what is read says the same
 * when it is written out and read again, and is answered or refused within its limits. Input: a
 * byte that chooses the steps, the query. */
#include "http/promql_json.h"
#include "http/promql_parse.h"
#include "support/promql_source.h"
#include "support/promql_text.h"

static struct promql_memory memory;

static void fill_memory(void) {
    if (memory.count > 0)
        return;
    promql_memory_init(&memory);
    promql_memory_add(&memory, "x{a=\"1\",b=\"2\"}", BB_KIND_INTERVAL, 900, 900, "1 2 _ 4 x 6");
    promql_memory_add(&memory, "x{a=\"2\",b=\"2\"}", BB_KIND_INTERVAL, 3600, 3600, "1e300 -2 0.1");
    promql_memory_add(&memory, "y{a=\"1\"}", BB_KIND_REGISTER, 3600, 0, "1 2 0 1e9");
    promql_memory_add(&memory, "y{a=\"2\"}", BB_KIND_GAUGE, 60, 0, "1 -1 1e-300 x 2 _ 3");
}

static void check_error(int status, const struct bb_error *error) {
    BB_ASSERT(status < 0 && error->code != BB_OK && error->text[0] != '\0');
    BB_ASSERT(strchr(error->text, '\n') == NULL);
}

/* Written out and read again it is the same. */
static void check_text(const struct bb_promql_node *root, struct bb_arena *arena) {
    const struct bb_promql_node *again;
    struct bb_buffer first, second;
    struct bb_error error;

    bb_buffer_init(&first, 1 << 20);
    bb_buffer_init(&second, 1 << 20);
    promql_text(root, &first);
    int status = bb_promql_parse(bb_buffer_span(&first), arena, &again, &error);
    if (status == 0) {
        promql_text(again, &second);
        BB_ASSERT(bb_span_equal(bb_buffer_span(&first), bb_buffer_span(&second)));
    } else { /* every sign has a parenthesis there, and escapes are longer */
        BB_ASSERT(status == -BB_E_PROMQL_LIMIT || memchr(first.data, '\\', first.size) ||
                  memchr(first.data, 0xef, first.size));
    }
    bb_buffer_release(&first);
    bb_buffer_release(&second);
}

static void check_answer(const struct bb_promql_node *root, uint8_t choice,
                         struct bb_arena *arena) {
    struct bb_promql_source source = promql_memory_source(&memory);
    struct bb_promql_options options = {.samples_max = 100000};
    struct bb_promql_answer answer;
    struct bb_buffer out;
    struct bb_error error;

    options.start_ms = (int64_t)(choice & 15) * 450 * 1000;
    options.end_ms = options.start_ms;
    if (choice & 16) {
        options.step_ms = 600 * 1000;
        options.end_ms += 10 * options.step_ms;
    }
    if (choice & 32)
        options.lookback_ms = 1000;
    int status = bb_promql_eval(root, &source, &options, arena, &answer, &error);
    if (status < 0) {
        check_error(status, &error);
        return;
    }
    for (size_t i = 0; i < answer.column_count; i++)
        BB_ASSERT(answer.columns[i].time_ms || answer.columns[i].count == answer.step_count);
    bb_buffer_init(&out, 1 << 20);
    bb_promql_json_answer(&answer, &out);
    bb_buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bb_promql_node *root;
    struct bb_error error;
    struct bb_arena arena;

    if (size == 0)
        return 0;
    fill_memory();
    bb_arena_init(&arena, 64 << 10, 16 << 20);
    int status = bb_promql_parse((struct bb_span){(const char *)data + 1, size - 1}, &arena, &root,
                                 &error);
    if (status < 0) {
        check_error(status, &error);
    } else {
        check_answer(root, data[0], &arena);
        check_text(root, &arena);
    }
    bb_arena_release(&arena);
    return 0;
}
