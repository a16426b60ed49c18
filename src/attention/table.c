/* The context table: contexts of all events over a box of alpha-cells, as the weights L of a skeleton times
 * what heads make of the contexts at its pivots. docs/numerics.md (2)-(4), (34)-(37).
 *
 * Since head logits are affine in v only the moments (1, v_j) of the density over the value cells of each
 * alpha-cell enter; nothing has the size of the full grid. */
#include "attention/table.h"

#include "attention/skeleton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double default_tolerance = 1e-12;

/* ---- the box ---------------------------------------------------------------------------------------- */

static hf_status check(hf_error *error, const hf_model *model, const hf_grid *grid,
                       const hf_table_options *options) {
    if (hf_grid_dim(grid) != model->alphas + model->values)
        return hf_raise(error, HF_ERR_INPUT, "a grid of %zu axes for heads with %zu coordinates",
                        hf_grid_dim(grid), model->alphas + model->values);
    if (!(options->tolerance >= 0 && options->tolerance <= HF_TABLE_TOLERANCE_MAX))
        return hf_raise(error, HF_ERR_INPUT, "a table tolerance of %g; expected more than 0, at most %g",
                        options->tolerance, HF_TABLE_TOLERANCE_MAX);
    for (size_t d = 0; d < model->alphas; d++)
        if (options->first[d] + options->cells[d] > hf_grid_axis(grid, d)->cells)
            return hf_raise(error, HF_ERR_INPUT, "a table of rows %zu to %zu on an axis of %zu cells",
                            options->first[d], options->first[d] + options->cells[d],
                            hf_grid_axis(grid, d)->cells);
    return HF_OK;
}

static void set_box(hf_table *table, const hf_table_options *options) {
    size_t dim = hf_grid_dim(table->grid), n = table->model->alphas;
    table->rows = table->wide_rows = table->value_cells = 1;
    for (size_t d = 0; d < n; d++) {
        table->first[d] = options->first[d];
        table->cells[d] = options->cells[d] > 0 ? options->cells[d] : hf_grid_axis(table->grid, d)->cells;
        table->margin[d] = options->margin[d];
        table->rows *= table->cells[d];
        table->wide_rows *= table->cells[d] + 2 * table->margin[d];
    }
    for (size_t d = n; d < dim; d++)
        table->value_cells *= hf_grid_axis(table->grid, d)->cells;
    table->line = table->model->values > 0 ? hf_grid_axis(table->grid, dim - 1)->cells : 1;
}

/* Number in the whole grid of a row of the box with its margins, through the seam of a periodic axis; beyond
 * a wall that of the row next to it. *inside: its number in the box + 1, or 0. */
static size_t whole_row(const hf_table *table, size_t wide_row, size_t *inside) {
    size_t rest = wide_row, row = 0, stride = 1, box = 0, box_stride = 1;
    *inside = 1;
    for (size_t d = table->model->alphas; d-- > 0;) {
        const hf_axis *axis = hf_grid_axis(table->grid, d);
        size_t extent = table->cells[d] + 2 * table->margin[d], index = rest % extent;
        rest /= extent;
        if (index < table->margin[d] || index >= table->margin[d] + table->cells[d])
            *inside = 0;
        size_t far = table->first[d] + index + axis->cells * (1 + table->margin[d] / axis->cells);
        size_t at = far - table->margin[d]; /* from a multiple of the axis below its first cell */
        size_t begin = axis->cells * (1 + table->margin[d] / axis->cells);
        size_t cell = axis->periodic              ? at % axis->cells
                      : at < begin                ? 0
                      : at - begin >= axis->cells ? axis->cells - 1
                                                  : at - begin;
        row += stride * cell;
        stride *= axis->cells;
        box += box_stride * (index - table->margin[d]);
        box_stride *= table->cells[d];
    }
    *inside = *inside > 0 ? box + 1 : 0;
    return row;
}

/* ---- building --------------------------------------------------------------------------------------- */

/* What the threads of a build share, each with work space of its own. */
typedef struct builder {
    hf_table *table;
    const hf_skeleton *skeleton;
    size_t blocks; /* of pivots */
    hf_cells *cells;
    double *work; /* shape (threads, size) */
    size_t size;
} builder;

static hf_status fill_weights(hf_error *error, hf_table *table, const hf_skeleton *skeleton) {
    size_t block = skeleton->contexts.block, blocks = (table->wide_rows + block - 1) / block;
    size_t rank = skeleton->rank, own = hf_skeleton_work(skeleton), size = own + block * rank;
    double *work;
    HF_TRY(hf_array_create(error, (size_t)omp_get_max_threads() * size, &work));
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * block, rest = table->wide_rows - first, count = rest < block ? rest : block;
        size_t row[HF_ATTEND];
        double *mine = work + (size_t)omp_get_thread_num() * size, *weight = mine + own;
        for (size_t r = 0; r < count; r++) {
            row[r] = whole_row(table, first + r, &table->row[first + r]);
            if (table->row[first + r] > 0)
                table->wide[table->row[first + r] - 1] = first + r;
        }
        hf_skeleton_weights(skeleton, count, row, weight, mine);
        for (size_t r = 0; r < count; r++)
            for (size_t k = 0; k < rank; k++)
                *hf_tall_at(&table->weight, first + r, k) = weight[r * rank + k];
    }
    hf_array_destroy(&work);
    return HF_OK;
}

