/* Independent pieces of work on all threads. */
#ifndef HF_BASE_PARALLEL_H
#define HF_BASE_PARALLEL_H

#include <headflow/base.h>

/* Call one(error, self, index) for index = 0 .. count - 1, each on any thread, in no order. Every piece gets
 * an error of its own; all are called also when one fails, and the first failure is raised. */
hf_status hf_parallel_each(hf_error *error, size_t count,
                           hf_status (*one)(hf_error *error, void *self, size_t index), void *self);

#endif
