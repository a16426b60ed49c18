/* A grid divided among ranks: which axes are cut, into how many parts. docs/numerics.md, section 1.
 *
 * The parts of an axis differ by at most one cell. Of all ways to write the number of ranks as a product of
 * one number an axis, the one whose largest part has the smallest surface to exchange is taken. */
#include "grid/grid.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct search {
    const hf_grid *whole;
    size_t axes, least;
    size_t trial[HF_DIM_MAX], best[HF_DIM_MAX];
    double surface, volume; /* of the best one's largest part */
    bool found;
} search;

/* Cells of the largest part of an axis. */
static size_t largest(const hf_grid *whole, size_t d, size_t parts) {
    return (whole->axis[d].cells + parts - 1) / parts;
}

/* Keeps the trial if its largest part has the smaller surface, or with the same one fewer cells. */
static void compare(search *s) {
    double volume = 1, surface = 0;
    for (size_t d = 0; d < s->whole->dim; d++)
        volume *= (double)largest(s->whole, d, s->trial[d]);
    for (size_t d = 0; d < s->axes; d++)
        surface += s->trial[d] > 1 ? volume / (double)largest(s->whole, d, s->trial[d]) : 0;
    if (s->found && !(surface < s->surface || (surface == s->surface && volume < s->volume)))
        return;
    memcpy(s->best, s->trial, sizeof s->best);
    s->surface = surface;
    s->volume = volume;
    s->found = true;
}

/* All factors for the axes from d on whose product is `ranks`; the first axes get the most parts first. */
static void try_factors(search *s, size_t d, size_t ranks) {
    if (d == s->axes || d == HF_DIM_MAX) {
        if (ranks == 1)
            compare(s);
        return;
    }
    for (size_t parts = ranks; parts >= 1; parts--)
        if (ranks % parts == 0 && (parts == 1 || s->whole->axis[d].cells / parts >= s->least)) {
            s->trial[d] = parts;
            try_factors(s, d + 1, ranks / parts);
        }
}

static bool divides(search *s, size_t ranks) {
    s->found = false;
    try_factors(s, 0, ranks);
    return s->found;
}

hf_status hf_grid_factors(hf_error *error, const hf_grid *whole, size_t axes, size_t least, size_t ranks,
                          size_t parts[]) {
    search s = {.whole = whole, .axes = axes, .least = least > 0 ? least : 1};
    for (size_t d = 0; d < HF_DIM_MAX; d++)
        s.trial[d] = 1;
    if (divides(&s, ranks)) {
        memcpy(parts, s.best, whole->dim * sizeof *parts);
        return HF_OK;
    }
    if (axes == 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "%zu processes: a grid without attention axes cannot be divided; expected 1", ranks);
    size_t fewer = ranks - 1;
    while (!divides(&s, fewer)) /* 1 always does */
        fewer--;
    char cells[HF_DIM_MAX * 24] = "";
    for (size_t d = 0; d < axes; d++)
        snprintf(cells + strlen(cells), sizeof cells - strlen(cells), "%s%zu", d > 0 ? " x " : "",
                 whole->axis[d].cells);
    return hf_raise(error, HF_ERR_INPUT,
                    "%zu processes: %s cells along attention axes cannot be divided into as many parts of at "
                    "least %zu; expected at most %zu processes",
                    ranks, cells, s.least, fewer);
}

void hf_grid_box(const hf_grid *grid, const size_t parts[], size_t rank, size_t first[], size_t cells[]) {
    for (size_t d = grid->dim; d-- > 0;) {
        size_t place = rank % parts[d], n = grid->whole_cells[d];
        size_t each = n / parts[d], more = n % parts[d]; /* the first parts have a cell more */
        first[d] = place * each + (place < more ? place : more);
        cells[d] = each + (place < more);
        rank /= parts[d];
    }
}

size_t hf_grid_parts(const hf_grid *grid, size_t axis) {
    return grid->parts[axis];
}
const hf_ranks *hf_grid_ranks(const hf_grid *grid) {
    return grid->ranks;
}

hf_status hf_grid_divide(hf_error *error, const hf_grid *whole, size_t axes, size_t least,
                         const hf_ranks *ranks, hf_grid **out) {
    *out = NULL;
    size_t parts[HF_DIM_MAX], first[HF_DIM_MAX], cells[HF_DIM_MAX];
    HF_TRY(hf_grid_factors(error, whole, axes, least, hf_ranks_count(ranks), parts));
    hf_grid_box(whole, parts, hf_ranks_index(ranks), first, cells);
    HF_TRY(hf_grid_part(error, whole, first, cells, out));
    memcpy((*out)->parts, parts, whole->dim * sizeof *parts);
    (*out)->ranks = ranks;
    return HF_OK;
}
