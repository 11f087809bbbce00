/* The 200 record of NEM12: a channel of a usage point, with its unit and interval length.
 *
 * 200,NMI,NMIConfiguration,RegisterID,NMISuffix,MDMDataStreamIdentifier,MeterSerialNumber,UOM,
 *     IntervalLength,NextScheduledReadDate
 */
#include "codec/nem_internal.h"

enum { FIELD_NMI = 1, FIELD_SUFFIX = 4, FIELD_UNIT = 7, FIELD_LENGTH = 8 };

/* What the first letter of a suffix measures. The other letters of the market (voltage, power
 * factor, check meters, net flows) have no OBIS name that would hold for every sender. */
static const struct {
    char letter;
    const char *obis;
} quantities[] = {
    {'E', "1-1:1.29.0"}, /* consumption */
    {'B', "1-1:2.29.0"}, /* generation */
    {'Q', "1-1:3.29.0"}, /* reactive, consumption */
    {'K', "1-1:4.29.0"}, /* reactive, generation */
};

static const char *suffix_obis(struct bb_span suffix) {
    for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++)
        if (suffix.data[0] == quantities[i].letter)
            return quantities[i].obis;
    return "";
}

static int check_names(const struct bb_nem_fields *fields, struct bb_error *error) {
    if (fields->at[FIELD_NMI].size == 0 || fields->at[FIELD_SUFFIX].size == 0)
        return BB_FAIL(error, BB_E_FIELD_MISSING,
                       "the 200 record has no %s; its fields are 200, NMI, configuration, "
                       "register, suffix, data stream, serial number, unit, interval length, next "
                       "read",
                       fields->at[FIELD_NMI].size == 0 ? "NMI" : "suffix");
    int status = bb_name_check(fields->at[FIELD_NMI], "NMI", error);
    return status < 0 ? status : bb_name_check(fields->at[FIELD_SUFFIX], "suffix", error);
}

/* In minutes; 0 when it is none. */
static uint32_t parse_length(struct bb_span text, struct bb_error *error) {
    uint32_t minutes = 0;

    if (text.size == 0) {
        (void)BB_FAIL(error, BB_E_FIELD_MISSING, "the 200 record has no interval length");
        return 0;
    }
    if (bb_nem_parse_count(text, &minutes) && minutes > 0 && BB_NEM_MINUTES_PER_DAY % minutes == 0)
        return minutes;
    (void)BB_FAIL(error, BB_E_SYNTAX,
                  "the interval length is '%s'; allowed are 5, 10, 15, 30 and other numbers of "
                  "minutes that divide the 1440 of a day",
                  bb_nem_quote(text).text);
    return 0;
}

/* Kind, interval, commodity and zone are all given by the format, so there is no question that
 * options or the registry (bb_series_complete) would have to answer. */
static struct bb_series describe(const struct bb_nem_fields *fields,
                                 const struct bb_nem_channel *channel) {
    return (struct bb_series){
        .usage_point = fields->at[FIELD_NMI],
        .channel = fields->at[FIELD_SUFFIX],
        .zone = BB_SPAN(BB_NEM_MARKET_ZONE),
        .obis = bb_span_of(suffix_obis(fields->at[FIELD_SUFFIX])),
        .interval_s = channel->length_s,
        .kind = BB_KIND_INTERVAL,
        .commodity = BB_COMMODITY_ELECTRICITY,
        .unit = channel->unit,
    };
}

int bb_nem_channel_record(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_channel *channel = &nem->channel;
    struct bb_nem_fields fields;

    *channel = (struct bb_nem_channel){.line = nem->reader.line};
    bb_nem_split(line, &fields);
    if (check_names(&fields, &nem->reason) < 0)
        return bb_nem_refuse(nem, channel->line);
    uint32_t minutes = parse_length(fields.at[FIELD_LENGTH], &nem->reason);
    if (minutes == 0)
        return bb_nem_refuse(nem, channel->line);
    channel->length_s = minutes * 60;
    channel->count = BB_NEM_MINUTES_PER_DAY / minutes;
    bb_nem_parse_unit(fields.at[FIELD_UNIT], &channel->unit, &channel->marks);

    struct bb_series series = describe(&fields, channel);
    int status = bb_nem_add_series(nem, &series, &channel->series);
    channel->usable = status == 0;
    return status;
}
