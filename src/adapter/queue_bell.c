/* FILE.wake: a counter in a shared mapping. Who puts something counts up and wakes whoever sleeps on the word; who found nothing
 * sleeps until the word is another one than it was before it looked, so that nothing put meanwhile is missed.
 *
 * It is a hint: what it says is looked up in the file. So a word that a crash left at any number does no harm.
 * The page is written at open, not left a hole: a store into a hole of a full disk would be a SIGBUS.
 */
#include "adapter/queue_file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not the private kind: the sleepers are in other processes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static int fill(int fd) {
    const uint32_t zero = 0;
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    if (status.st_size >= (off_t)sizeof zero)
        return 0;
    return pwrite(fd, &zero, sizeof zero, 0) == (ssize_t)sizeof zero ? 0 : errno ? errno : EIO;
}

int bb_queue_bell_open(struct queue_bell *bell, const char *path, struct bb_error *error) {
    char name[4200];

    snprintf(name, sizeof name, "%.4096s.wake", path);
    bell->word = NULL;
    errno = 0;
    bell->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int cause = bell->fd < 0 ? errno : fill(bell->fd);
    if (!cause) {
        void *map = mmap(NULL, sizeof *bell->word, PROT_READ | PROT_WRITE, MAP_SHARED, bell->fd, 0);
        if (map == MAP_FAILED)
            cause = errno;
        else
            bell->word = map;
    }
    if (!cause)
        return 0;
    int failed = BB_FAIL_ERRNO(error, BB_E_QUEUE_IO, cause, "cannot open %s", name);
    bb_queue_bell_close(bell);
    return failed;
}

void bb_queue_bell_close(struct queue_bell *bell) {
    if (bell->word)
        munmap((void *)bell->word, sizeof *bell->word);
    if (bell->fd >= 0)
        close(bell->fd);
    *bell = (struct queue_bell){.fd = -1};
}

uint32_t bb_queue_bell_heard(const struct queue_bell *bell) {
    return atomic_load_explicit(bell->word, memory_order_acquire);
}

void bb_queue_bell_ring(struct queue_bell *bell) {
    atomic_fetch_add_explicit(bell->word, 1, memory_order_acq_rel);
    futex(bell->word, FUTEX_WAKE, INT_MAX, NULL);
}

bool bb_queue_bell_wait(struct queue_bell *bell, uint32_t heard, int timeout_ms) {
    const struct timespec left = {.tv_sec = timeout_ms / 1000,
                                  .tv_nsec = (long)(timeout_ms % 1000) * 1000000};

    return futex(bell->word, FUTEX_WAIT, heard, &left) == 0 || errno == EAGAIN;
}
