/* The routes: each stands in a file route_SUBJECT.c and is listed in routes.c. */
#ifndef BB_HTTP_ROUTES_INTERNAL_H
#define BB_HTTP_ROUTES_INTERNAL_H

#include "http/route.h"

extern const struct bb_http_route bb_http_route_audit;
extern const struct bb_http_route bb_http_route_channels;
extern const struct bb_http_route bb_http_route_completeness;
extern const struct bb_http_route bb_http_route_console;
extern const struct bb_http_route bb_http_route_console_asset;
extern const struct bb_http_route bb_http_route_console_icon;
extern const struct bb_http_route bb_http_route_customers;
extern const struct bb_http_route bb_http_route_dead_letters;
extern const struct bb_http_route bb_http_route_letter;
extern const struct bb_http_route bb_http_route_letter_drop;
extern const struct bb_http_route bb_http_route_letter_replay;
extern const struct bb_http_route bb_http_route_devices;
extern const struct bb_http_route bb_http_route_edits;
extern const struct bb_http_route bb_http_route_exceptions;
extern const struct bb_http_route bb_http_route_exceptions_post;
extern const struct bb_http_route bb_http_route_explain;
extern const struct bb_http_route bb_http_route_explain_code;
extern const struct bb_http_route bb_http_route_file;
extern const struct bb_http_route bb_http_route_file_replay;
extern const struct bb_http_route bb_http_route_files;
extern const struct bb_http_route bb_http_route_findings;
extern const struct bb_http_route bb_http_route_group;
extern const struct bb_http_route bb_http_route_group_values;
extern const struct bb_http_route bb_http_route_groups;
extern const struct bb_http_route bb_http_route_installations;
extern const struct bb_http_route bb_http_route_livez;
extern const struct bb_http_route bb_http_route_log;
extern const struct bb_http_route bb_http_route_me;
extern const struct bb_http_route bb_http_route_metrics;
extern const struct bb_http_route bb_http_route_openapi;
extern const struct bb_http_route bb_http_route_overview;
extern const struct bb_http_route bb_http_route_owner_files;
extern const struct bb_http_route bb_http_route_owner_letters;
extern const struct bb_http_route bb_http_route_owner_records;
extern const struct bb_http_route bb_http_route_prometheus_alerts;
extern const struct bb_http_route bb_http_route_prometheus_buildinfo;
extern const struct bb_http_route bb_http_route_prometheus_exemplars;
extern const struct bb_http_route bb_http_route_prometheus_exemplars_post;
extern const struct bb_http_route bb_http_route_prometheus_label_values;
extern const struct bb_http_route bb_http_route_prometheus_labels;
extern const struct bb_http_route bb_http_route_prometheus_labels_post;
extern const struct bb_http_route bb_http_route_prometheus_metadata;
extern const struct bb_http_route bb_http_route_prometheus_query;
extern const struct bb_http_route bb_http_route_prometheus_query_post;
extern const struct bb_http_route bb_http_route_prometheus_query_range;
extern const struct bb_http_route bb_http_route_prometheus_query_range_post;
extern const struct bb_http_route bb_http_route_prometheus_rules;
extern const struct bb_http_route bb_http_route_prometheus_series;
extern const struct bb_http_route bb_http_route_prometheus_series_post;
extern const struct bb_http_route bb_http_route_readings_post;
extern const struct bb_http_route bb_http_route_readyz;
extern const struct bb_http_route bb_http_route_registry;
extern const struct bb_http_route bb_http_route_registry_post;
extern const struct bb_http_route bb_http_route_rule;
extern const struct bb_http_route bb_http_route_rules;
extern const struct bb_http_route bb_http_route_rules_backtest;
extern const struct bb_http_route bb_http_route_rules_post;
extern const struct bb_http_route bb_http_route_rules_rollback;
extern const struct bb_http_route bb_http_route_usage_point;
extern const struct bb_http_route bb_http_route_usage_points;
extern const struct bb_http_route bb_http_route_values;

#endif