/* W_j c at a block of pivots for all classes of an event: differences to the last class, then the last.
 *  context  shape (width, count of the block); at: column of the first pivot */
static void fill_heads(hf_table *table, size_t event, size_t at, size_t count, const double *context) {
    const hf_model *model = table->model;
    size_t width = model->width, classes = model->classes, others = classes - 1;
    size_t block = event / HF_TALL, lane = event % HF_TALL;
    for (size_t a = 0; a < table->actives; a++) {
        const double *W = model->value_matrix[table->active[a]], *W_last = W + others * width;
        for (size_t c = 0; c < classes; c++)
            for (size_t k = 0; k < count; k++) {
                double sum = 0;
                for (size_t i = 0; i < width; i++)
                    sum += (W[c * width + i] - (c < others ? W_last[i] : 0)) * context[i * count + k];
                size_t column = a * table->rank + at + k;
                if (c < others)
                    *hf_tall_at(&table->difference, (block * others + c) * HF_TALL + lane, column) = sum;
                else
                    *hf_tall_at(&table->last, event, column) = sum;
            }
    }
}

static void build_events(builder *b) {
    const hf_model *model = b->table->model;
    size_t events = hf_events_count(model->events), block = b->skeleton->contexts.block;
#pragma omp parallel for schedule(dynamic, HF_TALL)
    for (size_t e = 0; e < events; e++) {
        double *context = b->work + (size_t)omp_get_thread_num() * b->size;
        for (size_t k = 0; k < b->blocks; k++) {
            hf_contexts_fill(&b->skeleton->contexts, &b->cells[k], e, model->width,
                             hf_events_tokens(model->events, e), context);
            fill_heads(b->table, e, k * block, b->cells[k].count, context);
        }
    }
}

static hf_status fill_events(hf_error *error, hf_table *table, const hf_skeleton *skeleton) {
    size_t block = skeleton->contexts.block;
    builder b = {.table = table,
                 .skeleton = skeleton,
                 .blocks = (skeleton->rank + block - 1) / block,
                 .size = block * table->model->width};
    HF_TRY(hf_allocate(error, b.blocks, sizeof *b.cells, &b.cells));
    hf_status status = hf_array_create(error, (size_t)omp_get_max_threads() * b.size, &b.work);
    for (size_t k = 0; status == HF_OK && k < b.blocks; k++) {
        size_t rest = skeleton->rank - k * block;
        hf_contexts_place(&skeleton->contexts, rest < block ? rest : block, skeleton->pivot + k * block,
                          &b.cells[k]);
    }
    if (status == HF_OK)
        build_events(&b);
    free(b.cells);
    hf_array_destroy(&b.work);
    return status;
}

/* The j whose W_j is not zero. */
static void find_active(hf_table *table) {
    const hf_model *model = table->model;
    for (size_t j = 0; j < table->terms; j++)
        for (size_t i = 0; i < model->classes * model->width; i++)
            if (model->value_matrix[j][i] != 0) {
                table->active[table->actives++] = j;
                break;
            }
    if (table->actives == 0) /* heads without logits: the products take one column at least */
        table->active[table->actives++] = 0;
}

static hf_status create_arrays(hf_error *error, hf_table *table) {
    const hf_model *model = table->model;
    size_t events = hf_events_count(model->events), event_blocks = (events + HF_TALL - 1) / HF_TALL;
    HF_TRY(hf_tall_create(error, table->wide_rows, table->rank, &table->weight));
    HF_TRY(hf_tall_create(error, event_blocks * (model->classes - 1) * HF_TALL, table->columns,
                          &table->difference));
    HF_TRY(hf_tall_create(error, events, table->columns, &table->last));
    HF_TRY(hf_allocate(error, table->rows, sizeof *table->wide, &table->wide));
    HF_TRY(hf_allocate(error, table->weight.blocks * HF_TALL, sizeof *table->row, &table->row));
    HF_TRY(hf_array_create(error, table->line, &table->center));
    HF_TRY(hf_array_create(error, table->value_cells / table->line * HF_VALUE_MAX, &table->other_values));
    HF_TRY(hf_array_create(error, hf_grid_dim(table->grid) * HF_CHUNKS_MAX, &table->speed));
    HF_TRY(hf_array_create(error, HF_CHUNKS_MAX * table->columns * HF_PACK, &table->partial));
    size_t pairs = hf_table_pairs(table) * table->weight.blocks * HF_TALL;
    HF_TRY(hf_array_create(error, pairs, &table->second));
    HF_TRY(hf_array_create(error, pairs, &table->norms));
    HF_TRY(hf_array_create(error, pairs, &table->variances));
    return hf_array_create(error, HF_TABLE_PARTS * hf_table_squares(table), &table->squares);
}

