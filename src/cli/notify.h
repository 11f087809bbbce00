/* What systemd is told of a server (sd_notify(3)), without its library: a datagram to $NOTIFY_SOCKET. Nothing happens
 * where there is none. */
#ifndef BB_CLI_NOTIFY_H
#define BB_CLI_NOTIFY_H

/* "READY=1\nSTATUS=..." */
void bb_notify(const char *state);
/* WATCHDOG=1, as often as $WATCHDOG_USEC asks for: to be called more often than that, by one thread. */
void bb_notify_alive(void);

#endif
