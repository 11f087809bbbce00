/* Map files: how to read a CSV or NDJSON source that does not follow busbar's own conventions.
 *
 * The YAML schema is in docs/formats.md (SPEC "Map file"). A map is immutable after loading and may
 * serve many files.
 */
#ifndef BB_CODEC_MAP_H
#define BB_CODEC_MAP_H

#include "codec/codec.h"

struct bb_map;

/* Load and validate; -BB_E_MAP_INVALID names the key, its line and what is allowed. */
int bb_map_load(const char *path, struct bb_map **out, struct bb_error *error) BB_MUST_USE;
/* Of a text that came from elsewhere: it may not name files or addresses of this machine. */
int bb_map_parse(struct bb_span yaml, const char *name, struct bb_map **out, struct bb_error *error)
    BB_MUST_USE;
void bb_map_free(struct bb_map *map);
/* Has its CSV a header? */
bool bb_map_has_header(const struct bb_map *map);
/* The format it is for. */
const struct bb_format_row *bb_map_format(const struct bb_map *map);

/* The registry of schemas that a map names: for whoever fetches (adapter/schema_registry.h). Texts end in a NUL
 * and live as long as the map. False: it names none. */
struct bb_map_registry {
    const char *address;
    const char *user, *password_file; /* "": none */
};
bool bb_map_registry(const struct bb_map *map, struct bb_map_registry *out);

#endif
