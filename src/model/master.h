/* Master data: what is known about a usage point besides its readings (SPEC "Registry file").
 *
 * A master record in the log holds one entry whole: a usage point with its installations and
 * channels, a tenant, a calendar, a profile, a group, or the rules of a tenant. It replaces the entry of the same name; the log and the
 * registry keep every version with its recorded time. The packed form is a list of tagged fields,
 * so that fields may be added.
 */
#ifndef BB_MODEL_MASTER_H
#define BB_MODEL_MASTER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "model/decimal.h"
#include "model/kind.h"
#include "model/timestamp.h"

enum {
    BB_MASTER_TENANT_MAX = 64, /* bytes of a tenant's name: it stands before others in keys */
    BB_MASTER_TEXT_MAX = 1000, /* of a customer, a tariff, a reason, a tag's value */
    BB_MASTER_EXPRESSION_MAX = 4000
};

struct bb_master_reading { /* an opening or closing reading at an exchange */
    struct bb_span channel;
    struct bb_decimal value;
};

struct bb_master_installation {
    struct bb_span device;
    int64_t from_ms, to_ms; /* [from, to); BB_TIME_NONE in to: still there */
    struct bb_decimal multiplier;
    struct bb_decimal calorific_value; /* kWh per m³; 0: not said */
    struct bb_decimal state_number;    /* m³ at norm conditions per m³ counted; 0: not said */
    uint8_t dials;                     /* 0: unknown */
    struct bb_span reason;
    struct bb_master_reading *opening, *closing;
    uint32_t opening_count, closing_count;
};

struct bb_master_channel {
    struct bb_span name;
    struct bb_span obis;  /* canonical text, may be empty */
    struct bb_span alias; /* may be empty */
    uint8_t kind;         /* enum bb_kind */
    uint8_t commodity;
    int16_t unit;           /* enum bb_unit of the derived lanes; -1: not said */
    uint32_t interval_s;    /* 0: not said */
    int8_t one_way;         /* 1, 0, or -1: not said */
    struct bb_span profile; /* name of a profile; empty: the usage point's */
};

struct bb_master_tag {
    struct bb_span key, value;
};

struct bb_master_connection { /* the most that can flow at once */
    struct bb_decimal value;  /* 0: not said */
    uint8_t unit;             /* of a power, a flow, or a current in each phase */
    uint8_t phases;           /* of a current: 1 to 3; else 0 */
};

struct bb_master_usage_point {
    struct bb_span tenant, name;
    struct bb_span zone;     /* empty: not said */
    struct bb_span calendar; /* name of a calendar, empty: not said */
    struct bb_span profile;  /* name of a profile, of all its channels; empty: not said */
    struct bb_span customer, grid_area, tariff;
    struct bb_master_connection connection;
    uint8_t commodity;
    struct bb_master_tag *tags;
    struct bb_master_installation *installations;
    struct bb_master_channel *channels;
    uint32_t tag_count, installation_count, channel_count;
};

struct bb_master_tenant {
    struct bb_span name, zone;
};

struct bb_master_calendar {
    struct bb_span tenant, name, zone;
    int32_t day_start_s;
    int32_t *holidays; /* days since 1970 */
    uint32_t holiday_count;
};

/* Weights of profiles are whole millionths; what they mean derive/profile.h says. */
#define BB_MASTER_WEIGHT_ONE INT64_C(1000000)
#define BB_MASTER_WEIGHT_MAX (10000 * BB_MASTER_WEIGHT_ONE)

struct bb_master_day_weight {
    int32_t day; /* since 1970 */
    int64_t weight;
};

struct bb_master_season { /* of months, 1 to 12; first > last: over the end of the year */
    uint8_t first, last;
};

struct bb_master_shape { /* of the days of a season, in 1, 24, 48 or 96 equal slots from 00:00 on */
    struct bb_master_season season;
    int64_t *working;
    int64_t *saturday; /* count 0: as working */
    int64_t *sunday;   /* or holiday; count 0: as saturday */
    uint32_t working_count, saturday_count, sunday_count;
};

struct bb_master_profile {
    struct bb_span tenant, name;
    struct bb_master_day_weight *days; /* in any order; none: all alike */
    int64_t *months;                   /* 12 factors, or none */
    struct bb_master_shape *shapes;    /* together of every month, or none: even */
    uint32_t day_count, month_count, shape_count;
};

