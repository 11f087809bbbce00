/* The names of checks as a parameter's choices, in the order of enum bb_check (a unit test compares). */
#ifndef BB_HTTP_CHECK_NAMES_INTERNAL_H
#define BB_HTTP_CHECK_NAMES_INTERNAL_H

#define BB_HTTP_CHECK_NAMES                                                                         \
    "gap|overlap|duplicate|interval_size|unit|negative|time|high|low|zero|spike|stuck|sum|outlier|" \
    "jump|register|leak|inactive|prolonged|late|rule"

#endif
