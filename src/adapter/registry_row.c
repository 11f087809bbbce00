/* Rows of the registries: see registry_row_internal.h. */
#include "adapter/registry_row_internal.h"

#include "model/quality.h"
#include "model/unit.h"

static const char *unit_name(int id) {
    return bb_unit_symbol(id);
}

const struct bb_registry_vocabulary bb_registry_vocabularies[BB_REGISTRY_VOCABULARIES] = {
    {"kind_name", BB_KIND_COUNT, bb_kind_name},
    {"commodity_name", BB_COMMODITY_COUNT, bb_commodity_name},
    {"unit_name", BB_UNIT_COUNT, unit_name},
    {"check_name", BB_CHECK_COUNT, bb_check_name},
};

uint8_t bb_registry_known_unit(int64_t unit) {
    return unit >= 0 && unit < BB_UNIT_COUNT ? (uint8_t)unit : BB_UNIT_NONE;
}

int16_t bb_registry_known_derived_unit(int64_t unit) {
    return unit >= 0 && unit < BB_UNIT_COUNT ? (int16_t)unit : -1;
}

bool bb_registry_audit_copy(const struct bb_registry_audit *row, struct bb_arena *arena,
                            struct bb_registry_audit *out) {
    *out = *row;
    struct bb_span *spans[] = {&out->tenant, &out->who,        &out->credential, &out->origin,
                               &out->verb,   &out->subject,    &out->reason,     &out->request,
                               &out->salt,   &out->texts_hash, &out->chain};

    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        struct bb_span kept = bb_arena_copy(arena, *spans[i]);
        if (!kept.data && spans[i]->size > 0)
            return false;
        *spans[i] = kept;
    }
    return true;
}
