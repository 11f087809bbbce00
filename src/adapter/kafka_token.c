/* Tokens of SASL/OAUTHBEARER, from a file or a command: MSK IAM, Entra ID and the like have tools that print one.
 *
 * Run on the client's background thread, which asks again when four fifths of the token's time are over.
 */
#include "adapter/kafka_client_internal.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 16384, GOOD_FOR_S = 300, GOOD_FOR_S_MAX = 86400 };

static void cut_line_end(char *line) {
    line[strcspn(line, "\r\n")] = '\0';
}

/* False: there is no token, and `why` says so. */
static bool read_token(FILE *from, char token[TOKEN_BYTES], int64_t *good_for_s) {
    char line[32];

    *good_for_s = GOOD_FOR_S;
    if (!fgets(token, TOKEN_BYTES, from))
        return false;
    cut_line_end(token);
    if (fgets(line, sizeof line, from)) {
        long long seconds = strtoll(line, NULL, 10);
        if (seconds > 0 && seconds <= GOOD_FOR_S_MAX)
            *good_for_s = seconds;
    }
    return token[0] != '\0';
}

void bb_kafka_token_refresh(rd_kafka_t *rk, const char *config, void *opaque) {
    const struct bb_kafka_client *client = opaque;
    const struct bb_kafka_cluster *cluster = client->cluster;
    char *token = malloc(TOKEN_BYTES), why[256] = "";
    bool command = cluster->token_command != NULL;
    /* Its standard error stays the process's: what the command complains of, people see. */
    FILE *from = !token    ? NULL
                 : command ? popen(cluster->token_command, "re")
                           : fopen(cluster->token_file, "re");
    int64_t good_for_s = 0;
    bool found = from && read_token(from, token, &good_for_s);

    (void)config;
    if (from && (command ? pclose(from) : fclose(from)) != 0)
        found = false;
    if (!found) {
        snprintf(why, sizeof why, "no token comes from %s",
                 command ? cluster->token_command : cluster->token_file);
        rd_kafka_oauthbearer_set_token_failure(rk, why);
    } else if (rd_kafka_oauthbearer_set_token(
                   rk, token, bb_clock_now_ms(bb_clock_system()) + good_for_s * 1000,
                   cluster->token_principal ? cluster->token_principal : "busbar", NULL, 0, why,
                   sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_oauthbearer_set_token_failure(rk, why);
    }
    free(token);
}
