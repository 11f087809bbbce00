/* Servers that the suites need: tools/cluster/NAME starts them, once a run.
 *
 * A run that was told of one (BUSBAR_TEST_KAFKA=127.0.0.1:PORT and so on) uses that. Else the first test that asks starts one in a
 * folder below TMPDIR, for all that follow, and it is stopped when the suite is over. Where it cannot be had, the test is
 * skipped, which in CI is a failure.
 */
#ifndef TESTS_CONTRACT_CLUSTER_H
#define TESTS_CONTRACT_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

enum { CLUSTER_PATH = 256 };

/* What clients connect to. Ends the test as skipped or failed when there is none. */
const char *cluster_address(const char *name);

/* One of a test's own, to be killed and the like: `arguments` follow the folder. The caller stops it. */
struct cluster {
    const char *name;
    char folder[CLUSTER_PATH];
    char address[CLUSTER_PATH];
};
void cluster_start(struct cluster *cluster, const char *name, const char *arguments);
/* A verb of the script, which succeeds. */
void cluster_do(const struct cluster *cluster, const char *verb, const char *arguments);
/* What stands in a file of its folder, without its end of line. */
void cluster_read(const struct cluster *cluster, const char *name, char text[CLUSTER_PATH]);
/* Stop it and remove its folder. */
void cluster_stop(struct cluster *cluster);

/* Letters and digits that no other test has. */
void cluster_unique(char *to, size_t size);

#endif
