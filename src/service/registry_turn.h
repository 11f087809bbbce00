/* The turn to apply a registry file: one at a time, whoever does it.
 *
 *   busbar registry apply ──┐
 *                           ├─► turn ─► what came before is derived ─► compare ─► append ─► derived ─► next turn
 *   POST /v1/registry ──────┘
 *
 * What is appended is what the comparison found, and that looks at the registry, which follows the log. Two at once
 * would both find the same change, and both tell that they made it. The command compares in a process of its own, so
 * the turn is a flock of the plant's folder: threads of one process exclude each other by it too, and it ends with
 * whoever has it, however he ends.
 */
#ifndef BB_SERVICE_REGISTRY_TURN_H
#define BB_SERVICE_REGISTRY_TURN_H

#include "service/plant.h"

/* Wait for it. `turn` is to be ended. -BB_E_LOCKED (retriable): others had it all the time. Any thread. */
int bb_registry_turn_take(const struct bb_plant *plant, int patience_ms, int *turn,
                          struct bb_error *error) BB_MUST_USE;
/* Negative does nothing. */
void bb_registry_turn_end(int turn);

#endif
