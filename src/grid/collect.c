/* A divided density on the rank that writes it, plane after plane, and the way back. */
#include "grid/grid.h"

#include <string.h>

/* The cells that a part has in planes first .. first + count - 1 of axis 0. */
static size_t overlap(const size_t box_first[], const size_t box_cells[], size_t first, size_t count,
                      size_t *from) {
    size_t last = box_first[0] + box_cells[0] < first + count ? box_first[0] + box_cells[0] : first + count;
    *from = box_first[0] > first ? box_first[0] : first;
    return last > *from ? last - *from : 0;
}

/* A piece of a rank in planes of the whole: rows of its last axis, one after the other; of one axis, a row.
 */
typedef struct rows {
    size_t count, length;
} rows;

static rows rows_of(const hf_grid *grid, const size_t box_cells[], size_t planes) {
    size_t dim = grid->dim;
    if (dim == 1)
        return (rows){1, planes};
    for (size_t d = 1; d + 1 < dim; d++)
        planes *= box_cells[d];
    return (rows){planes, box_cells[dim - 1]};
}

/* Where row r of a piece that begins with plane `plane` lies in the planes of the whole. */
static size_t row_place(const hf_grid *grid, const size_t box_first[], const size_t box_cells[], size_t plane,
                        size_t r) {
    size_t dim = grid->dim;
    if (dim == 1)
        return plane;
    size_t stride = grid->whole_cells[dim - 1], start = box_first[dim - 1];
    for (size_t d = dim - 1; d-- > 1;) {
        start += (box_first[d] + r % box_cells[d]) * stride;
        r /= box_cells[d];
        stride *= grid->whole_cells[d];
    }
    return (plane + r) * stride + start;
}

static void place(const hf_grid *grid, const size_t box_first[], const size_t box_cells[], size_t plane,
                  size_t planes, const double *piece, double *whole) {
    rows all = rows_of(grid, box_cells, planes);
    for (size_t r = 0; r < all.count; r++)
        memcpy(whole + row_place(grid, box_first, box_cells, plane, r), piece + r * all.length,
               all.length * sizeof *piece);
}

void hf_grid_distribute(const hf_grid *part, size_t first, size_t count, const double *planes, double *rho) {
    size_t box_first[HF_DIM_MAX], box_cells[HF_DIM_MAX], from, size = 1;
    for (size_t d = 0; d < part->dim; d++) {
        box_first[d] = hf_grid_first(part, d);
        box_cells[d] = hf_grid_axis(part, d)->cells;
        size *= d > 0 ? box_cells[d] : 1;
    }
    size_t held = overlap(box_first, box_cells, first, count, &from);
    rows all = rows_of(part, box_cells, held);
    for (size_t r = 0; r < all.count && held > 0; r++)
        memcpy(rho + (from - box_first[0]) * size + r * all.length,
               planes + row_place(part, box_first, box_cells, from - first, r), all.length * sizeof *rho);
}

void hf_grid_collect(const hf_grid *part, size_t first, size_t count, const double *rho, double *work,
                     double *planes) {
    size_t index = hf_ranks_index(part->ranks), ranks = hf_ranks_count(part->ranks);
    for (size_t rank = 0; rank < ranks; rank++) {
        size_t box_first[HF_DIM_MAX], box_cells[HF_DIM_MAX], from, size = 1;
        hf_grid_box(part, part->parts, rank, box_first, box_cells);
        size_t held = overlap(box_first, box_cells, first, count, &from);
        for (size_t d = 1; d < part->dim; d++)
            size *= box_cells[d];
        const double *own = rank == index && held > 0 ? rho + (from - box_first[0]) * size : work;
        if (held == 0 || (index != 0 && index != rank))
            continue;
        if (index == rank && index != 0)
            hf_ranks_send(part->ranks, 0, held * size, own);
        else {
            if (rank != 0)
                hf_ranks_receive(part->ranks, rank, held * size, work);
            place(part, box_first, box_cells, from - first, held, own, planes);
        }
    }
}