static hf_status build(hf_error *error, hf_table *table, const hf_table_options *options) {
    hf_skeleton *skeleton;
    HF_TRY(
        hf_skeleton_create(error, table->model, table->grid, table->sampling, table->tolerance, &skeleton));
    set_box(table, options);
    table->rank = skeleton->rank;
    table->error = skeleton->error;
    table->checked = skeleton->checked;
    table->columns = table->actives * table->rank;
    hf_status status = create_arrays(error, table);
    if (status == HF_OK)
        status = fill_weights(error, table, skeleton);
    if (status == HF_OK)
        status = fill_events(error, table, skeleton);
    hf_skeleton_destroy(&skeleton);
    return status;
}

hf_status hf_table_create(hf_error *error, const hf_model *model, const hf_grid *grid,
                          const hf_table_options *options, hf_table **out) {
    *out = NULL;
    HF_TRY(check(error, model, grid, options));
    hf_table *table;
    HF_TRY(hf_allocate(error, 1, sizeof *table, &table));
    table->model = model;
    table->grid = grid;
    table->sampling = options->sampling;
    table->tolerance = options->tolerance > 0 ? options->tolerance : default_tolerance;
    table->terms = 1 + model->values;
    find_active(table);
    hf_status status = build(error, table, options);
    if (status != HF_OK) {
        hf_table_destroy(&table);
        return status;
    }
    for (size_t k = 0; model->values > 0 && k < table->line; k++)
        table->center[k] = hf_grid_center(grid, hf_grid_dim(grid) - 1, k);
    for (size_t l = 0; model->values > 1 && l < table->value_cells / table->line; l++)
        hf_table_line_values(table, l * table->line, table->other_values + l * (model->values - 1));
    *out = table;
    return HF_OK;
}

void hf_table_destroy(hf_table **table) {
    if (table == NULL || *table == NULL)
        return;
    hf_tall_destroy(&(*table)->weight);
    hf_tall_destroy(&(*table)->difference);
    hf_tall_destroy(&(*table)->last);
    hf_array_destroy(&(*table)->center);
    hf_array_destroy(&(*table)->other_values);
    hf_array_destroy(&(*table)->speed);
    hf_array_destroy(&(*table)->partial);
    hf_array_destroy(&(*table)->second);
    hf_array_destroy(&(*table)->norms);
    hf_array_destroy(&(*table)->variances);
    hf_array_destroy(&(*table)->squares);
    free((*table)->wide);
    free((*table)->row);
    free(*table);
    *table = NULL;
}

/* ---- what it is ------------------------------------------------------------------------------------- */

double hf_table_bytes(const hf_model *model, const hf_grid *grid, size_t rank) {
    double rows = 1, events = (double)hf_events_count(model->events);
    for (size_t d = 0; d < model->alphas; d++)
        rows *= (double)hf_grid_axis(grid, d)->cells;
    double kept = fmin((double)rank, rows), terms = (double)(1 + model->values);
    return sizeof(double) * kept * (rows + terms * (double)model->classes * (events + HF_TALL));
}

size_t hf_table_rows(const hf_table *table) {
    return table->rows;
}
size_t hf_table_wide_rows(const hf_table *table) {
    return table->wide_rows;
}
size_t hf_table_rank(const hf_table *table) {
    return table->rank;
}
double hf_table_error(const hf_table *table) {
    return table->error;
}
double hf_table_checked(const hf_table *table) {
    return table->checked;
}
double hf_table_tolerance(const hf_table *table) {
    return table->tolerance;
}
size_t hf_table_modes_count(const hf_table *table) {
    return table->columns;
}
size_t hf_table_differences_count(const hf_table *table) {
    return table->difference.rows;
}

void hf_table_line_values(const hf_table *table, size_t value_index, double v[]) {
    size_t n = table->model->alphas;
    for (size_t j = 0; j + 1 < table->model->values; j++)
        v[j] = hf_grid_center(table->grid, n + j,
                              value_index / hf_grid_stride(table->grid, n + j) %
                                  hf_grid_axis(table->grid, n + j)->cells);
}

double hf_table_row_center(const hf_table *table, size_t row, size_t axis) {
    size_t rest = row;
    for (size_t d = table->model->alphas - 1; d > axis; d--)
        rest /= table->cells[d];
    return hf_grid_center(table->grid, axis, table->first[axis] + rest % table->cells[axis]);
}
