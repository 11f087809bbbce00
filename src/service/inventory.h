/* The inventory: devices, where they are installed, and customers, out of the master data of usage points.
 *
 * Two times: `as_of_ms` is what was known at a moment (which versions of entries), `at_ms` what holds at one (which
 * installations have begun and not ended). BB_TIME_NONE: now, and at any time.
 */
#ifndef BB_SERVICE_INVENTORY_H
#define BB_SERVICE_INVENTORY_H

#include "service/plant.h"

struct bb_inventory {
    struct bb_span tenant;
    struct bb_span usage_point, device; /* empty: all */
    int64_t as_of_ms, at_ms;
};

struct bb_inventory_installation {
    struct bb_span usage_point;
    const struct bb_master_installation *installation;
};
struct bb_inventory_device { /* and where it is, or was last */
    struct bb_span device, usage_point;
    int64_t from_ms, to_ms; /* BB_TIME_NONE in to: still there */
    uint32_t installations; /* of it, in all */
};
struct bb_inventory_customer {
    struct bb_span customer;
    uint32_t usage_points;
};

/* Visitors return 0 to go on, 1 to stop. */
typedef int bb_inventory_installation_visit(void *context,
                                            const struct bb_inventory_installation *row);
typedef int bb_inventory_device_visit(void *context, const struct bb_inventory_device *row);
typedef int bb_inventory_customer_visit(void *context, const struct bb_inventory_customer *row);

/* By usage point and time. All of these return 0, or negative. */
int bb_inventory_installations(struct bb_plant *plant, const struct bb_inventory *asked,
                               bb_inventory_installation_visit *visit, void *context,
                               struct bb_error *error) BB_MUST_USE;
/* By device: the installation that holds at at_ms, without it the latest. */
int bb_inventory_devices(struct bb_plant *plant, const struct bb_inventory *asked,
                         bb_inventory_device_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;
/* By customer. */
int bb_inventory_customers(struct bb_plant *plant, const struct bb_inventory *asked,
                           bb_inventory_customer_visit *visit, void *context,
                           struct bb_error *error) BB_MUST_USE;

#endif
