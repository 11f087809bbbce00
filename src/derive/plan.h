/* A plan: everything that new readings of one channel change, worked out without any I/O.
 *
 *   told readings ──► merge ──► changed times ──► reach ──► judge ──► periodise ──► blocks to write
 *                                    │
 *                                    └──► statistics of days (lane stat)
 *
 * A plan stops and says which blocks it needs (bb_plan_run returns BB_PLAN_NEED); the caller supplies
 * them, present or absent, and runs it again. It stops for each of the channel's own rules (rule.h), too, and asks
 * what that says (BB_PLAN_ASK). It is pure: the same inputs give the same blocks.
 *
 * Reach. A changed reading can change the lane vee
 *   - between the usable reading before it and the one behind it (gaps),
 *   - as far to both sides as a check looks (check.h, struct bb_reach),
 *   - on the BB_STAT_DAYS days behind it, when the statistics of its own day have changed,
 *   - between the readings of the registers beside the channel that hold it (total.h),
 * and the periods that overlap these. `judge` covers that; what it looks at beyond is the window.
 *
 * One plan covers a stretch of days (bb_plan_input.told within at most BB_PLAN_DAYS_MAX of each
 * other); the service cuts longer ones.
 */
#ifndef BB_DERIVE_PLAN_H
#define BB_DERIVE_PLAN_H

#include "derive/coverage.h"
#include "derive/merge.h"
#include "derive/rule.h"
#include "derive/vee.h"

enum { BB_PLAN_DAYS_MAX = 32, BB_TICK_DAYS = 45 };

/* A register beside an interval channel (total.h). Its own lanes are current when the plan runs. */
struct bb_companion {
    const struct bb_channel *channel;
    const struct bb_coverage *coverage;
};

/* Another channel of the usage point, at which the channel's rules look (rule.h). Its own lanes are current when the plan
 * runs. */
enum { BB_BESIDES_MAX = 32 };
struct bb_beside {
    struct bb_span called, name; /* as the rules call it; its own */
    const struct bb_channel *channel;
    const struct bb_coverage *coverage;
};

struct bb_plan_input {
    const struct bb_channel *channel;
    struct bb_coverage *coverage; /* grows with the days that are told of */
    const struct bb_companion *companions;
    size_t companion_count; /* at most BB_METERS_MAX */
    const struct bb_beside *besides;
    size_t beside_count;        /* at most BB_BESIDES_MAX */
    const struct bb_told *told; /* ascending by end_ms */
    size_t told_count;
    const struct bb_attribute *attributes; /* of told */
    /* Derive (force_from, force_to] again although no reading changed: new parameters or master
     * data. force_from >= force_to: no. */
    int64_t force_from, force_to;
    /* The latest tick: time has come that far, so that a gap exists up to there; 0: none. Of a channel that
     * is silent for longer than BB_TICK_DAYS nobody expects more. */
    int64_t tick_ms;
    bool discard_periods; /* forget stored period values of the channel: the calendar changed */
    uint8_t also;         /* a period lane that is not stored, to be made, too; 0: none */
    struct bb_vee_account *account; /* somebody asks how a value was estimated; NULL: nobody */
};

struct bb_plan_key {
    uint8_t lane;
    uint8_t
        companion; /* 0: the channel itself; i: companions[i - 1], and behind these the besides; they are only read */
    int32_t span;
};

struct bb_plan_write {
    struct bb_plan_key key;
    size_t offset, size; /* in plan->out, which may move as it grows; size 0: delete */
    bool is_new;         /* there was none */
};

struct bb_plan_slot; /* a block the plan knows, or knows to be absent */
struct bb_plan_work; /* what the readings in the window come to (plan_work.c) */

enum bb_plan_phase {
    BB_PLAN_MERGE,     /* readings into raw and history */
    BB_PLAN_STAT,      /* statistics of the days that changed */
    BB_PLAN_REACH,     /* how far that reaches */
    BB_PLAN_RAW_RULES, /* what the channel's rules say of values as sent */
    BB_PLAN_LIKE,      /* like days of the gaps in there */
    BB_PLAN_JUDGE,     /* checks and estimates */
    BB_PLAN_VEE_RULES, /* what the channel's rules say of these */
    BB_PLAN_WRITE,     /* periodise, write */
    BB_PLAN_FINISHED
};

struct bb_plan {
    struct bb_plan_input input;
    struct bb_arena *arena; /* the caller's; holds everything of the plan */
    struct bb_buffer *out;  /* the caller's; packed blocks are appended to it */
    enum bb_plan_phase phase;
    struct bb_plan_slot **slots; /* ascending by key */
    size_t slot_count, slot_capacity;
    struct bb_plan_key *needs;
    size_t need_count, need_capacity;
    bool failed_memory;

    /* Stretches found on the way, each (from, to]. */
    bool dirty;
    int64_t changed_from, changed_to; /* of readings */
    struct bb_reach reach;
    struct bb_stat_day *changed_days; /* new rows of the days in the stretch, ascending */
    size_t changed_day_count;
    int64_t stat_to;     /* verdicts up to here look at statistics that have changed */
    uint32_t read_ahead; /* registers: readings behind the change that are judged, too */
    struct bb_plan_work *work;
    int64_t judge_from, judge_to;
    int64_t look_from,
        look_to; /* judged, too, for rules to see; without rules as judge_from, judge_to */
    int64_t raw_rules_from; /* rules that see values as sent judge from here on */
    int64_t
        silent_to; /* behind the last usable reading there is a gap up to here; 0: no such gap */
    int64_t period_from, period_to;
    int32_t first_day, last_day;    /* raw days that must be known */
    int64_t window_from, window_to; /* (from, to]: the readings that matter */

    /* Customers' rules. */
    uint32_t rule; /* of the channel: the one at hand */
    struct bb_rule_ask ask;
    struct bb_saying *said;
    size_t said_count, said_capacity;

    /* Results. */
    struct bb_plan_write *writes;
    size_t write_count, write_capacity;
    struct bb_finding_list opened, closed; /* hard findings */
    struct bb_merge_counts counts;
    bool coverage_changed;
};

enum bb_plan_outcome { BB_PLAN_DONE = 0, BB_PLAN_NEED = 1, BB_PLAN_ASK = 2 };

void bb_plan_begin(struct bb_plan *plan, const struct bb_plan_input *input, struct bb_arena *arena,
                   struct bb_buffer *out);
int bb_plan_run(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
/* Answer one of plan->needs; `packed` empty: there is no such block. The bytes are borrowed until
 * the plan is done. */
int bb_plan_supply(struct bb_plan *plan, struct bb_plan_key key, struct bb_span packed,
                   struct bb_error *error) BB_MUST_USE;

/* Answer plan->ask: what its rule says, ascending by time; rule and version are filled in here. Texts are borrowed until
 * the plan is done. */
int bb_plan_answer(struct bb_plan *plan, const struct bb_saying *said, size_t count,
                   struct bb_error *error) BB_MUST_USE;

/* What a plan that is done knew, for those who explain what it found. Lives in its arena. */
struct bb_plan_facts {
    struct bb_stat stat;
    const struct bb_meter *meters; /* by companion */
    size_t meter_count;
};
struct bb_plan_facts bb_plan_facts(const struct bb_plan *plan);

#endif
