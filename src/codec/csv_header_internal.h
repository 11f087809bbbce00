/* The header of a CSV file: which column is what. */
#ifndef BB_CODEC_CSV_HEADER_INTERNAL_H
#define BB_CODEC_CSV_HEADER_INTERNAL_H

#include "codec/binding_internal.h"

/* Turn the binding's slots into the numbers of these columns. Their texts are not kept.
 * -BB_E_COLUMN_UNKNOWN names what is lacking and lists what is there. */
int bb_csv_bind_header(struct bb_binding *binding, const struct bb_cell *header, uint32_t count,
                       struct bb_error *error) BB_MUST_USE;

#endif
