/* The binary operators of numbers. Adding one is a row in promql_operator.c. */
#ifndef BB_HTTP_PROMQL_OPERATOR_H
#define BB_HTTP_PROMQL_OPERATOR_H

#include "base/span.h"

enum { BB_PROMQL_PRECEDENCE_LEAST = 1, BB_PROMQL_PRECEDENCE_POWER = 4 };

struct bb_promql_operator {
    const char *text;
    int precedence;                             /* greater binds tighter */
    bool rightmost;                             /* a ^ b ^ c is a ^ (b ^ c) */
    bool compares;                              /* filters a vector, or gives 0 and 1 with bool */
    double (*apply)(double left, double right); /* a comparison gives 1 or 0 */
};

/* By its text; NULL when it is none. */
const struct bb_promql_operator *bb_promql_operator_find(struct bb_span text);

#endif
