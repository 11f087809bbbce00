/* How readings are to be read, as a request says it: for routes that take them, or a file of them. */
#ifndef BB_HTTP_READING_INTERNAL_H
#define BB_HTTP_READING_INTERNAL_H

#include "http/call.h"
#include "service/reading_stream.h"

/* The rows that a route's table of parameters has for it. */
#define BB_HTTP_READING_PARAMETERS                                                                 \
    {.name = "format",                                                                             \
     .kind = BB_HTTP_CHOICE,                                                                       \
     .choices = "auto|csv|ndjson|nem12|avro|lineprotocol|remotewrite",                             \
     .initial = "auto",                                                                            \
     .help = "how to read it; auto: as its type says, else as its first bytes look"},              \
        {.name = "zone",                                                                           \
         .kind = BB_HTTP_TEXT,                                                                     \
         .help = "of times without an offset, such as Europe/Amsterdam"},                          \
        {.name = "kind",                                                                           \
         .kind = BB_HTTP_CHOICE,                                                                   \
         .choices = "interval|register|gauge|event",                                               \
         .help = "of channels about which nothing else tells it"},                                 \
        {.name = "interval",                                                                       \
         .kind = BB_HTTP_DURATION,                                                                 \
         .min = BB_SECOND_MS,                                                                      \
         .max = 366 * (int64_t)BB_DAY_MS,                                                          \
         .help = "the length of intervals, about which nothing else tells it"},                    \
        {.name = "precision",                                                                      \
         .kind = BB_HTTP_CHOICE,                                                                   \
         .choices = "s|ms|us|ns",                                                                  \
         .help = "of timestamps in line protocol; ns when nothing says it"},                       \
    {                                                                                              \
        .name = "partial", .kind = BB_HTTP_FLAG,                                                   \
        .help = "keep the good lines when there are bad ones; the answer is 207 then"              \
    }

/* What they say; the format is NULL for auto. Borrows from the call. */
struct bb_reading_form bb_http_reading_form(const struct bb_http_call *call);

#endif
