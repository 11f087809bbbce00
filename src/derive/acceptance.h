/* Acceptance: what a person has looked at needs no person any more.
 *
 * Applied to what the checks have said, before anything is made of it:
 *   a value that a person edited or accepted is not suspect: the checks that would mark it so are
 *     taken from it, and what was found about it is kept, but opens no exception
 *   a gap that lies wholly within stretches of which a person said that there is no value (missing
 *     rows that are accepted) is kept as a finding, and opens no exception
 *   of a row by which a person says that there is no value checks say nothing
 * An edited value says nothing about the gap that it ends. Pure.
 */
#ifndef BB_DERIVE_ACCEPTANCE_H
#define BB_DERIVE_ACCEPTANCE_H

#include "derive/check.h"

/* `findings` are those of points [first, last); the window reaches back to the reading before. */
void bb_acceptance_apply(struct bb_window *window, size_t first, size_t last,
                         struct bb_finding_list *findings);

#endif
