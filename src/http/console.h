/* The console's files, compiled into the binary: tools/console-assets writes the table from web/dist. */
#ifndef BB_HTTP_CONSOLE_H
#define BB_HTTP_CONSOLE_H

#include <stddef.h>

struct bb_console_asset {
    const char *path; /* "/", "/assets/index.js" */
    const char *type;
    const char *etag; /* with its quotes */
    const unsigned char *plain;
    size_t plain_size;
    const unsigned char *gzip;
    size_t gzip_size;
};

/* One row that is zero, and a count of 0, where the binary was built without the console. */
extern const struct bb_console_asset bb_console_assets[];
extern const size_t bb_console_asset_count;

#endif
