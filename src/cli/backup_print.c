/* What backup and restore say at their end: see backup_print.h. */
#include "cli/backup_print.h"

#include "cli/human.h"
#include "model/timestamp.h"

#include <inttypes.h>
#include <stdio.h>

static void print_json(struct bb_command *command, const struct bb_backup_report *report,
                       const struct bb_backup_words *words, double seconds) {
    struct bb_json json = bb_command_json(command);
    char made[BB_TIME_TEXT_MAX], identity[24];
    size_t size = bb_time_format_utc(report->made_ms, made);

    snprintf(identity, sizeof identity, "%016" PRIx64, report->identity);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "folder", bb_span_of(words->what));
    bb_json_put_text(&json, "made", (struct bb_span){made, size});
    bb_json_put_text(&json, "by", bb_span_of(report->by));
    bb_json_put_text(&json, "log", bb_span_of(identity));
    bb_json_put_u64(&json, "partitions", report->partitions);
    bb_json_put_u64(&json, "files", report->files);
    bb_json_put_u64(&json, "bytes", report->bytes);
    bb_json_put_u64(&json, "readings", report->readings);
    bb_json_put_u64(&json, "blocks", report->blocks);
    if (words->restored)
        bb_json_put_u64(&json, "derived", report->derived);
    bb_json_put_double(&json, "seconds", seconds);
    bb_json_object_end(&json);
    bb_command_json_end(command);
}

void bb_backup_print(struct bb_command *command, const struct bb_backup_report *report,
                     const struct bb_backup_words *words, double seconds) {
    struct bb_buffer *out = &command->out->buffer;
    char files[BB_HUMAN_MAX], bytes[BB_HUMAN_MAX], readings[BB_HUMAN_MAX], took[BB_HUMAN_MAX];
    char made[BB_TIME_TEXT_MAX];
    size_t size = bb_time_format_utc(report->made_ms, made);

    if (command->globals.json) {
        print_json(command, report, words, seconds);
        return;
    }
    if (!bb_command_talks(command))
        return;
    bb_buffer_format(out, "%s: %s · as of %.*s · %s readings in the log · %s in %s files · %s\n",
                     words->did, words->what, (int)size, made,
                     bb_human_count(report->readings, readings),
                     bb_human_bytes(report->bytes, bytes), bb_human_count(report->files, files),
                     bb_human_seconds(seconds, took));
    if (words->restored)
        bb_buffer_format(out, "%s readings were left in the log, and are derived now\n",
                         bb_human_count(report->derived, readings));
    bb_buffer_format(out, "next: busbar %s%s%s\n", words->next, words->restored ? "" : " ",
                     words->restored ? "" : words->what);
}
