/* A divided density on the rank that writes it, plane after plane. */
#include "grid/grid.h"

#include <string.h>

/* The cells that a part has in planes first .. first + count - 1 of axis 0. */
static size_t overlap(const size_t box_first[], const size_t box_cells[], size_t first, size_t count,
                      size_t *from) {
    size_t last = box_first[0] + box_cells[0] < first + count ? box_first[0] + box_cells[0] : first + count;
    *from = box_first[0] > first ? box_first[0] : first;
    return last > *from ? last - *from : 0;
}

/* A piece of a rank to its place: rows of its last axis, one after the other. */
static void place(const hf_grid *grid, const size_t box_first[], const size_t box_cells[], size_t plane,
                  size_t planes, const double *piece, double *whole) {
    size_t dim = grid->dim, row = box_cells[dim - 1], rows = planes;
    for (size_t d = 1; d + 1 < dim; d++)
        rows *= box_cells[d];
    if (dim == 1) {
        memcpy(whole + plane, piece, planes * sizeof *piece);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        size_t rest = r, stride = grid->whole_cells[dim - 1], start = box_first[dim - 1];
        for (size_t d = dim - 1; d-- > 1;) {
            start += (box_first[d] + rest % box_cells[d]) * stride;
            rest /= box_cells[d];
            stride *= grid->whole_cells[d];
        }
        memcpy(whole + (plane + rest) * stride + start, piece + r * row, row * sizeof *piece);
    }
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
