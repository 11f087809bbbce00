/* busbar list files, dead-letters: the rows of files that came, and of what does not count of them. */
#ifndef BB_CLI_LIST_FILES_H
#define BB_CLI_LIST_FILES_H

#include "answer/rows.h"
#include "service/plant.h"

/* Nonzero ends the list. */
typedef int bb_cli_record_visit(void *context, const struct bb_record *record);
int bb_cli_files(struct bb_plant *plant, const struct bb_file_question *asked,
                 bb_cli_record_visit *visit, void *context, struct bb_error *error) BB_MUST_USE;
/* Below the table of dead letters: partitions that stand at a damaged record of the log. */
void bb_cli_standing(struct bb_plant *plant, struct bb_buffer *out);

/* The ledger of a plant that is open for reading is read when it is asked for. */
int bb_cli_ledger(struct bb_plant *plant, struct bb_error *error) BB_MUST_USE;

#endif
