/* The audit log: begun, ended, and a chain that shows what was done to it. */
#include <criterion/criterion.h>

#include "adapter/embedded.h"
#include "service/audit.h"

static struct bb_registry *registry;
static struct bb_error error;
static const struct bb_audit_act act = {.tenant = BB_SPAN("demo"),
                                        .who = BB_SPAN("Ada Lovelace (oidc 4711)"),
                                        .credential = BB_SPAN("4711"),
                                        .origin = BB_SPAN("127.0.0.1"),
                                        .verb = BB_SPAN("edit"),
                                        .subject = BB_SPAN("usage_point=A"),
                                        .reason = BB_SPAN("read off")};

static void begin(void) {
    cr_assert_eq(bb_registry_memory_open(&registry, &error), 0);
}

static void end(void) {
    registry->ops->close(registry);
}

struct seen {
    int rows;
    struct bb_registry_audit last;
};

static int see(void *context, const struct bb_registry_audit *row) {
    struct seen *seen = context;

    seen->rows++;
    seen->last = *row;
    return 0;
}

static struct seen ask(const char *who, const char *what) {
    const struct bb_audit_question question = {
        .base = {.from_ms = BB_TIME_NONE, .to_ms = BB_TIME_NONE},
        .who = bb_span_of(who),
        .what = bb_span_of(what)};
    struct seen seen = {0};

    cr_expect_eq(bb_audit_list(registry, &question, see, &seen, &error), 0);
    return seen;
}

Test(audit, an_act_and_its_outcome, .init = begin, .fini = end) {
    uint64_t first, second, entries;

    cr_assert_eq(bb_audit_begin(registry, &act, 5, &first, &error), 0);
    cr_expect_eq(ask("", "").last.outcome, BB_AUDIT_UNFINISHED);
    cr_assert_eq(bb_audit_end(registry, first, -BB_E_BACKLOG, 6, &error), 0);
    cr_expect_eq(ask("", "").last.outcome, BB_AUDIT_FAILED);
    cr_expect_eq(ask("", "").last.code, BB_E_BACKLOG);
    cr_assert_eq(bb_audit_begin(registry, &act, 7, &second, &error), 0);
    cr_assert_eq(bb_audit_end(registry, second, 1, 8, &error), 0);
    cr_assert_eq(bb_audit_note(registry, &act, BB_AUDIT_REFUSED, BB_E_FORBIDDEN, NULL, 9, &error),
                 0);
    cr_expect_eq(ask("", "").rows, 3);
    cr_expect_eq(bb_audit_verify(registry, &entries, &error), 0, "%s", error.text);
    cr_expect_eq(entries, 5, "three acts, two outcomes");
}

Test(audit, asked_by_who_and_what, .init = begin, .fini = end) {
    cr_assert_eq(bb_audit_note(registry, &act, BB_AUDIT_DONE, 0, NULL, 9, &error), 0);
    cr_expect_eq(ask("lovelace", "EDIT").rows, 1);
    cr_expect_eq(ask("4711", "point=A").rows, 1);
    cr_expect_eq(ask("babbage", "").rows, 0);
    cr_expect_eq(ask("", "accept").rows, 0);
}

Test(audit, a_long_text_is_cut_between_characters, .init = begin, .fini = end) {
    char text[BB_AUDIT_TEXT_MAX + 2];
    struct bb_audit_act longer = act;

    memset(text, 'a', sizeof text);
    memcpy(text + BB_AUDIT_TEXT_MAX - 1, "\xc3\xa9", 2);
    longer.reason = (struct bb_span){text, sizeof text};
    cr_assert_eq(bb_audit_note(registry, &longer, BB_AUDIT_DONE, 0, NULL, 9, &error), 0);
    cr_expect_eq(ask("", "").last.reason.size, BB_AUDIT_TEXT_MAX - 1);
}

/* What somebody who writes to the table could do, over the twin's own memory. */
enum tampering { REASON, WHO, TIME, OUTCOME, CHAIN, TAMPERINGS };

static int tamper(void *context, const struct bb_registry_audit *row) {
    struct bb_registry_audit *own = (struct bb_registry_audit *)(uintptr_t)row;

    if (row->sequence != 2)
        return 0;
    switch (*(enum tampering *)context) {
    case REASON: own->reason = BB_SPAN("another"); break;
    case WHO: own->who = BB_SPAN("nobody"); break;
    case TIME: own->at_ms++; break;
    case OUTCOME: own->outcome = BB_AUDIT_FAILED; break;
    case CHAIN: own->chain = BB_SPAN("0123456789abcdef0123456789abcdef"); break;
    case TAMPERINGS: break;
    }
    return 1;
}

Test(audit, the_chain_shows_what_was_altered) {
    for (enum tampering how = 0; how < TAMPERINGS; how++) {
        uint64_t entries;
        begin();
        for (int i = 0; i < 3; i++)
            cr_assert_eq(bb_audit_note(registry, &act, BB_AUDIT_DONE, 0, NULL, 9, &error), 0);
        cr_expect_eq(bb_audit_verify(registry, &entries, &error), 0);
        cr_expect_eq(registry->ops->audit_walk(registry, 0, tamper, &how, &error), 0);
        cr_expect_eq(bb_audit_verify(registry, &entries, &error), -BB_E_AUDIT_BROKEN, "%d", how);
        cr_expect_eq(entries, 1);
        end();
    }
}

static int erase(void *context, const struct bb_registry_audit *row) {
    struct bb_registry_audit *own = (struct bb_registry_audit *)(uintptr_t)row;

    (void)context;
    own->subject = own->reason = own->salt = BB_SPAN("");
    return 0;
}

Test(audit, the_chain_holds_when_texts_are_erased, .init = begin, .fini = end) {
    uint64_t entries;

    for (int i = 0; i < 3; i++)
        cr_assert_eq(bb_audit_note(registry, &act, BB_AUDIT_DONE, 0, NULL, 9, &error), 0);
    cr_expect_eq(registry->ops->audit_walk(registry, 0, erase, NULL, &error), 0);
    cr_expect_eq(bb_audit_verify(registry, &entries, &error), 0);
    cr_expect_eq(entries, 3);
}
