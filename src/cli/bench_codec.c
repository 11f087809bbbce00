/* busbar bench codec: bytes to batches, one thread, in memory; each format with a day of meters, beside
 * splitting the same bytes into lines (memchr), the least that any parser of lines must do. */
#include "cli/bench.h"

#include "base/varint.h"
#include "cli/human.h"
#include "codec/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { READINGS = 2000000, QUARTERS = 96, TEXT_LIMIT_BYTES = 512 << 20, NAME_BYTES = 19 };

struct memory {
    const char *data;
    size_t size, at;
};

static int read_memory(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct memory *m = context;

    (void)error;
    *got = m->size - m->at < capacity ? m->size - m->at : capacity;
    memcpy(data, m->data + m->at, *got);
    m->at += *got;
    return 0;
}

struct counted {
    uint64_t readings, rejects;
    int64_t sum; /* so that nothing can be left out */
};

static int count_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct counted *c = context;

    (void)error;
    c->readings += batch->count;
    c->sum += batch->mantissa[batch->count - 1];
    return 0;
}

static int count_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct counted *c = context;

    (void)error;
    (void)reason;
    c->rejects++;
    return 0;
}

static void put_ndjson(struct bb_buffer *out, const char *name, const char *time, int64_t value) {
    bb_buffer_format(out,
                     "{\"usage_point\":\"%s\",\"channel\":\"1-1:1.29.0\",\"timestamp\":\"%s\","
                     "\"value\":%d.%03d,\"unit\":\"kWh\"}\n",
                     name, time, (int)(value / 1000), (int)(value % 1000));
}

static void put_csv(struct bb_buffer *out, const char *name, const char *time, int64_t value) {
    bb_buffer_format(out, "%s,1-1:1.29.0,%s,%d.%03d,kWh\n", name, time, (int)(value / 1000),
                     (int)(value % 1000));
}

/* All meters each quarter hour. */
static void make_lines(struct bb_buffer *out, uint32_t meters,
                       void (*put)(struct bb_buffer *, const char *, const char *, int64_t)) {
    char name[NAME_BYTES], time[BB_TIME_TEXT_MAX];

    for (uint32_t i = 0; i < READINGS; i++) {
        int64_t quarter = 1963584 + i / meters;
        bench_load_name(i % meters, name);
        bb_time_format_utc((quarter + 1) * 15 * (int64_t)BB_MINUTE_MS, time);
        put(out, name, time, bench_load_value(i % meters, quarter));
    }
}

static void make_ndjson(struct bb_buffer *out, uint32_t meters) {
    make_lines(out, meters, put_ndjson);
}

static void make_csv(struct bb_buffer *out, uint32_t meters) {
    bb_buffer_format(out, "usage_point,channel,timestamp,value,unit\n");
    make_lines(out, meters, put_csv);
}

static void make_lineprotocol(struct bb_buffer *out, uint32_t meters) {
    char name[NAME_BYTES];

    for (uint32_t i = 0; i < READINGS; i++) {
        int64_t quarter = 1963584 + i / meters, value = bench_load_value(i % meters, quarter);
        bench_load_name(i % meters, name);
        bb_buffer_format(
            out, "energy,usage_point=%s,unit=kWh 1-1:1.29.0=%d.%03d %" PRId64 "000000\n", name,
            (int)(value / 1000), (int)(value % 1000), (quarter + 1) * 15 * (int64_t)BB_MINUTE_MS);
    }
}

static void make_nem12(struct bb_buffer *out, uint32_t meters) {
    char name[NAME_BYTES];

    bb_buffer_format(out, "100,NEM12,202601010000,BENCH,BENCH\n");
    for (uint32_t i = 0; i < READINGS / QUARTERS; i++) {
        bench_load_name(i % meters, name);
        bb_buffer_format(out, "200,%.10s,E1,E1,E1,N1,METER1,KWH,15,\n300,20260101", name + 8);
        for (int q = 0; q < QUARTERS; q++) {
            int64_t value = bench_load_value(i % meters, q);
            bb_buffer_format(out, ",%d.%03d", (int)(value / 1000), (int)(value % 1000));
        }
        bb_buffer_format(out, ",A,,,20260102000000,\n");
    }
    bb_buffer_format(out, "900\n");
}

static void put_avro_text(struct bb_buffer *out, const char *text) {
    size_t size = strlen(text);

    bb_buffer_append_byte(out, (uint8_t)(size << 1)); /* shorter than 64 */
    bb_buffer_append(out, text, size);
}

static void put_avro_long(struct bb_buffer *out, int64_t value) {
    uint8_t bytes[BB_VARINT_MAX];

    bb_buffer_append(out, bytes, (size_t)(bb_varint_put(bytes, bb_zigzag(value)) - bytes));
}

