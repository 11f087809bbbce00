/* python/busbar, compiled into the binary by tools/rules-package. */
#ifndef BB_ADAPTER_RULES_PACKAGE_H
#define BB_ADAPTER_RULES_PACKAGE_H

#include <stddef.h>

struct bb_rules_module {
    const char *name; /* "py:busbar.window" */
    const unsigned char *source;
    size_t size;
};

extern const struct bb_rules_module bb_rules_package[];
extern const size_t bb_rules_package_count;
/* What the zygote begins with: python/busbar/_cage.py, and its call. */
extern const unsigned char bb_rules_boot[];

#endif
