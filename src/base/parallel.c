/* Independent pieces of work on all threads. */
#include "base/parallel.h"

hf_status hf_parallel_each(hf_error *error, size_t count,
                           hf_status (*one)(hf_error *error, void *self, size_t index), void *self) {
    hf_error first = {0};
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < count; i++) {
        hf_error own = {0};
        own.status = one(&own, self, i);
        if (own.status != HF_OK) {
#pragma omp critical(headflow_parallel)
            if (first.status == HF_OK)
                first = own;
        }
    }
    return first.status == HF_OK ? HF_OK : hf_raise(error, first.status, "%s", first.message);
}
