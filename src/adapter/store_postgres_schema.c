/* The store's tables, and the views for people who know SQL: see store_postgres_internal.h.
 *
 *   claim     a row per partition: lock, epoch, position, number of the last outbox record
 *   block     a row per block. `packed` is the block; lanes with values have them once more as columns:
 *               regular   end of the n-th value = start_at + n x step_s
 *               not       ts[n]
 *               alike     exponent, length_s, unit, quality (NULL: measured) of all values
 *               not       attribute[n] is the index into exponents, lengths_s, units, qualities
 *             value[n], or value_wide[n] when one of them needs more than 32 bits; NULL: no value
 *   name      small named values
 *   channel   the numbers of channels, in words
 *   outbox    what deliver has still to hand on
 *   store     one row: how many partitions there are
 *
 * The bytes are beside the values, not made of them: 200 bytes of 800, for which `packed` comes back as it was put,
 * whatever a later version of the packer does. 32-bit values halve the rest.
 *
 * Keys of `block` are in the order of the port (lane, span, channel): a new day lies behind all older ones. block_by_channel is for
 * people: one channel, by time. No index has a column that an update changes, so updates stay within their page (HOT)
 * while it has room. Compression would only cost time: packed is packed, and small rows are never compressed anyway.
 */
#include "adapter/store_postgres_internal.h"

#define FILLED(percent) "fillfactor = " #percent
/* Rows change all the time, whatever the size of the table. */
#define VACUUMED_AFTER(rows)                                                                       \
    "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = " #rows

#define TABLES                                                                                                               \
    "CREATE TABLE store (partitions int NOT NULL, one boolean PRIMARY KEY DEFAULT true CHECK (one));"                        \
    "CREATE TABLE claim (partition int PRIMARY KEY, log_identity bigint NOT NULL,"                                           \
    "  epoch bigint NOT NULL, log_offset bigint NOT NULL, log_inner bigint NOT NULL,"                                        \
    "  outbox_last bigint NOT NULL)"                                                                                         \
    "  WITH (" FILLED(10) ", " VACUUMED_AFTER(                                                                               \
        500) ");"                                                                                                            \
             "CREATE TABLE block (partition int NOT NULL, span int NOT NULL, channel bigint NOT NULL,"                       \
             "  start_at timestamptz, step_s int, length_s int, lane smallint NOT NULL, exponent smallint,"                  \
             "  unit text COLLATE \"C\", quality text COLLATE \"C\", packed bytea NOT NULL,"                                 \
             "  value int[], value_wide bigint[], ts timestamptz[], attribute smallint[],"                                   \
             "  exponents smallint[], lengths_s int[], units text[], qualities text[],"                                      \
             "  PRIMARY KEY (partition, lane, span, channel))"                                                               \
             "  WITH (" FILLED(                                                                                              \
                 85) ", autovacuum_vacuum_scale_factor = 0.02);"                                                             \
                     "ALTER TABLE block ALTER packed SET STORAGE EXTERNAL;"                                                  \
                     "CREATE TABLE name (partition int NOT NULL, kind smallint NOT NULL, name bytea NOT NULL,"               \
                     "  value bytea NOT NULL, PRIMARY KEY (partition, kind, name))"                                          \
                     "  WITH (" FILLED(                                                                                      \
                         85) ", autovacuum_vacuum_scale_factor = 0.02);"                                                     \
                             "CREATE TABLE channel (partition int NOT NULL, channel bigint NOT NULL,"                        \
                             "  tenant text COLLATE \"C\" NOT NULL, usage_point text COLLATE \"C\" NOT NULL,"                \
                             "  name text COLLATE \"C\" NOT NULL, PRIMARY KEY (partition, channel));"                        \
                             "CREATE INDEX channel_by_name ON channel (usage_point, name, tenant);"                          \
                             "CREATE TABLE outbox (partition int NOT NULL, sequence bigint NOT NULL, record bytea NOT NULL," \
                             "  PRIMARY KEY (partition, sequence)) WITH (" VACUUMED_AFTER(                                   \
                                 10000) ");"

/* The UTC day of a block of raw or vee is its span; a span may be any number, a date may not. */
#define DAY(span)                                                                                  \
    "(CASE WHEN " span " BETWEEN -700000 AND 700000 THEN date '1970-01-01' + " span " END)"

/* Lanes raw (0), vee (2) and day (3) are what people read. */
#define INDEX                                                                                      \
    "CREATE INDEX block_by_channel ON block (partition, channel, lane, " DAY(                      \
        "span") ")"                                                                                \
                "  WHERE lane IN (0, 2, 3);"

/* Compare and swap. In a function each statement sees what was committed before it began, so that after waiting for a
 * claim the second one tells why the first one found nothing. */
