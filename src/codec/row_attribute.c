/* Attributes of readings, by a key of eight bytes instead of by their 36: see attribute.h. The
 * indexes hold for one batch; the writer forgets them with it. */
#include "codec/row_writer_internal.h"

uint32_t bb_row_attribute_of(struct bb_row_writer *writer, uint64_t key,
                             const struct bb_quality *quality) {
    struct bb_attribute attribute = {
        .quality = *quality,
        .length_s = (uint32_t)(key >> BB_KEY_LENGTH_SHIFT),
        .unit = (uint8_t)(key >> BB_KEY_UNIT_SHIFT),
        .exponent = (int8_t)(uint8_t)key,
    };

    if (key & BB_KEY_MISSING)
        attribute.quality.state = BB_STATE_MISSING;
    if (key & BB_KEY_AMBIGUOUS)
        attribute.quality.marks |= BB_MARK_AMBIGUOUS_TIME;
    if (key & BB_KEY_ASSUMED)
        attribute.quality.marks |= BB_MARK_UNIT_ASSUMED;
    return bb_attribute_set_index(&writer->batch.attributes, &attribute);
}

uint32_t bb_row_attribute(struct bb_row_writer *writer, uint64_t key) {
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15ULL >> 32) % BB_ATTRIBUTE_CACHE;
    struct bb_attribute_entry *entry = &writer->attributes[at];

    if (entry->key != key) {
        const struct bb_quality *quality =
            &writer->qualities[key >> BB_KEY_QUALITY_SHIFT & (2 * BB_WORDS_MAX - 1)];
        uint32_t index = bb_row_attribute_of(writer, key, quality);
        if (index == UINT32_MAX)
            return index;
        *entry = (struct bb_attribute_entry){key, index};
    }
    writer->last_attribute = *entry;
    return entry->index;
}
