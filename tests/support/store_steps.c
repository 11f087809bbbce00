#include "support/store_steps.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VALUE_MAX = 400 };

static size_t value_size(uint64_t number, uint32_t channel) {
    return sizeof number + (size_t)((channel + number) * 37 % (VALUE_MAX - sizeof number));
}

int store_step(struct bb_store *store, uint32_t partition, struct bb_claim *claim,
               struct bb_error *error) {
    struct bb_block_change blocks[STORE_STEP_BLOCKS];
    uint64_t number = claim->position.offset + 1;
    char bytes[VALUE_MAX] = "";

    memcpy(bytes, &number, sizeof number);
    for (uint32_t i = 0; i < STORE_STEP_BLOCKS; i++)
        blocks[i] = (struct bb_block_change){.key = {.channel = i, .span = 1},
                                             .packed = {bytes, value_size(number, i)}};
    struct bb_span record = {bytes, sizeof number};
    struct bb_name_change name = {.kind = BB_NAME_META, .name = BB_SPAN("at"), .value = record};
    struct bb_commit commit = {.epoch = claim->epoch,
                               .from = claim->position,
                               .to = {.offset = number},
                               .blocks = blocks,
                               .block_count = STORE_STEP_BLOCKS,
                               .names = &name,
                               .name_count = 1,
                               .outbox = &record,
                               .outbox_count = 1};
    int outcome = store->ops->commit(store, partition, &commit, error);
    if (outcome == BB_COMMIT_DONE)
        claim->position = commit.to;
    return outcome;
}

struct looking {
    uint64_t number;
    uint32_t seen;
    bool wrong;
};

static int look_at_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct looking *looking = context;

    looking->wrong = looking->wrong || key->channel != looking->seen ||
                     packed.size != value_size(looking->number, key->channel) ||
                     memcmp(packed.data, &looking->number, sizeof looking->number) != 0;
    looking->seen++;
    return looking->wrong;
}

static int look_at_record(void *context, uint64_t sequence, struct bb_span record) {
    struct looking *looking = context;

    looking->wrong = looking->wrong || record.size != sizeof sequence ||
                     memcmp(record.data, &sequence, sizeof sequence) != 0 ||
                     sequence > looking->number;
    looking->seen++;
    return looking->wrong;
}

static const char *look(struct bb_store *store, struct bb_store_view *view, uint64_t *number) {
    struct bb_claim claim;
    struct bb_error error;
    struct bb_span value;

    if (store->ops->position(view, &claim, &error) != 0)
        return "the position cannot be read";
    *number = claim.position.offset;
    struct looking blocks = {.number = *number}, records = {.number = *number};
    if (store->ops->block_scan(view, 0, INT32_MIN, INT32_MAX, look_at_block, &blocks, &error) != 0)
        return "the blocks cannot be read";
    if (blocks.wrong || blocks.seen != (*number ? STORE_STEP_BLOCKS : 0))
        return "the blocks are not those of the position";
    if (store->ops->outbox_scan(view, 0, look_at_record, &records, &error) != 0)
        return "the outbox cannot be read";
    if (records.wrong || records.seen > *number)
        return "the outbox is not that of the position";
    int found = store->ops->name_get(view, BB_NAME_META, BB_SPAN("at"), &value, &error);
    if (*number > 0 && (found != BB_FOUND || memcmp(value.data, number, sizeof *number) != 0))
        return "the name is not that of the position";
    return NULL;
}

const char *store_steps_look(struct bb_store *store, uint32_t partition, uint64_t *number) {
    struct bb_store_view *view;
    struct bb_error error;

    if (store->ops->view_begin(store, partition, &view, &error) != 0)
        return "no view can be begun";
    const char *wrong = look(store, view, number);
    store->ops->view_end(view);
    return wrong;
}

/* ---- processes ------------------------------------------------------------------------------- */

void store_child_start(struct store_child *child, store_child_run *run, const char *directory) {
    int down[2], up[2];

    BB_ASSERT(pipe(down) == 0 && pipe(up) == 0);
    child->pid = fork();
    BB_ASSERT(child->pid >= 0);
    if (child->pid == 0) {
        struct store_child self = {.pid = getpid(), .hear = down[0], .say = up[1]};
        close(down[1]);
        close(up[0]);
        _exit(run(&self, directory)); /* without the test's own exit handlers */
    }
    close(down[0]);
    close(up[1]);
    child->hear = up[0];
    child->say = down[1];
}

void store_child_say(const struct store_child *child, char word) {
    BB_ASSERT(write(child->say, &word, 1) == 1);
}

char store_child_hear(const struct store_child *child) {
    char word = 0;
    ssize_t size;

    do
        size = read(child->hear, &word, 1);
    while (size < 0 && errno == EINTR);
    return size == 1 ? word : 0;
}

void store_child_wait_stopped(const struct store_child *child) {
    int status;

    BB_ASSERT(waitpid(child->pid, &status, WUNTRACED) == child->pid);
    BB_ASSERT(WIFSTOPPED(status));
}

int store_child_end(struct store_child *child) {
    int status;

    close(child->say);
    do
        BB_ASSERT(waitpid(child->pid, &status, 0) == child->pid);
    while (!WIFEXITED(status) && !WIFSIGNALED(status));
    close(child->hear);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
