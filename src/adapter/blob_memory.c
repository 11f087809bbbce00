/* The blob port's in-memory twin: a sorted list of objects under one mutex, for the simulator and for
 * suites that need no disk. */
#include <pthread.h>
#include <stdlib.h>

#include "adapter/blob_shared_internal.h"
#include "adapter/blobs.h"
#include "base/clock.h"
#include "base/list.h"

struct object {
    char *name;
    struct bb_buffer bytes;
    int64_t modified_ms;
};

struct memory_blob {
    struct bb_blob base;
    pthread_mutex_t mutex;
    struct object *items; /* by name */
    size_t count, capacity;
};

struct bb_blob_put {
    struct memory_blob *blob;
    struct object object;
};

static const size_t object_limit_bytes = (size_t)1 << 32;

static struct memory_blob *memory_of(struct bb_blob *blob) {
    return (struct memory_blob *)blob;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an object");
}

static void release(struct object *object) {
    free(object->name);
    bb_buffer_release(&object->bytes);
}

static void memory_close(struct bb_blob *base) {
    struct memory_blob *blob = memory_of(base);

    for (size_t i = 0; i < blob->count; i++)
        release(&blob->items[i]);
    free(blob->items);
    pthread_mutex_destroy(&blob->mutex);
    free(blob);
}

/* The first object whose name is not less. */
static size_t place_of(const struct memory_blob *blob, const char *name) {
    size_t at = 0;

    while (at < blob->count && strcmp(blob->items[at].name, name) < 0)
        at++;
    return at;
}

static struct object *find(struct memory_blob *blob, const char *name) {
    size_t at = place_of(blob, name);

    return at < blob->count && strcmp(blob->items[at].name, name) == 0 ? &blob->items[at] : NULL;
}

static int memory_put_begin(struct bb_blob *base, const char *name, struct bb_blob_put **out,
                            struct bb_error *error) {
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    struct bb_blob_put *put = calloc(1, sizeof *put);
    if (!put || !(put->object.name = strdup(name))) {
        free(put);
        return no_memory(error);
    }
    put->blob = memory_of(base);
    bb_buffer_init(&put->object.bytes, object_limit_bytes);
    *out = put;
    return 0;
}

static int memory_put_write(struct bb_blob_put *put, struct bb_span bytes, struct bb_error *error) {
    bb_buffer_append_span(&put->object.bytes, bytes);
    return put->object.bytes.overflow ? no_memory(error) : 0;
}

static void memory_put_abandon(struct bb_blob_put *put) {
    if (!put)
        return;
    release(&put->object);
    free(put);
}

static int memory_put_end(struct bb_blob_put *put, struct bb_error *error) {
    struct memory_blob *blob = put->blob;
    int result = 0;

    put->object.modified_ms = bb_clock_now_ms(bb_clock_system());
    pthread_mutex_lock(&blob->mutex);
    struct object *old = find(blob, put->object.name);
    if (old) {
        release(old);
        *old = put->object;
    } else if (bb_list_room(&blob->items, blob->count, &blob->capacity, sizeof blob->items[0])) {
        size_t at = place_of(blob, put->object.name);
        memmove(blob->items + at + 1, blob->items + at, (blob->count - at) * sizeof blob->items[0]);
        blob->items[at] = put->object;
        blob->count++;
    } else {
        result = no_memory(error);
        release(&put->object);
    }
    pthread_mutex_unlock(&blob->mutex);
    free(put);
    return result;
}

static int memory_get(struct bb_blob *base, const char *name, uint64_t offset, size_t size,
                      struct bb_buffer *out, struct bb_error *error) {
    struct memory_blob *blob = memory_of(base);
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    pthread_mutex_lock(&blob->mutex);
    const struct object *object = find(blob, name);
    result = object ? bb_blob_range_check(base, name, object->bytes.size, offset, size, error)
                    : BB_BLOB_ABSENT;
    if (result == BB_BLOB_FOUND && size > 0)
        bb_buffer_append(out, object->bytes.data + offset, size);
    pthread_mutex_unlock(&blob->mutex);
    return result == BB_BLOB_FOUND && out->overflow ? no_memory(error) : result;
}

static int memory_info(struct bb_blob *base, const char *name, struct bb_blob_info *out,
                       struct bb_error *error) {
    struct memory_blob *blob = memory_of(base);
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    pthread_mutex_lock(&blob->mutex);
    const struct object *object = find(blob, name);
    if (object)
        *out = (struct bb_blob_info){object->bytes.size, object->modified_ms};
    pthread_mutex_unlock(&blob->mutex);
    return object ? BB_BLOB_FOUND : BB_BLOB_ABSENT;
}

/* One object at a time: a visitor may call back. */
static bool next_behind(struct memory_blob *blob, const char *prefix, char *name,
                        struct bb_blob_info *info) {
    bool found = false;

    pthread_mutex_lock(&blob->mutex);
    for (size_t i = place_of(blob, name); !found && i < blob->count; i++) {
        const struct object *object = &blob->items[i];
        if (strcmp(object->name, name) == 0 || strncmp(object->name, prefix, strlen(prefix)) != 0)
            continue;
        found = true;
        memcpy(name, object->name, strlen(object->name) + 1);
        *info = (struct bb_blob_info){object->bytes.size, object->modified_ms};
    }
    pthread_mutex_unlock(&blob->mutex);
    return found;
}

static int memory_list(struct bb_blob *base, const char *prefix, bb_blob_visit *visit,
                       void *context, struct bb_error *error) {
    char name[BB_BLOB_NAME_MAX + 1] = "";
    struct bb_blob_info info;
    int result = 0;

    while (!result && next_behind(memory_of(base), prefix, name, &info))
        result = visit(context, bb_span_of(name), &info, error);
    return result < 0 ? result : 0;
}

static int memory_remove(struct bb_blob *base, const char *name, struct bb_error *error) {
    struct memory_blob *blob = memory_of(base);
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    pthread_mutex_lock(&blob->mutex);
    struct object *object = find(blob, name);
    if (object) {
        size_t behind = (size_t)(blob->items + blob->count - object) - 1;
        release(object);
        memmove(object, object + 1, behind * sizeof *object);
        blob->count--;
    }
    pthread_mutex_unlock(&blob->mutex);
    return 0;
}

static const struct bb_blob_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .put_begin = memory_put_begin,
    .put_write = memory_put_write,
    .put_end = memory_put_end,
    .put_abandon = memory_put_abandon,
    .get = memory_get,
    .info = memory_info,
    .list = memory_list,
    .remove = memory_remove,
};

int bb_blob_memory_open(struct bb_blob **out, struct bb_error *error) {
    struct memory_blob *blob = calloc(1, sizeof *blob);

    if (!blob)
        return no_memory(error);
    blob->base = (struct bb_blob){.ops = &memory_ops, .where = "memory"};
    pthread_mutex_init(&blob->mutex, NULL);
    *out = &blob->base;
    return 0;
}
