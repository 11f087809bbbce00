/* Numbers as people read them, for tables and progress. Each returns its buffer. */
#ifndef BB_CLI_HUMAN_H
#define BB_CLI_HUMAN_H

#include <stddef.h>
#include <stdint.h>

enum { BB_HUMAN_MAX = 40 };

/* "1,234,567" */
const char *bb_human_count(uint64_t count, char *buffer);
/* Three digits and a unit: "3.12 M", "980", "12.4 k". */
const char *bb_human_short(double number, char *buffer);
/* "1.5 MiB" */
const char *bb_human_bytes(uint64_t bytes, char *buffer);
/* "0.8 s", "12 s", "3 min 05 s", "2 h 10 min" */
const char *bb_human_seconds(double seconds, char *buffer);

/* Columns that UTF-8 text takes on a terminal (code points; no wide scripts). */
size_t bb_text_columns(const char *text, size_t size);

#endif
