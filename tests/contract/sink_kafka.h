/* Topics of the test's own on a broker. */
#ifndef BB_TESTS_CONTRACT_SINK_KAFKA_H
#define BB_TESTS_CONTRACT_SINK_KAFKA_H

#include "contract/sink_fixture.h"

struct kafka_side {
    char address[256], prefix[48];
    uint32_t batch_values;
};

#endif