#define COMMIT_BEGIN                                                                                        \
    "CREATE FUNCTION commit_begin(of_partition int, as_epoch bigint, from_offset bigint,"                   \
    "  from_inner bigint, to_offset bigint, to_inner bigint, records bigint)"                               \
    " RETURNS bigint LANGUAGE plpgsql AS $body$"                                                            \
    " DECLARE last bigint; current_epoch bigint;"                                                           \
    " BEGIN"                                                                                                \
    "  UPDATE claim SET log_offset = to_offset, log_inner = to_inner,"                                      \
    "   outbox_last = outbox_last + records WHERE partition = of_partition AND epoch = as_epoch"            \
    "   AND log_offset = from_offset AND log_inner = from_inner RETURNING outbox_last - records INTO last;" \
    "  IF FOUND THEN RETURN last; END IF;"                                                                  \
    "  SELECT epoch INTO current_epoch FROM claim WHERE partition = of_partition;"                          \
    "  IF current_epoch IS NOT DISTINCT FROM as_epoch THEN"                                                 \
    "   RAISE EXCEPTION 'the partition stands elsewhere' USING ERRCODE = 'BB002'; END IF;"                  \
    "  RAISE EXCEPTION 'another epoch' USING ERRCODE = 'BB001';"                                            \
    " END $body$;"

/* Exactly the decimal that was sent: 150 and -2 are 1.50. */
#define DECIMAL                                                                                    \
    "CREATE FUNCTION decimal_of(mantissa bigint, exponent smallint) RETURNS numeric"               \
    " LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE"                                                 \
    " AS $body$ SELECT (mantissa::text || 'e' || exponent::text)::numeric $body$;"

/* The values of block b. */
#define VALUES_OF_B                                                                                \
    "CROSS JOIN LATERAL (SELECT"                                                                   \
    "  coalesce(u.t, b.start_at + u.n * b.step_s * interval '1 second')"                           \
    "   - coalesce(b.lengths_s[u.a], b.length_s) * interval '1 second' AS start_at,"               \
    "  coalesce(u.t, b.start_at + u.n * b.step_s * interval '1 second') AS end_at,"                \
    "  decimal_of(coalesce(u.w, u.v), coalesce(b.exponents[u.a], b.exponent)) AS value,"           \
    "  coalesce(b.units[u.a], b.unit) AS unit,"                                                    \
    "  string_to_array(coalesce(b.qualities[u.a], b.quality, 'measured'), '|') AS quality"         \
    "  FROM unnest(b.value, b.value_wide, b.ts, b.attribute)"                                      \
    "   WITH ORDINALITY AS u (v, w, t, a, n)) AS e "

#define BLOCKS_OF_C(lane)                                                                                   \
    "FROM channel c JOIN block b ON b.partition = c.partition AND b.channel = c.channel AND b.lane = " lane \
    " "

/* The lane vee lies over raw: a value of raw stands where vee has none for its end. The blocks are joined by span and by
 * day, so that either index finds the one. */
#define READING                                                                                                     \
    "CREATE VIEW reading AS"                                                                                        \
    " SELECT c.tenant, c.usage_point, c.name AS channel, 'raw'::text AS lane, " DAY(                                \
        "b.span") " AS day,"                                                                                        \
                  " e.start_at, e.end_at, e.value, e.unit, e.quality " BLOCKS_OF_C("0")                             \
                      VALUES_OF_B                                                                                   \
        " UNION ALL"                                                                                                \
        " SELECT c.tenant, c.usage_point, c.name, 'vee', " DAY(                                                     \
            "b.span") ","                                                                                           \
                      " e.start_at, e.end_at, e.value, e.unit, e.quality " BLOCKS_OF_C("2")                         \
                          VALUES_OF_B                                                                               \
        " UNION ALL"                                                                                                \
        " SELECT c.tenant, c.usage_point, c.name, 'vee', " DAY(                                                     \
            "b.span") ","                                                                                           \
                      " e.start_at, e.end_at, e.value, e.unit, e.quality " BLOCKS_OF_C(                             \
                          "0") " LEFT JOIN block o ON o.partition = b.partition AND o.lane = 2 AND o.span = b.span" \
                               "  AND " DAY("o.span") " = " DAY(                                                    \
                                   "b.span") " AND o.channel = b.channel " VALUES_OF_B                              \
                                             " WHERE o.ts IS NULL OR e.end_at <> ALL (o.ts)"                        \
                                             " UNION ALL"                                                           \
                                             " SELECT c.tenant, c.usage_point, c.name, 'day',"                      \
                                             " ((e.end_at - interval '1 millisecond') AT TIME ZONE 'UTC')::date,"   \
                                             " e.start_at, e.end_at, e.value, e.unit, e.quality " BLOCKS_OF_C(      \
                                                 "3") VALUES_OF_B ";"

/* One channel's values in (from, to]: as the view, with the day worked out. */
#define READINGS                                                                                     \
    "CREATE FUNCTION readings(of_usage_point text, of_channel text, of_lane text,"                   \
    "  after_at timestamptz, upto_at timestamptz, of_tenant text DEFAULT NULL)"                      \
    " RETURNS SETOF reading LANGUAGE sql STABLE AS $body$"                                           \
    " SELECT * FROM reading r WHERE r.usage_point = of_usage_point AND r.channel = of_channel"       \
    "  AND r.lane = of_lane AND (of_tenant IS NULL OR r.tenant = of_tenant)"                         \
    "  AND r.day BETWEEN (after_at AT TIME ZONE 'UTC')::date AND (upto_at AT TIME ZONE 'UTC')::date" \
    "  AND r.end_at > after_at AND r.end_at <= upto_at ORDER BY r.end_at $body$"

const char *const bb_store_postgres_steps[BB_STORE_POSTGRES_FORMAT] = {
    TABLES INDEX COMMIT_BEGIN DECIMAL READING READINGS,
};
