/* The kinds, for their table. */
#ifndef BB_TASK_KIND_INTERNAL_H
#define BB_TASK_KIND_INTERNAL_H

#include "task/kind.h"

extern const struct bb_task_kind bb_task_import;
extern const struct bb_task_kind bb_task_export;
extern const struct bb_task_kind bb_task_report;
extern const struct bb_task_kind bb_task_backtest;
extern const struct bb_task_kind bb_task_backfill;

#endif
