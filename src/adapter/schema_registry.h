/* Schemas by id from a registry with the interface of Confluent's (Karapace and Apicurio have it too):
 *
 *   GET {address}/schemas/ids/{id}  ─►  {"schema": "..."}
 *
 * A schema never changes under its id, so what was found is kept; that an id is unknown is remembered for half a
 * minute, so that a topic full of such messages does not become as many questions. Errors are retriable where
 * asking again may help: no answer, 429, 5xx. Blocks while it asks; one thread.
 */
#ifndef BB_ADAPTER_SCHEMA_REGISTRY_H
#define BB_ADAPTER_SCHEMA_REGISTRY_H

#include <stdatomic.h>

#include "codec/map.h"

struct bb_schema_registry;

/* The password is read here. `stop` (may be NULL) becomes true: a question is given up within a second. */
int bb_schema_registry_new(const struct bb_map_registry *where, atomic_bool *stop,
                           struct bb_schema_registry **out, struct bb_error *error) BB_MUST_USE;
void bb_schema_registry_free(struct bb_schema_registry *registry);
/* For bb_decode_options; lives as long as the registry. */
const struct bb_schema_lookup *bb_schema_registry_lookup(const struct bb_schema_registry *registry);

#endif
