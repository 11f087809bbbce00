/* A kernel without Landlock: rules do not start, unless somebody has said that they may; and then a rule still reads no
 * file. The kernel is one of today that is told to know nothing of Landlock. */
#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>

#include "adapter/rules_python.h"

static void forget_landlock(void) {
    static const int calls[] = {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
                                SCMP_SYS(landlock_restrict_self)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    cr_assert_not_null(filter);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        cr_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0), 0);
    cr_assert_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
}

static const char *const debian_paths[] = {"/usr/lib/python3/dist-packages", NULL};
static struct bb_rules_python_options options = {.python = "/usr/bin/python3",
                                                 .paths = debian_paths,
                                                 .imports = "",
                                                 .memory_bytes = 256 << 20,
                                                 .deadline_ms = 10000,
                                                 .processor_s = 60,
                                                 .answer_bytes = 1 << 20};

Test(rules_without_landlock, they_do_not_start, .init = forget_landlock, .timeout = 60) {
    struct bb_rules *rules;
    struct bb_error error;

    cr_assert_not(bb_rules_python_has_landlock());
    cr_assert_eq(bb_rules_python_open(&options, &rules, &error), -BB_E_RULES_NO_CAGE);
    cr_assert(strstr(error.text, "rules.cage"), "%s", error.text);
}

Test(rules_without_landlock, unless_they_may, .init = forget_landlock, .timeout = 60) {
    static const char reads_a_file[] = "open('/etc/passwd')\n";
    static const char sound[] = "from busbar import rule\n"
                                "@rule(inputs='x')\n"
                                "def r(w):\n"
                                "    pass\n";
    struct bb_rules *rules;
    struct bb_rules_set *set;
    struct bb_span told;
    struct bb_error error;

    options.without_landlock = true;
    cr_assert_eq(bb_rules_python_open(&options, &rules, &error), 0, "%s", error.text);
    cr_assert_eq(rules->ops->load(rules, BB_SPAN("r.py"), BB_SPAN(sound), &set, &told, &error), 0,
                 "%s", error.text);
    rules->ops->unload(set);
    cr_assert_eq(
        rules->ops->load(rules, BB_SPAN("r.py"), bb_span_of(reads_a_file), &set, &told, &error),
        -BB_E_RULE_LOAD);
    cr_assert(memmem(told.data, told.size, "PermissionError", strlen("PermissionError")), "%.*s",
              BB_SPAN_ARGS(told));
    rules->ops->unload(set);
    rules->ops->close(rules);
}
