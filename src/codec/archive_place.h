/* Where archived blocks are: which months a lane's blocks belong to, what a month's file is called, and what the
 * store remembers of it (names of kind BB_NAME_ARCHIVE). Pure.
 *
 * A block belongs to the month in which its span ends, so that it is as old as the youngest value in it. History
 * goes with raw: a question as of a past moment needs both.
 *
 *   name  'F' lane month(4, big-endian, + 2^31) tenant   -> the file that holds what is not in the store itself
 *   name  'R' file's name                                -> since when nobody new looks for it, 8 bytes big-endian
 *
 * A file is called TENANT/LANE/YYYY-MM/pPPPP-IDENTITY-eEPOCH-oOFFSET.archive: the log's identity, the epoch of
 * the worker who wrote it and where its order stands in the log, so that no two are called alike.
 */
#ifndef BB_CODEC_ARCHIVE_PLACE_H
#define BB_CODEC_ARCHIVE_PLACE_H

#include "codec/archive_file.h"
#include "model/block.h"

enum { BB_ARCHIVE_NAME_MAX = 480, BB_ARCHIVE_KEY_MAX = 480, BB_ARCHIVE_MONTH_TEXT_MAX = 32 };

/* Of a lane that is archived for itself: raw, vee, day, stat, rules. */
static inline bool bb_archive_has_lane(int lane) {
    return bb_lanes[lane].stored && lane != BB_LANE_HISTORY;
}
/* Blocks of which lane's files? */
static inline uint8_t bb_archive_lane_of(uint8_t lane) {
    return lane == BB_LANE_HISTORY ? BB_LANE_RAW : lane;
}

int32_t bb_archive_month_of(uint8_t lane, int32_t span);
/* Spans that end in the month; false: none does. */
bool bb_archive_spans_of(uint8_t lane, int32_t month, int32_t *first, int32_t *last);
/* "2024-05" */
int32_t bb_archive_month_parse(struct bb_span text); /* INT32_MIN: none */
void bb_archive_month_format(int32_t month, char text[BB_ARCHIVE_MONTH_TEXT_MAX]);
int32_t bb_archive_month_at(int64_t ms); /* that holds the moment */

struct bb_archive_place { /* a file, as the store remembers it */
    char name[BB_ARCHIVE_NAME_MAX + 1];
    uint64_t size;
    struct bb_archive_trailer trailer;
};

struct bb_archive_maker { /* who writes a file */
    uint64_t identity, epoch, offset;
};
/* False: the tenant's name is too long for one. */
bool bb_archive_name_make(const struct bb_archive_head *head, const struct bb_archive_maker *maker,
                          char name[BB_ARCHIVE_NAME_MAX + 1]) BB_MUST_USE;
/* What all files of one tenant, lane, month and partition of this log begin with. */
bool bb_archive_prefix_make(const struct bb_archive_head *head, uint64_t identity,
                            char name[BB_ARCHIVE_NAME_MAX + 1]) BB_MUST_USE;
/* Who wrote it, but for the log's identity; false: the name is none of ours. */
bool bb_archive_name_maker(struct bb_span name, struct bb_archive_maker *out) BB_MUST_USE;

size_t bb_archive_key_make(uint8_t lane, int32_t month, struct bb_span tenant,
                           char key[BB_ARCHIVE_KEY_MAX]);
/* The head without its partition; false: it is no 'F' name. */
bool bb_archive_key_read(struct bb_span key, struct bb_archive_head *out) BB_MUST_USE;
void bb_archive_place_encode(const struct bb_archive_place *place, struct bb_buffer *out);
int bb_archive_place_decode(struct bb_span value, struct bb_archive_place *out,
                            struct bb_error *error) BB_MUST_USE;

#endif
