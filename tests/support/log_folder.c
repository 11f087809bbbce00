#include "support/log_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

void log_folder_make(char folder[LOG_FOLDER_SIZE]) {
    snprintf(folder, LOG_FOLDER_SIZE, "%s/busbar-log-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    BB_ASSERT(mkdtemp(folder) != NULL);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void log_folder_remove(const char *folder) {
    BB_ASSERT(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT);
}

/* nftw has no context argument. */
static const char *copy_from, *copy_to;

static int copy_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
    char target[2 * LOG_FILE_SIZE];

    (void)where;
    snprintf(target, sizeof target, "%s%s", copy_to, path + strlen(copy_from));
    if (kind == FTW_D)
        return mkdir(target, status->st_mode & 0777) == 0 || errno == EEXIST ? 0 : -1;
    size_t size = 0;
    char *bytes = log_file_load(path, &size);
    log_file_store(target, bytes, size);
    free(bytes);
    return 0;
}

void log_folder_copy(const char *from, const char *to) {
    log_folder_remove(to);
    copy_from = from;
    copy_to = to;
    BB_ASSERT(nftw(from, copy_entry, 16, FTW_PHYS) == 0);
}

void log_folder_segment(const char *folder, uint32_t partition, uint64_t segment,
                        char file[LOG_FILE_SIZE]) {
    snprintf(file, LOG_FILE_SIZE, "%s/p%04" PRIu32 "/%020" PRIu64 ".seg", folder, partition,
             segment);
}

char *log_file_load(const char *file, size_t *size) {
    struct stat status;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    BB_ASSERT(fd >= 0 && fstat(fd, &status) == 0);
    *size = (size_t)status.st_size;
    char *bytes = malloc(*size + 1);
    BB_ASSERT(bytes && read(fd, bytes, *size) == (ssize_t)*size);
    close(fd);
    return bytes;
}

void log_file_store(const char *file, const void *bytes, size_t size) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    BB_ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

bool log_file_exists(const char *file) {
    return access(file, F_OK) == 0;
}

static struct bb_log *open_or_stop(const char *folder, struct bb_log_embedded_options options) {
    struct bb_log *log = NULL;
    struct bb_error error = {0};

    if (bb_log_embedded_open(folder, &options, &log, &error) < 0)
        fprintf(stderr, "%s\n", error.text);
    BB_ASSERT(log != NULL);
    return log;
}

struct bb_log *log_folder_open(const char *folder, uint64_t segment_bytes) {
    return open_or_stop(folder, (struct bb_log_embedded_options){.partitions = 2,
                                                                 .segment_bytes = segment_bytes,
                                                                 .append = true});
}

struct bb_log *log_folder_open_reader(const char *folder) {
    return open_or_stop(folder, (struct bb_log_embedded_options){.append = false});
}

struct bb_log_record log_sample(uint64_t seed, char body[LOG_SAMPLE_LIMIT]) {
    struct bb_random random;

    bb_random_seed(&random, seed);
    uint64_t size = bb_random_below(&random, 4) == 0 ? bb_random_below(&random, 300)
                                                     : bb_random_below(&random, 40);
    for (uint64_t i = 0; i < size; i++)
        body[i] = (char)bb_random_below(&random, 256);
    return (struct bb_log_record){.kind = (uint8_t)(1 + bb_random_below(&random, 8)),
                                  .readings = (uint32_t)bb_random_below(&random, 10000),
                                  .file_id = bb_random_next(&random),
                                  .received_ms = 1700000000000 + (int64_t)seed * 1000,
                                  .body = {body, (size_t)size}};
}

bool log_sample_equal(const struct bb_log_record *record, uint64_t seed) {
    char body[LOG_SAMPLE_LIMIT];
    struct bb_log_record expected = log_sample(seed, body);

    return record->kind == expected.kind && record->readings == expected.readings &&
           record->file_id == expected.file_id && record->received_ms == expected.received_ms &&
           bb_span_equal(record->body, expected.body);
}

void log_append_sample(struct bb_log *log, uint32_t partition, uint64_t seed,
                       struct bb_log_record *record) {
    char body[LOG_SAMPLE_LIMIT];
    struct bb_error error;

    *record = log_sample(seed, body);
    BB_ASSERT(log->ops->append(log, partition, record, &error) == 0);
    record->body = (struct bb_span){NULL, record->body.size};
}

void log_sync(struct bb_log *log) {
    struct bb_error error;

    BB_ASSERT(log->ops->sync(log, &error) == 0);
}

struct bb_log_end log_end(struct bb_log *log, uint32_t partition) {
    struct bb_log_end end;
    struct bb_error error;

    BB_ASSERT(log->ops->end(log, partition, &end, &error) == 0);
    return end;
}

int64_t log_count_samples(struct bb_log *log, uint32_t partition, uint64_t from,
                          uint64_t first_seed) {
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record = {.next_offset = from};
    struct bb_error error;
    int64_t count = 0;
    int result = log->ops->reader_open(log, partition, &reader, &error);

    BB_ASSERT(result == 0);
    while ((result = log->ops->read(reader, record.next_offset, &record, &error)) ==
           BB_LOG_RECORD) {
        if (!log_sample_equal(&record, first_seed + (uint64_t)count))
            break;
        count++;
    }
    log->ops->reader_close(reader);
    return result == BB_LOG_END ? count : -1;
}
