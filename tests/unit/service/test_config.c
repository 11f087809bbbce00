/* busbar.yaml: every key, its errors with line and suggestion, and the page of defaults. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/timestamp.h"
#include "service/config.h"
#include "service/config_internal.h"

static struct bb_config config;
static struct bb_error error;

static int load(const char *yaml) {
    char path[] = "/tmp/busbar-config-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    memset(&error, 0, sizeof error);
    int r = bb_config_load(path, &config, &error);
    unlink(path);
    return r;
}

static void expect_refused(const char *yaml, uint64_t line, const char *text) {
    cr_expect_eq(load(yaml), -BB_E_CONFIG_INVALID, "%s", yaml);
    cr_expect_eq(error.line, line, "%s: line %d", yaml, (int)error.line);
    cr_expect_not_null(strstr(error.text, text), "%s: %s", yaml, error.text);
}

Test(config, what_a_file_leaves_out_has_its_default) {
    struct bb_config defaults;

    bb_config_defaults(&defaults);
    cr_expect_eq(defaults.log_partitions, 8);
    cr_expect_eq(defaults.commit_freshness_ms, 1000);
    cr_expect_eq(defaults.log_retention_ms, 30 * (int64_t)BB_DAY_MS);
    cr_assert_eq(load(""), 0);
    cr_expect_arr_eq(&config, &defaults, sizeof config);
    cr_assert_eq(load("# nothing but a remark\n"), 0);
    cr_assert_eq(load("log:\n"), 0);
    cr_expect_arr_eq(&config, &defaults, sizeof config);
}

Test(config, keys_are_read_in_block_and_flow_style) {
    cr_assert_eq(load("log: {partitions: 16, retention: 90d}\n"
                      "derive:\n"
                      "  commit:\n"
                      "    freshness: 250ms\n"
                      "    memory: 64MiB\n"
                      "store: {takeover: 2s}\n"),
                 0, "%s", error.text);
    cr_expect_eq(config.log_partitions, 16);
    cr_expect_eq(config.log_retention_ms, 90 * (int64_t)BB_DAY_MS);
    cr_expect_eq(config.commit_freshness_ms, 250);
    cr_expect_eq(config.commit_memory_bytes, 64 << 20);
    cr_expect_eq(config.takeover_ms, 2000);
}

Test(config, steps_are_switched_or_given_parameters) {
    cr_assert_eq(load("pipelines:\n"
                      "  water:\n"
                      "    checks: {gap: off, time: {ahead: 1h}}\n"
                      "    estimate: {linear: 90m}\n"
                      "  heat:\n"
                      "    estimate: {linear: false}\n"),
                 0, "%s", error.text);
    const struct bb_pipeline *water = &config.pipelines[BB_COMMODITY_WATER];
    cr_expect_not(water->check[BB_CHECK_GAP].on);
    cr_expect(water->check[BB_CHECK_TIME].on);
    cr_expect_eq(water->check[BB_CHECK_TIME].parameter[0], BB_HOUR_MS);
    cr_expect(water->estimate[BB_METHOD_LINEAR].on);
    cr_expect_eq(water->estimate[BB_METHOD_LINEAR].parameter[0], 90 * BB_MINUTE_MS);
    cr_expect_not(config.pipelines[BB_COMMODITY_HEAT].estimate[BB_METHOD_LINEAR].on);
    cr_expect(config.pipelines[BB_COMMODITY_GAS].check[BB_CHECK_GAP].on);
}

Test(config, an_unknown_key_is_refused_with_its_line_and_the_nearest) {
    expect_refused("log:\n  partitons: 4\n", 2, "did you mean log.partitions");
    expect_refused("\n\nlogs: {partitions: 4}\n", 3, "there is no key logs");
    expect_refused("pipelines:\n  water:\n    checks: {gab: on}\n", 3,
                   "pipelines.water.checks.gap");
    expect_refused("pipelines: {beer: {checks: {gap: on}}}\n", 1, "there is no key pipelines.beer");
}

Test(config, a_value_out_of_range_says_what_is_allowed) {
    expect_refused("log: {partitions: 0}\n", 1, "a whole number from 1 to 1024");
    expect_refused("log: {partitions: many}\n", 1, "\"many\"");
    expect_refused("log:\n  retention: 30 parsecs\n", 2, "a duration such as 30s or 2h");
    expect_refused("derive: {commit: {memory: 1KiB}}\n", 1, "from 16MiB");
    expect_refused("pipelines: {gas: {checks: {gap: maybe}}}\n", 1, "on or off");
    expect_refused("log: {partitions: [1, 2]}\n", 1, "log.partitions");
    expect_refused("log: 7\n", 1, "holds keys of its own");
    expect_refused("- a\n- b\n", 1, "holds no keys");
}

Test(config, a_key_given_twice_is_refused) {
    expect_refused("log: {partitions: 4}\nstore: {takeover: 1s}\nlog: {partitions: 8}\n", 3,
                   "twice");
}

Test(config, what_is_no_yaml_is_refused_with_its_line) {
    expect_refused("log:\n  partitions: {4\n", 3, "not YAML");
    cr_expect_eq(bb_config_load("/nonexistent/busbar.yaml", &config, &error), -BB_E_CONFIG_INVALID);
}

/* What the page of defaults says is what the program does. */
Test(config, the_page_reads_back_as_itself) {
    struct bb_buffer page;
    struct bb_config before;

    bb_buffer_init(&page, 1 << 20);
    bb_config_defaults(&before);
    before.log_segment_bytes = (3LL << 30) + 1;
    before.pipelines[BB_COMMODITY_GAS].check[BB_CHECK_TIME].parameter[0] = 1001;
    before.pipelines[BB_COMMODITY_GAS].estimate[BB_METHOD_LINEAR].on = false;
    before.pipelines[BB_COMMODITY_UNKNOWN].check[BB_CHECK_OVERLAP].on = false;
    bb_config_print(&before, &page);
    bb_buffer_append_byte(&page, '\0');
    cr_assert_not(page.overflow);
    cr_assert_eq(load(page.data), 0, "%s line %d", error.text, (int)error.line);
    cr_expect_arr_eq(&config, &before, sizeof config);
    bb_buffer_release(&page);
}

Test(config, every_key_has_help_a_default_in_range_and_a_line_on_the_page) {
    struct bb_config_keys keys;
    struct bb_buffer page;

    bb_buffer_init(&page, 1 << 20);
    bb_config_defaults(&config);
    bb_config_print(&config, &page);
    bb_buffer_append_byte(&page, '\0');
    cr_assert_eq(bb_config_keys_make(&keys, &error), 0);
    for (size_t i = 0; i < keys.count; i++) {
        const struct bb_config_key *key = &keys.items[i];
        cr_expect_not_null(key->help, "%s", key->name);
        cr_expect_leq(key->min, key->initial, "%s", key->name);
        cr_expect_geq(key->max, key->initial, "%s", key->name);
        bool hidden = key->step && key->step->off && key->unit != BB_CONFIG_STEP;
        cr_expect(hidden || strstr(page.data, key->help), "%s", key->name);
        cr_expect_eq(bb_config_key_find(&keys, key->name), key, "%s twice", key->name);
    }
    bb_config_keys_release(&keys);
    bb_buffer_release(&page);
}
