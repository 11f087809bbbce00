/* Servers that tests share: PostgreSQL and others that tools/cluster/NAME starts.
 *
 * An address comes from the environment (tools/run-tests gives it); else the first test that asks starts the server, in
 * a folder that the whole run shares, and the end of the run ends it. */
#ifndef BB_TESTS_CONTRACT_CLUSTER_FIXTURE_H
#define BB_TESTS_CONTRACT_CLUSTER_FIXTURE_H

/* The address of server NAME, or of the environment variable when it is set. A server that cannot be had on this machine
 * skips the test, with CI=true it fails it. Must be called by a test. */
const char *cluster_address(const char *name, const char *variable);
/* A server of the test's own, for those who kill theirs. `folder` is where tools/cluster keeps it. */
const char *cluster_start(const char *name, char folder[128]);
/* "stop", "kill", "restart". */
void cluster_do(const char *name, const char *verb, const char *folder);

#endif
