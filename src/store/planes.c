/* Planes of a density, gathered and handed out. */
#include "store/planes.h"

#include "store/dataset.h"

#include <stdlib.h>

struct hf_planes {
    const hf_ranks *ranks;
    hf_grid *part;
    size_t count, most;       /* planes of the whole grid, and those that are moved at a time */
    double *gathered, *piece; /* several ranks: shape (most, other axes) each; piece on the first alone */
};

static hf_status make_room(hf_error *error, const hf_problem *problem, hf_planes *planes) {
    size_t plane = hf_grid_stride(hf_problem_grid(problem), 0);
    planes->ranks = hf_problem_ranks(problem);
    planes->count = hf_grid_axis(hf_problem_grid(problem), 0)->cells;
    planes->most = plane < HF_CHUNK_MAX ? HF_CHUNK_MAX / plane : 1;
    HF_TRY(hf_problem_divide(error, problem, &planes->part));
    if (hf_ranks_count(planes->ranks) == 1)
        return HF_OK;
    HF_TRY(hf_array_create(error, planes->most * plane, &planes->gathered));
    return hf_ranks_index(planes->ranks) == 0 ? hf_array_create(error, planes->most * plane, &planes->piece)
                                              : HF_OK;
}

hf_status hf_planes_create(hf_error *error, const hf_problem *problem, hf_planes **out) {
    *out = NULL;
    hf_planes *planes;
    HF_TRY(hf_allocate(error, 1, sizeof *planes, &planes));
    hf_status status = make_room(error, problem, planes);
    if (status != HF_OK)
        hf_planes_destroy(&planes);
    *out = planes;
    return status;
}

void hf_planes_destroy(hf_planes **planes) {
    if (planes == NULL || *planes == NULL)
        return;
    hf_grid_destroy(&(*planes)->part);
    hf_array_destroy(&(*planes)->gathered);
    hf_array_destroy(&(*planes)->piece);
    free(*planes);
    *planes = NULL;
}

size_t hf_planes_cells(const hf_planes *planes) {
    return hf_grid_cells(planes->part);
}

static size_t next_planes(const hf_planes *planes, size_t first) {
    return planes->count - first < planes->most ? planes->count - first : planes->most;
}

/* Planes are gathered to the last also when one cannot be written: the others wait to send theirs. */
hf_status hf_planes_collect(hf_error *error, hf_planes *planes, const double *rho, hf_planes_put *put,
                            void *self) {
    hf_status status = HF_OK;
    if (hf_ranks_count(planes->ranks) == 1)
        return put(error, self, 0, planes->count, rho);
    for (size_t first = 0; first < planes->count; first += planes->most) {
        size_t count = next_planes(planes, first);
        hf_grid_collect(planes->part, first, count, rho, planes->piece, planes->gathered);
        if (status == HF_OK && hf_ranks_index(planes->ranks) == 0)
            status = put(error, self, first, count, planes->gathered);
    }
    return hf_ranks_agree(error, planes->ranks, status);
}

hf_status hf_planes_distribute(hf_error *error, hf_planes *planes, hf_planes_get *get, void *self,
                               double *rho) {
    if (hf_ranks_count(planes->ranks) == 1)
        return get(error, self, 0, planes->count, rho);
    for (size_t first = 0; first < planes->count; first += planes->most) {
        size_t count = next_planes(planes, first);
        bool has_file = hf_ranks_index(planes->ranks) == 0;
        HF_TRY(hf_ranks_agree(error, planes->ranks,
                              has_file ? get(error, self, first, count, planes->gathered) : HF_OK));
        size_t plane = 1;
        for (size_t d = 1; d < hf_grid_dim(planes->part); d++)
            plane *= hf_grid_whole_cells(planes->part, d);
        hf_ranks_broadcast(planes->ranks, count * plane, planes->gathered);
        hf_grid_distribute(planes->part, first, count, planes->gathered, rho);
    }
    return HF_OK;
}
