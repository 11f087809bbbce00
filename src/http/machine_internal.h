/* What the machine knows of the plant: its processes, its files. Read from /proc and the file system when it is asked
 * for. */
#ifndef BB_HTTP_MACHINE_INTERNAL_H
#define BB_HTTP_MACHINE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

enum bb_process_state { BB_PROCESS_RUNNING = 0, BB_PROCESS_STOPPED, BB_PROCESS_ENDED };
enum { BB_PROCESS_STATES = BB_PROCESS_ENDED + 1 };
const char *bb_process_state_name(enum bb_process_state state); /* "running" */

/* The server's children are its workers: the kernel knows them. Returns how many; the first `limit` of them in
 * `pids`. */
int bb_machine_children(int *pids, int limit);
enum bb_process_state bb_machine_state_of(int pid);

struct bb_machine_process {
    double cpu_s, start_s; /* start: since 1970 */
    uint64_t resident_bytes, virtual_bytes;
};
/* `pid` 0: this process. */
bool bb_machine_process(int pid, struct bb_machine_process *out);
uint64_t bb_machine_open_fds(void);
uint64_t bb_machine_max_fds(void);

/* Bytes of the files in a folder and the folders in it; what comes and goes meanwhile does not matter. */
uint64_t bb_machine_bytes_in(const char *path);
uint64_t bb_machine_free_bytes(const char *path);

#endif