/* An object container file, a block for each 4,000 readings. */
static void make_avro(struct bb_buffer *out, uint32_t meters) {
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"usage_point\",\"type\":"
        "\"string\"},{\"name\":\"channel\",\"type\":\"string\"},{\"name\":\"timestamp\",\"type\":"
        "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},{\"name\":\"value\",\"type\":"
        "\"double\"},{\"name\":\"unit\",\"type\":\"string\"}]}";
    enum { BLOCK = 4000 };
    static const char marker[16] = "0123456789abcde";
    struct bb_buffer block;
    char name[NAME_BYTES];

    bb_buffer_init(&block, 1 << 20);
    bb_buffer_append(out, "Obj\x01", 4);
    put_avro_long(out, 1);
    put_avro_text(out, "avro.schema");
    put_avro_long(out, sizeof schema - 1);
    bb_buffer_append(out, schema, sizeof schema - 1);
    put_avro_long(out, 0);
    bb_buffer_append(out, marker, sizeof marker);
    for (uint32_t i = 0; i < READINGS; i++) {
        int64_t quarter = 1963584 + i / meters;
        double value = (double)bench_load_value(i % meters, quarter) / 1000;
        bench_load_name(i % meters, name);
        put_avro_text(&block, name);
        put_avro_text(&block, "1-1:1.29.0");
        put_avro_long(&block, (quarter + 1) * 15 * (int64_t)BB_MINUTE_MS);
        bb_buffer_append(&block, &value, sizeof value);
        put_avro_text(&block, "kWh");
        if (i % BLOCK != BLOCK - 1)
            continue;
        put_avro_long(out, BLOCK);
        put_avro_long(out, (int64_t)block.size);
        bb_buffer_append_span(out, bb_buffer_span(&block));
        bb_buffer_append(out, marker, sizeof marker);
        bb_buffer_clear(&block);
    }
    bb_buffer_release(&block);
}

static double split_lines(const struct bb_buffer *text) {
    int64_t begin = bb_monotonic_ns();
    uint64_t lines = 0;
    const char *end = text->data + text->size;

    for (const char *at = text->data; at < end; lines++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        at = next ? next + 1 : end;
    }
    double seconds = bench_seconds_since(begin);
    return lines ? (double)text->size / seconds : 0;
}

static int decode_once(const struct bb_format_row *format, const struct bb_buffer *text,
                       struct counted *counted, double *seconds, struct bb_error *error) {
    struct memory memory = {text->data, text->size, 0};
    struct bb_series_table table;
    struct bb_decode_options options = {
        .source = "bench", .interval_s = 900, .received_ms = bb_clock_now_ms(bb_clock_system())};
    struct bb_decode_sink sink = {count_batch, count_reject, counted};

    options.zones = bb_zone_set_new();
    bb_series_table_init(&table, (size_t)1 << 30);
    *counted = (struct counted){0};
    int64_t begin = bb_monotonic_ns();
    int result = format->decode((struct bb_input){read_memory, &memory}, &options, &table, &sink,
                                error);
    *seconds = bench_seconds_since(begin);
    bb_series_table_release(&table);
    bb_zone_set_free(options.zones);
    if (!result && counted->rejects > 0)
        result = BB_FAIL(error, BB_E_BUG, "%llu lines of the benchmark were refused",
                         (unsigned long long)counted->rejects);
    return result;
}

int bench_codec(struct bench *b, struct bb_error *error) {
    static const struct {
        const char *name;
        const struct bb_format_row *format;
        uint32_t meters;
        void (*make)(struct bb_buffer *, uint32_t);
    } cases[] = {
        {"ndjson", &bb_format_ndjson, 10000, make_ndjson},
        {"ndjson_200k_meters", &bb_format_ndjson, 200000, make_ndjson},
        {"csv", &bb_format_csv, 10000, make_csv},
        {"nem12", &bb_format_nem12, 10000, make_nem12},
        {"lineprotocol", &bb_format_lineprotocol, 10000, make_lineprotocol},
        {"avro", &bb_format_avro, 10000, make_avro},
    };
    size_t runs = (size_t)b->given->runs;
    struct bench_baseline base;
    int result = bench_measure_baseline(b, &base, error);

    for (size_t i = 0; !result && i < sizeof cases / sizeof cases[0]; i++) {
        double rates[BENCH_RUNS_MAX], ratios[BENCH_RUNS_MAX], seconds;
        struct bb_buffer text;
        struct counted counted;
        bb_buffer_init(&text, TEXT_LIMIT_BYTES);
        cases[i].make(&text, cases[i].meters);
        for (size_t k = 0; !result && k < runs; k++) {
            double split = split_lines(&text);
            result = decode_once(cases[i].format, &text, &counted, &seconds, error);
            rates[k] = (double)counted.readings / seconds;
            ratios[k] = (double)text.size / seconds / split;
        }
        bb_buffer_release(&text);
        if (result)
            break;
        double rate = bench_median(rates, runs), ratio = bench_median(ratios, runs);
        bench_say(b, "  %-18s %5.1f M readings/s, %.2f of splitting lines", cases[i].name,
                  rate / 1e6, ratio);
        if (b->json) {
            bb_json_key(b->json, cases[i].name);
            bb_json_object_begin(b->json);
            bb_json_put_double(b->json, "readings_per_second", rate);
            bb_json_put_double(b->json, "ratio_to_line_split", ratio);
            bb_json_object_end(b->json);
        }
    }
    if (!result)
        bench_tell_baseline(b, &base);
    return result;
}
