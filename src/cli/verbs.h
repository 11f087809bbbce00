/* The verbs: each is one file, listed in verbs.c. */
#ifndef BB_CLI_VERBS_H
#define BB_CLI_VERBS_H

#include "cli/cli.h"

extern const struct bb_verb bb_verb_backup;
extern const struct bb_verb bb_verb_bench;
extern const struct bb_verb bb_verb_check;
extern const struct bb_verb bb_verb_completion;
extern const struct bb_verb bb_verb_demo;
extern const struct bb_verb bb_verb_edit;
extern const struct bb_verb bb_verb_exceptions;
extern const struct bb_verb bb_verb_dlq;
extern const struct bb_verb bb_verb_explain;
extern const struct bb_verb bb_verb_generate;
extern const struct bb_verb bb_verb_help;
extern const struct bb_verb bb_verb_ingest;
extern const struct bb_verb bb_verb_replay;
extern const struct bb_verb bb_verb_keys;
extern const struct bb_verb bb_verb_list;
extern const struct bb_verb bb_verb_man;
extern const struct bb_verb bb_verb_query;
extern const struct bb_verb bb_verb_registry;
extern const struct bb_verb bb_verb_restore;
extern const struct bb_verb bb_verb_rules;
extern const struct bb_verb bb_verb_tasks;
extern const struct bb_verb bb_verb_tick;
extern const struct bb_verb bb_verb_archive;
extern const struct bb_verb bb_verb_serve;
extern const struct bb_verb bb_verb_try;
extern const struct bb_verb bb_verb_version;
extern const struct bb_verb bb_verb_watch;
extern const struct bb_verb bb_verb_worker;

#endif
