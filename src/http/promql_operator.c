/* The binary operators: see promql_operator.h. */
#include "http/promql_operator.h"

#include <math.h>

static double add(double left, double right) {
    return left + right;
}
static double subtract(double left, double right) {
    return left - right;
}
static double multiply(double left, double right) {
    return left * right;
}
static double divide(double left, double right) {
    return left / right; /* by zero: infinity or NaN, as IEEE 754 says */
}
static double is_equal(double left, double right) {
    return left == right;
}
static double is_unequal(double left, double right) {
    return left != right;
}
static double is_less(double left, double right) {
    return left < right;
}
static double is_greater(double left, double right) {
    return left > right;
}
static double is_at_most(double left, double right) {
    return left <= right;
}
static double is_at_least(double left, double right) {
    return left >= right;
}

static const struct bb_promql_operator rows[] = {
    {"==", 1, false, true, is_equal},   {"!=", 1, false, true, is_unequal},
    {"<", 1, false, true, is_less},     {">", 1, false, true, is_greater},
    {"<=", 1, false, true, is_at_most}, {">=", 1, false, true, is_at_least},
    {"+", 2, false, false, add},        {"-", 2, false, false, subtract},
    {"*", 3, false, false, multiply},   {"/", 3, false, false, divide},
    {"%", 3, false, false, fmod},       {"^", BB_PROMQL_PRECEDENCE_POWER, true, false, pow},
};

const struct bb_promql_operator *bb_promql_operator_find(struct bb_span text) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bb_span_equal(text, bb_span_of(rows[i].text)))
            return &rows[i];
    return NULL;
}
