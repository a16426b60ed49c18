/* A density between the ranks that hold its parts and the first of them, which has the files: some planes of
 * axis 0 at a time, so that no rank needs room for all of it. */
#ifndef HF_STORE_PLANES_H
#define HF_STORE_PLANES_H

#include <headflow/flow.h>

typedef struct hf_planes hf_planes;

/* Planes first .. first + count - 1, all other axes whole, to or from a file: on the first rank.
 * planes: shape (count, cells of the other axes) */
typedef hf_status hf_planes_put(hf_error *error, void *self, size_t first, size_t count,
                                const double *planes);
typedef hf_status hf_planes_get(hf_error *error, void *self, size_t first, size_t count, double *planes);

/* Not collective. problem: borrowed, must outlive the planes. */
hf_status hf_planes_create(hf_error *error, const hf_problem *problem, hf_planes **out);
void hf_planes_destroy(hf_planes **planes);

size_t hf_planes_cells(const hf_planes *planes); /* of this rank's part */

/* Hand all planes to `put`, in order, or read them with `get`. Collective: all ranks learn of a failure.
 * rho: shape (cells of this rank's part) */
hf_status hf_planes_collect(hf_error *error, hf_planes *planes, const double *rho, hf_planes_put *put,
                            void *self);
hf_status hf_planes_distribute(hf_error *error, hf_planes *planes, hf_planes_get *get, void *self,
                               double *rho);

#endif
