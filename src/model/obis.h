/* OBIS names (IEC 62056-61): A-B:C.D.E*F, the field's names for registers and intervals.
 *
 * Written "1-0:1.8.0", "1-0:1.8.0*255" or "1-0:1.8.0.255", short "1.8.0" (A and B left open), as a
 * logical name "1.0.1.8.0.255", or as 12 hex digits "0100010800FF".
 */
#ifndef BB_MODEL_OBIS_H
#define BB_MODEL_OBIS_H

#include "model/kind.h"
#include "model/unit.h"

enum { BB_OBIS_TEXT_MAX = 32, BB_OBIS_ANY = -1 };

struct bb_obis {
    int16_t a, b, c, d, e, f; /* 0..255, or BB_OBIS_ANY where the text leaves it open */
};

/* False when `text` is no OBIS code. */
bool bb_obis_parse(struct bb_span text, struct bb_obis *out);
/* Canonical text: "1-0:1.8.0", without *F when it is open or 255; returns the length. */
size_t bb_obis_format(const struct bb_obis *code, char *buffer);
/* Does `pattern` (open fields match anything) name `code`? F open or 255 are alike in both: the
 * present value, never that of an earlier billing period. */
bool bb_obis_match(const struct bb_obis *pattern, const struct bb_obis *code);
/* D = 8 register, 29 interval, 7 gauge; else unknown. */
enum bb_kind bb_obis_kind(const struct bb_obis *code);
/* A: 1 electricity, 6 heat, 5 cooling, 7 gas, 8 and 9 water; else unknown. */
enum bb_commodity bb_obis_commodity(const struct bb_obis *code);
/* One-way quantities can never be negative: C = 1..4 of electricity (import or export, active or
 * reactive) and all energy and volume of heat, gas and water. */
bool bb_obis_one_way(const struct bb_obis *code);

#endif
