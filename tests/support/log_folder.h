/* Logs in temporary folders, and what tests do to their files: keep a copy of a moment, cut, damage.
 *
 * Everything here stops the test when the system does not play along, so that callers read as the
 * story they tell. No Criterion: the fuzz targets use it too.
 */
#ifndef SUPPORT_LOG_FOLDER_H
#define SUPPORT_LOG_FOLDER_H

#include "adapter/embedded.h"

enum { LOG_FOLDER_SIZE = 64, LOG_FILE_SIZE = 128 };

/* A new folder in memory (/dev/shm) where there is one, else below /tmp. */
void log_folder_make(char folder[LOG_FOLDER_SIZE]);
void log_folder_remove(const char *folder);
/* Make `to` hold the same files as `from`; `to` may exist. */
void log_folder_copy(const char *from, const char *to);
/* FOLDER/p0000/00000000000000000000.seg */
void log_folder_segment(const char *folder, uint32_t partition, uint64_t segment,
                        char file[LOG_FILE_SIZE]);

/* A file's bytes; the caller frees them. */
char *log_file_load(const char *file, size_t *size);
void log_file_store(const char *file, const void *bytes, size_t size);
bool log_file_exists(const char *file);

/* Two partitions and the control partition; segment_bytes 0: the default. */
struct bb_log *log_folder_open(const char *folder, uint64_t segment_bytes);
struct bb_log *log_folder_open_reader(const char *folder);

/* Sample records: everything in them follows from `seed`, body included. Bodies have 0 to 300
 * bytes, of every length modulo 8. */
enum { LOG_SAMPLE_LIMIT = 304 };
struct bb_log_record log_sample(uint64_t seed, char body[LOG_SAMPLE_LIMIT]);
/* The whole record is that of `seed`; offsets are not looked at. */
bool log_sample_equal(const struct bb_log_record *record, uint64_t seed);

/* Append the sample; sets *record. Stops the test on failure, as does the next. */
void log_append_sample(struct bb_log *log, uint32_t partition, uint64_t seed,
                       struct bb_log_record *record);
void log_sync(struct bb_log *log);
struct bb_log_end log_end(struct bb_log *log, uint32_t partition);
/* How many samples with seeds first_seed, +1, ... stand from offset `from` to the end, in order;
 * -1 when something else stands there. */
int64_t log_count_samples(struct bb_log *log, uint32_t partition, uint64_t from,
                          uint64_t first_seed);

#endif
