/* The progress bar: see progress_bar.h. */
#include "cli/progress_bar.h"

#include "base/clock.h"
#include "cli/human.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    REDRAW_NS = 100 * 1000 * 1000,
    BAR_CELLS = 20,
    SUBJECT_COLUMNS = 24,
    USUAL_COLUMNS = 80,
    LEAST_COLUMNS = 20
};
static const double rates_from_s = 0.3; /* before that a rate says more about the clock */

static const char erase_rest[] = {'\x1b', '[', 'K'}; /* of the line */

static const char *const phase_verbs[] = {
    [BB_PHASE_READ] = "reading",
    [BB_PHASE_DERIVE] = "deriving",
    [BB_PHASE_PROJECT] = "listing",
};

struct line {
    char *text;
    size_t size, columns; /* bytes, and columns in use */
    size_t limit;         /* columns there are */
};

/* A part is shown whole or not at all: the line never wraps. */
static void add(struct line *line, const char *text) {
    size_t size = strlen(text), columns = bb_text_columns(text, size);

    if (line->columns + columns > line->limit || line->size + size >= BB_PROGRESS_TEXT_MAX)
        return;
    memcpy(line->text + line->size, text, size + 1);
    line->size += size;
    line->columns += columns;
}

/* The end of a long name says more than its beginning. */
static void add_subject(struct line *line, const char *subject) {
    char text[160];
    const char *slash = strrchr(subject, '/');
    size_t size;

    if (slash && slash[1])
        subject = slash + 1;
    size = strlen(subject);
    size_t skip = bb_text_columns(subject, size) > SUBJECT_COLUMNS ? size - SUBJECT_COLUMNS : 0;
    while (skip > 0 && ((unsigned char)subject[skip] & 0xc0) == 0x80)
        skip++;
    snprintf(text, sizeof text, " %s%.120s", skip ? "…" : "", subject + skip);
    add(line, text);
}

static void add_share(struct line *line, uint64_t done, uint64_t total) {
    char text[BAR_CELLS + 16], cells[BAR_CELLS + 1];
    double share = done >= total ? 1 : (double)done / (double)total;

    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', (size_t)(share * BAR_CELLS));
    cells[BAR_CELLS] = '\0';
    snprintf(text, sizeof text, "  [%s]", cells);
    add(line, text);
    snprintf(text, sizeof text, " %3d %%", (int)(share * 100));
    add(line, text);
}

size_t bb_progress_format(const struct bb_progress *progress, const char *verb, double elapsed_s,
                          size_t columns, char *buffer) {
    struct line line = {.text = buffer, .limit = columns};
    char number[BB_HUMAN_MAX], text[64];

    buffer[0] = '\0';
    add(&line, verb ? verb : phase_verbs[progress->phase]);
    if (progress->subject && *progress->subject)
        add_subject(&line, progress->subject);
    if (progress->total > 0) {
        add_share(&line, progress->done, progress->total);
    } else {
        snprintf(text, sizeof text, "  %s",
                 progress->readings > 0 ? bb_human_count(progress->readings, number)
                                        : bb_human_bytes(progress->done, number));
        add(&line, text);
    }
    if (elapsed_s >= rates_from_s && progress->readings > 0) {
        double rate = (double)progress->readings / elapsed_s;
        snprintf(text, sizeof text, "  %s/s", bb_human_short(rate, number));
        add(&line, text);
    }
    if (elapsed_s >= rates_from_s && progress->done > 0 && progress->done < progress->total) {
        double left = elapsed_s * (double)(progress->total - progress->done) /
                      (double)progress->done;
        snprintf(text, sizeof text, "  %s left", bb_human_seconds(left, number));
        add(&line, text);
    }
    if (progress->rejected > 0) {
        snprintf(text, sizeof text, "  %s refused", bb_human_count(progress->rejected, number));
        add(&line, text);
    }
    return line.size;
}

static size_t terminal_columns(int fd) {
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_COLUMNS;
    return size.ws_col > LEAST_COLUMNS ? (size_t)size.ws_col - 1 : LEAST_COLUMNS;
}

/* What cannot be drawn is not worth an error. */
static void put(const struct bb_progress_bar *bar, const char *text, size_t size) {
    if (write(bar->fd, text, size) < 0)
        return;
}

static void draw(struct bb_progress_bar *bar, const struct bb_progress *progress, int64_t now_ns) {
    char text[BB_PROGRESS_TEXT_MAX + 8] = "\r";
    double elapsed_s = (double)(now_ns - bar->phase_began_ns) / 1e9;
    size_t size = 1 + bb_progress_format(progress, bar->verb, elapsed_s, terminal_columns(bar->fd),
                                         text + 1);

    memcpy(text + size, erase_rest, sizeof erase_rest);
    put(bar, text, size + sizeof erase_rest);
    bar->drawn = true;
    bar->last_draw_ns = now_ns;
}

static void report(void *context, const struct bb_progress *progress) {
    struct bb_progress_bar *bar = context;
    struct bb_progress shown = *progress;
    int64_t now_ns;

    if (!bar->on)
        return;
    now_ns = bb_monotonic_ns();
    if ((int)progress->phase != bar->phase) {
        bar->phase = (int)progress->phase;
        bar->phase_began_ns = now_ns;
    } else if (now_ns - bar->last_draw_ns < REDRAW_NS) {
        return;
    }
    if (progress->phase == BB_PHASE_READ && bar->total_override > 0) {
        shown.done += bar->done_before;
        shown.total = bar->total_override;
    }
    draw(bar, &shown, now_ns);
}

void bb_progress_bar_init(struct bb_progress_bar *bar, int fd, bool wanted) {
    *bar = (struct bb_progress_bar){.fd = fd, .on = wanted && isatty(fd), .phase = -1};
    bar->watch = (struct bb_progress_watch){.report = report, .context = bar};
}

void bb_progress_bar_restart(struct bb_progress_bar *bar, const char *verb) {
    bar->verb = verb;
    bar->phase = -1;
    bar->done_before = bar->total_override = 0;
}

void bb_progress_bar_clear(struct bb_progress_bar *bar) {
    if (!bar->drawn)
        return;
    put(bar, "\r\x1b[K", 4);
    bar->drawn = false;
}
