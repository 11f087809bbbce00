/* A dead letter as JSON: for HTTP and the command line alike. */
#ifndef BB_ANSWER_LETTER_JSON_H
#define BB_ANSWER_LETTER_JSON_H

#include "base/json_write.h"
#include "service/letter_act.h"

/* An object; `whole`: with the message itself and its headers. */
void bb_letter_json(const struct bb_letter *letter, bool whole, struct bb_json *json);
/* What came of an act: {"id", "done", "readings", "code", "reason"}. */
void bb_letter_done_json(uint64_t id, const struct bb_letter_done *done, struct bb_json *json);

#endif
