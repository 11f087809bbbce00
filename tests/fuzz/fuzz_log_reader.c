/* The embedded log over a segment of arbitrary bytes: open, read, verify, ask; never a crash.
 *
 * The checksum would keep a fuzzer at the door for ever, so the first byte of the input says what is
 * done to the rest before it becomes the file:
 *
 *   bit 0   walk over the bytes as if they were records and put right what cannot be guessed: magic,
 *           identity, position, checksum. What remains to the fuzzer: sizes, counts, kinds, tails.
 *   bit 1   the tail file is lost
 *   bits 2..7   how much of the file the tail file calls durable, in 1/63
 *
 * Readers must get records or errors. An owner may refuse to open; if it opens, it must take and give
 * back one more record, and without a tail file all that it kept must verify.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/log_embedded_internal.h"
#include "support/log_folder.h"

static char folder[LOG_FOLDER_SIZE], segment[LOG_FILE_SIZE], tail[LOG_FILE_SIZE];
static char *pristine_tail;
static size_t tail_size;
static uint64_t identity;

static void remove_folder(void) {
    log_folder_remove(folder);
}

static void prepare(void) {
    log_folder_make(folder);
    atexit(remove_folder);
    struct bb_log *log = log_folder_open(folder, 0);
    identity = log->identity;
    log->ops->close(log);
    log_folder_segment(folder, 0, 0, segment);
    snprintf(tail, sizeof tail, "%s/tail", folder);
    pristine_tail = log_file_load(tail, &tail_size);
}

/* Make whole records of the bytes as far as their sizes allow. */
static void put_right(char *bytes, size_t size) {
    uint64_t at = 0;

    while (size - at >= sizeof(struct bb_log_header)) {
        struct bb_log_header header;
        memcpy(&header, bytes + at, sizeof header);
        uint64_t total = bb_log_record_bytes(header.size);
        header.magic = BB_LOG_RECORD_MAGIC;
        header.version = BB_LOG_FORMAT;
        header.partition = 0;
        header.log = (uint32_t)identity;
        header.offset = at;
        if (header.size <= BB_LOG_BODY_LIMIT && total <= size - at) {
            memset(bytes + at + sizeof header + header.size, 0,
                   total - sizeof header - header.size);
            header.crc = bb_log_record_crc(&header, bytes + at + sizeof header);
        }
        memcpy(bytes + at, &header, sizeof header);
        if (total > size - at)
            return;
        at += total;
    }
}

/* The tail file, with `durable` as the end of partition 0; none when `lost`. */
static void write_tail(uint64_t durable, bool lost) {
    log_file_store(tail, pristine_tail, tail_size);
    struct bb_log *log = log_folder_open_reader(folder);
    struct bb_log_files *files = (struct bb_log_files *)log;
    struct bb_log_tail_head *mapped = files->tail.head;
    struct bb_log_tail_head *copy = malloc(tail_size);

    memcpy(copy, mapped, tail_size);
    files->tail.entry = (struct bb_log_tail_entry *)(copy + 1);
    bb_log_tail_publish(files, 0, &(struct bb_log_end){0, durable, 0});
    log->ops->close(log);
    log_file_store(tail, copy, tail_size);
    free(copy);
    if (lost)
        unlink(tail);
}

static void read_all(struct bb_log *log) {
    struct bb_log_reader *reader = NULL;
    struct bb_log_backlog backlog;
    struct bb_log_record record = {.next_offset = 0};
    struct bb_error error;
    uint64_t records;

    if (log->ops->reader_open(log, 0, &reader, &error) < 0)
        abort();
    while (log->ops->read(reader, record.next_offset, &record, &error) == BB_LOG_RECORD)
        ;
    for (uint64_t offset = 0; offset < 200; offset += 8) {
        (void)!log->ops->read(reader, offset, &record, &error);
        (void)!log->ops->backlog(log, 0, offset, &backlog, &error);
    }
    (void)!log->ops->verify(log, 0, &records, &error);
    log->ops->reader_close(reader);
}

static void own(struct bb_log *log, bool lost) {
    struct bb_log_record record;
    struct bb_error error;
    uint64_t records = 0;

    read_all(log);
    log_append_sample(log, 0, 1, &record);
    log_sync(log);
    if (log_count_samples(log, 0, record.offset, 1) != 1)
        abort();
    if (log->ops->verify(log, 0, &records, &error) < 0 && lost)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_log_embedded_options options = {0};
    struct bb_log *log = NULL;
    struct bb_error error;

    if (size == 0)
        return 0;
    if (!pristine_tail)
        prepare();
    char *bytes = malloc(size + 8);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        put_right(bytes, size - 1);
    log_file_store(segment, bytes, size - 1);
    free(bytes);
    write_tail((size - 1) * (data[0] >> 2) / 63, data[0] & 2);

    if (bb_log_embedded_open(folder, &options, &log, &error) == 0) {
        read_all(log);
        log->ops->close(log);
    }
    options.append = true;
    if (bb_log_embedded_open(folder, &options, &log, &error) == 0) {
        own(log, data[0] & 2);
        log->ops->close(log);
    }
    return 0;
}
