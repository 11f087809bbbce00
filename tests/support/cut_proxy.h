/* A proxy on the loopback that cuts connections: it hands bytes on both ways, until as many came from the client as the plan
 * says. Then it hands on those, gives the server a moment to act on them, and closes both sides; no answer gets through any
 * more. So a request that was sent and acted on looks lost, at any byte of it. */
#ifndef BB_TESTS_SUPPORT_CUT_PROXY_H
#define BB_TESTS_SUPPORT_CUT_PROXY_H

#include <stdint.h>

struct cut_proxy;

struct cut_proxy *cut_proxy_start(uint16_t to_port);
void cut_proxy_stop(struct cut_proxy *proxy);
uint16_t cut_proxy_port(const struct cut_proxy *proxy);
/* Cut once, when `bytes` more have come from clients. */
void cut_proxy_arm(struct cut_proxy *proxy, uint64_t bytes);
/* How often it cut. */
uint64_t cut_proxy_cuts(const struct cut_proxy *proxy);

#endif
