/* Servers that suites talk to: what tools/cluster starts.
 *
 * Whoever runs all suites starts each server once and says where it is in BUSBAR_TEST_NAME; without that, the first
 * test that asks starts one for all tests of this executable, and it ends with the executable.
 */
#ifndef SUPPORT_CLUSTER_H
#define SUPPORT_CLUSTER_H

#include <stdbool.h>

enum { CLUSTER_TEXT_SIZE = 256 };

/* Where the shared server is; NULL: it cannot be had on this machine, which was said on stderr. Stops the test when it
 * can be had and does not start, and with CI=true also when it cannot be had. */
const char *cluster_address(const char *name);

/* A server of this test alone: `verb` is start, kill, restart or stop, of the one in `folder`. False: it cannot be had. */
bool cluster_run(const char *name, const char *verb, const char *folder);
void cluster_read_address(const char *folder, char address[CLUSTER_TEXT_SIZE]);

#endif
