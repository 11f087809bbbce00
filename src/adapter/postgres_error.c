/* What PostgreSQL says, as an error of busbar's: see postgres_internal.h. Pure but for the connection's texts. */
#include "adapter/postgres_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* By the beginning of the SQLSTATE; the first row that fits counts (appendix A of the manual). */
static const struct {
    const char *state;
    enum bb_error_code code;
    bool retriable;
} rows[] = {
    {"08", BB_E_DATABASE_LOST, true},
    {"57P", BB_E_DATABASE_LOST, true}, /* shutdown, crash, starting up, ended by an administrator */
    {"25P03", BB_E_DATABASE_LOST, true}, /* idle in a transaction for too long: ended */
    {"40003", BB_E_DATABASE_LOST, true}, /* nobody knows what became of it */
    {"40", BB_E_DATABASE_BUSY, true},    /* serialization failure, deadlock */
    {"55P03", BB_E_DATABASE_BUSY, true}, /* lock_timeout */
    {"55006", BB_E_DATABASE_BUSY, true},
    {"57014", BB_E_DATABASE_BUSY, true}, /* statement_timeout, or canceled */
    {"25006", BB_E_DATABASE_BUSY, true}, /* read only: a standby that is not promoted yet */
    {"53100", BB_E_DISK_FULL, true},
    {"53", BB_E_DATABASE_BUSY, true}, /* no memory, no more connections */
    {"28", BB_E_NO_PERMISSION, false},
    {"42501", BB_E_NO_PERMISSION, false},
    {"3D000", BB_E_DATABASE_SETTINGS, false}, /* no such database */
    {"3F000", BB_E_DATA_MISSING, false},      /* no such schema */
    {"42P01", BB_E_DATA_MISSING, false},      /* no such table */
    {"58", BB_E_DATABASE_DAMAGED, false},     /* the server's own disk */
    {"XX", BB_E_DATABASE_DAMAGED, false},
};

int bb_postgres_fail_state(const char *state, const char *words, const char *doing,
                           struct bb_error *error) {
    size_t length = words ? strcspn(words, "\n") : 0; /* what follows are details and hints */
    size_t row = 0, count = sizeof rows / sizeof rows[0];

    while (row < count && strncmp(state, rows[row].state, strlen(rows[row].state)) != 0)
        row++;
    int result = BB_FAIL(error, row < count ? rows[row].code : BB_E_DATABASE_STATEMENT,
                         "PostgreSQL could not %s: %.*s (SQLSTATE %s)", doing, (int)length,
                         length ? words : "", state);
    error->retriable = row < count && rows[row].retriable;
    return result;
}

static int fail_lost(const char *words, const char *doing, struct bb_error *error) {
    size_t length = words ? strcspn(words, "\n") : 0;
    int result = BB_FAIL(error, BB_E_DATABASE_LOST,
                         "PostgreSQL did not answer whether it could %s: %.*s", doing, (int)length,
                         length ? words : "");

    error->retriable = true;
    return result;
}

int bb_postgres_fail(struct bb_postgres *postgres, const PGresult *result, const char *doing,
                     struct bb_error *error) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

    snprintf(postgres->state, sizeof postgres->state, "%s", state ? state : "08006");
    if (!state)
        return fail_lost(postgres->silent ? "it does not speak any more"
                                          : PQerrorMessage(postgres->connection),
                         doing, error);
    return bb_postgres_fail_state(state, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), doing,
                                  error);
}

/* libpq has no SQLSTATE for connections that were refused, but for the words of a verbose message:
 * "...: FATAL:  28P01: password authentication failed". FATAL is translated, the code is not. */
static const char *find_state(const char *words, char state[6]) {
    for (const char *at = strstr(words, ":  "); at; at = strstr(at + 1, ":  ")) {
        int n = 0;
        while (n < 5 && (isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n])))
            n++;
        if (n == 5 && at[8] == ':') {
            snprintf(state, 6, "%.5s", at + 3);
            return at + 9 + strspn(at + 9, " ");
        }
    }
    return NULL;
}

int bb_postgres_fail_connect(struct bb_postgres *postgres, const PGconn *connection,
                             struct bb_error *error) {
    const char *words = connection ? PQerrorMessage(connection) : "no memory";
    const char *behind = find_state(words, postgres->state);

    if (behind)
        return bb_postgres_fail_state(postgres->state, behind, "let us in", error);
    snprintf(postgres->state, sizeof postgres->state, "08001");
    int result = BB_FAIL(error, BB_E_DATABASE_LOST, "could not connect to PostgreSQL: %.*s",
                         (int)strcspn(words, "\n"), words);
    error->retriable = true;
    return result;
}
