/* What systemd is told: see notify.h. What cannot be sent is lost; systemd then thinks as it will. */
#include "cli/notify.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void bb_notify(const char *state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path ? strlen(path) : 0;

    if (size < 2 || size >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') /* Linux's names that are in no folder */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    close(fd);
}

void bb_notify_alive(void) {
    static int64_t next_ms; /* monotonic */
    const char *every = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
    int64_t now_ms = bb_monotonic_ns() / 1000000;

    if (!every || now_ms < next_ms || (whose && strtol(whose, NULL, 10) != (long)getpid()))
        return;
    next_ms = now_ms + strtoll(every, NULL, 10) / 1000 / 4; /* a look may be late */
    bb_notify("WATCHDOG=1");
}