/* What is wrong with the lists of a profile, as "a profile ..."; NULL: nothing. */
const char *bb_master_profile_fault(const struct bb_master_profile *profile);

struct bb_master_group { /* of usage points: those of which an expression holds */
    struct bb_span tenant, name;
    struct bb_span expression; /* model/expression.h */
    struct bb_span description;
};

/* Customers' own rules (docs/rules.md): what runs on the values of a tenant, in the order given. One entry holds
 * them all, so that their order is one thing, too. */
enum {
    BB_MASTER_SOURCE_MAX = 1 << 20,      /* bytes of a module */
    BB_MASTER_SIDE_MAX = 1 << 20,        /* of a side input */
    BB_MASTER_PARAMETERS_MAX = 16 << 10, /* of a version's parameters */
    BB_MASTER_SHARE_ALL = 1000           /* thousandths */
};

struct bb_master_side { /* a side input of a module: a file of times and numbers (docs/rules.md) */
    struct bb_span name, text;
};

struct bb_master_module { /* a Python file, as deployed */
    struct bb_span hash;  /* of its content and its side inputs', 16 hex digits */
    struct bb_span name, source;
    struct bb_master_side *sides;
    uint32_t side_count;
};

struct
    bb_master_rule_other { /* another channel of the usage point, that a rule sees by a name of its own */
    struct bb_span name, channel;
};

struct bb_master_rule_output { /* a channel that a rule makes */
    struct bb_span name;
    int16_t unit;
};

struct bb_master_rule_version {
    struct bb_span id;          /* 16 hex digits, of all that can change what it says */
    struct bb_span module;      /* hash of one of the entry's modules */
    struct bb_span function;    /* in it */
    struct bb_span parameters;  /* JSON object */
    struct bb_span environment; /* hash of the Python environment that it was tried in */
    struct bb_span channel;     /* what it judges: a name, an OBIS code or an alias */
    struct bb_span by, reason;  /* who deployed it, and why */
    int64_t deployed_ms;
    int64_t from_ms, to_ms; /* it speaks of values that end in (from, to]; BB_TIME_NONE: no bound */
    int64_t window_ms;      /* how far it looks back */
    uint32_t share;         /* of the usage points, in thousandths: which, bb_rule_in_share says */
    uint8_t commodity;      /* 0: any */
    struct bb_master_rule_other *others; /* as its module states them */
    struct bb_master_rule_output *outputs;
    uint32_t other_count, output_count;
};

struct bb_master_rule {
    struct bb_span name;
    uint8_t
        raw; /* 1: it sees values as sent, before busbar's own checks; 0: validated ones, behind them */
    struct bb_master_rule_version
        *versions; /* the first that fits counts: the last deployed stands first */
    uint32_t version_count;
};

struct bb_master_rules {
    struct bb_span tenant;
    struct bb_master_module *modules;
    struct bb_master_rule *rules;
    uint32_t module_count, rule_count;
};

/* Stored ids. */
enum bb_master_kind {
    BB_MASTER_USAGE_POINT = 1,
    BB_MASTER_TENANT = 2,
    BB_MASTER_CALENDAR = 3,
    BB_MASTER_PROFILE = 4,
    BB_MASTER_GROUP = 5,
    BB_MASTER_RULES = 6
};

struct bb_master {
    enum bb_master_kind kind;
    union {
        struct bb_master_usage_point usage_point;
        struct bb_master_tenant tenant;
        struct bb_master_calendar calendar;
        struct bb_master_profile profile;
        struct bb_master_group group;
        struct bb_master_rules rules;
    };
};

/* Whose entry it is, and its name (a tenant's is its own, and that of its rules). */
struct bb_span bb_master_tenant_name(const struct bb_master *master);
struct bb_span bb_master_name(const struct bb_master *master);

/* -BB_E_REGISTRY_INVALID when a text is longer than allowed or a number out of its range. */
int bb_master_encode(const struct bb_master *master, struct bb_buffer *out, struct bb_error *error)
    BB_MUST_USE;
/* May any text of the packed entry hold all the words, ASCII case aside? False: none does, and nothing was unpacked. */
bool bb_master_may_hold(struct bb_span bytes, const struct bb_span *words, size_t count);
/* Texts borrow from `bytes`, lists live in the arena. Unknown tags are passed over. Any bytes end in
 * an entry with a name, all of whose numbers are in range, or in an error. */
int bb_master_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_master *out,
                     struct bb_error *error) BB_MUST_USE;

#endif
