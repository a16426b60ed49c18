/* What ranks exchange, with any number of processes: `mpiexec -n R test-parallel`, also R = 1. Every rank
 * computes the answer for the whole grid by itself and compares its share; a check passes when it does on all
 * ranks. Prints TAP on rank 0. */
#include "flow/flow.h"
#include "flow/precondition.h"
#include "grid/halo.h"
#include "grid/transpose.h"
#include <headflow/case.h>
#include <headflow/store.h>
#include <headflow/theory.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hf_ranks *ranks;
static int checks, failures;

static void check(bool passed, const char *what) {
    double all = passed;
    hf_ranks_min(ranks, 1, &all);
    checks++;
    failures += all == 0;
    if (hf_ranks_index(ranks) == 0)
        printf("%s %d - %s\n", all == 0 ? "not ok" : "ok", checks, what);
}

/* What no check is about must not fail. */
static void must(hf_status status, const hf_error *error) {
    if (status == HF_OK)
        return;
    fprintf(stderr, "%s\n", error->message);
    hf_ranks_abort(ranks, 1);
}

static double *make_array(size_t count) {
    hf_error error = {0};
    double *array;
    must(hf_array_create(&error, count, &array), &error);
    return array;
}

/* A number between 0 and 1 that is the same for a cell on all ranks. */
static double number(size_t cell) {
    double x = sin(12.9898 * (double)(cell + 1)) * 43758.5453;
    return x - floor(x);
}

/* ---- grids and their parts ---------------------------------------------------------------------------- */

/* A grid and who may be cut: its first `axes` axes; bit d of `periodic`: an angle. */
typedef struct shape {
    size_t dim, axes;
    size_t cells[HF_DIM_MAX];
    unsigned periodic;
} shape;

static const shape shapes[] = {
    {1, 1, {17}, 0},         {1, 1, {16}, 1},           {2, 1, {13, 5}, 0},    {2, 1, {12, 7}, 1},
    {2, 2, {19, 18}, 2},     {3, 2, {10, 11, 3}, 0},    {3, 2, {9, 14, 4}, 3}, {3, 1, {8, 5, 6}, 1},
    {4, 2, {9, 8, 3, 4}, 1}, {4, 3, {10, 11, 9, 3}, 4}, {3, 3, {8, 9, 20}, 7},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The grid and this rank's part; false, on all ranks, when there are too many for it. */
static bool make_part(const shape *s, size_t least, hf_grid **whole, hf_grid **part) {
    hf_error error = {0};
    hf_axis axes[HF_DIM_MAX];
    for (size_t d = 0; d < s->dim; d++)
        axes[d] = (hf_axis){"x", -1, 0.385 + (double)d, s->cells[d], s->periodic >> d & 1};
    must(hf_grid_create(&error, s->dim, axes, whole), &error);
    if (hf_grid_divide(NULL, *whole, s->axes, least, ranks, part) == HF_OK)
        return true;
    hf_grid_destroy(whole);
    return false;
}

/* The cell of the whole grid that lies `beyond` cells after a cell of the part along an axis; SIZE_MAX: none.
 */
static size_t cell_beyond(const hf_grid *whole, const hf_grid *part, size_t cell, size_t axis,
                          ptrdiff_t beyond) {
    size_t number = 0;
    for (size_t d = 0; d < hf_grid_dim(part); d++) {
        ptrdiff_t n = (ptrdiff_t)hf_grid_whole_cells(part, d);
        ptrdiff_t index = (ptrdiff_t)(cell / hf_grid_stride(part, d) % hf_grid_axis(part, d)->cells);
        index += (ptrdiff_t)hf_grid_first(part, d) + (d == axis ? beyond : 0);
        if (index < 0 || index >= n) {
            if (!hf_grid_axis(part, d)->periodic)
                return SIZE_MAX;
            index = (index + n) % n;
        }
        number += (size_t)index * hf_grid_stride(whole, d);
    }
    return number;
}

static size_t cell_of(const hf_grid *whole, const hf_grid *part, size_t cell) {
    return cell_beyond(whole, part, cell, 0, 0);
}

/* This rank's share of a density of the whole grid. */
static double *share(const hf_grid *whole, const hf_grid *part, const double *rho) {
    double *own = make_array(hf_grid_cells(part));
    for (size_t i = 0; i < hf_grid_cells(part); i++)
        own[i] = rho[cell_of(whole, part, i)];
    return own;
}

static double *random_density(const hf_grid *whole) {
    double *rho = make_array(hf_grid_cells(whole));
    for (size_t i = 0; i < hf_grid_cells(whole); i++)
        rho[i] = 2.385 * number(i) - 0.3;
    return rho;
}

static double difference(size_t count, const double *a, const double *b) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fabs(a[i] - b[i]) <= most ? most : fabs(a[i] - b[i]);
    return most;
}

/* ---- the halo ----------------------------------------------------------------------------------------- */

/* Layers hold the whole grid's numbers of the cells beyond the part, and are missing exactly at walls and
 * along axes that are whole. */
static bool layers_are_right(const hf_halo *halo, const hf_grid *whole, const hf_grid *part, size_t width,
                             const double *rho) {
    bool right = true;
    for (size_t d = 0; d < hf_grid_dim(part); d++)
        for (int side = 0; side < 2; side++) {
            const double *layers = hf_halo_layers(halo, d, side);
            size_t inner = hf_grid_stride(part, d), n = hf_grid_axis(part, d)->cells;
            size_t outer = hf_grid_cells(part) / (n * inner);
            ptrdiff_t nearest = side == 0 ? -(ptrdiff_t)width : 1;
            for (size_t o = 0; o < outer; o++)
                for (size_t w = 0; w < width; w++)
                    for (size_t k = 0; k < inner; k++) {
                        size_t end = (o * n + (side == 0 ? 0 : n - 1)) * inner + k;
                        size_t cell = cell_beyond(whole, part, end, d, nearest + (ptrdiff_t)w);
                        bool none = hf_grid_parts(part, d) == 1 || cell == SIZE_MAX;
                        if (layers == NULL || none)
                            right = right && layers == NULL && none;
                        else
                            right = right && layers[(o * width + w) * inner + k] == rho[cell];
                    }
        }
    return right;
}

static void check_halo(void) {
    bool right = true, refused = true;
    hf_error error = {0};
    for (size_t k = 0; k < SHAPES; k++)
        for (size_t width = 1; width <= 4; width++) {
            hf_grid *whole, *part;
            hf_halo *halo;
            if (!make_part(&shapes[k], width, &whole, &part))
                continue;
            double *rho = random_density(whole), *own = share(whole, part, rho);
            must(hf_halo_create(&error, part, width, &halo), &error);
            for (int again = 0; again < 2; again++) {
                hf_halo_start(halo, own);
                for (size_t i = 0; i < hf_grid_cells(part); i++)
                    own[i] *= -1; /* they have been copied */
                hf_halo_finish(halo);
                right = right && layers_are_right(halo, whole, part, width, rho);
                for (size_t i = 0; i < hf_grid_cells(whole); i++)
                    rho[i] *= -1;
            }
            hf_halo_destroy(&halo);
            bool cut = false;
            for (size_t d = 0; d < shapes[k].dim; d++)
                cut = cut || hf_grid_parts(part, d) > 1;
            refused = refused && (!cut || hf_halo_create(NULL, part, 21, &halo) == HF_ERR_INPUT);
            hf_array_destroy(&rho);
            hf_array_destroy(&own);
            hf_grid_destroy(&part);
            hf_grid_destroy(&whole);
        }
    check(right, "halos hold the neighbours' cells");
    check(refused, "halos wider than a part are refused");
}

/* ---- transposes, the diffusion solve ------------------------------------------------------------------ */

/* Lines are whole lines of the grid, each on one rank, and come back as they were. */
static void check_transpose(void) {
    bool whole_lines = true, back = true, each_once = true;
    hf_error error = {0};
    for (size_t k = 0; k < SHAPES; k++) {
        hf_grid *whole, *part;
        if (!make_part(&shapes[k], 1, &whole, &part))
            continue;
        double *rho = random_density(whole), *own = share(whole, part, rho), *returned;
        returned = make_array(hf_grid_cells(part));
        for (size_t d = 0; d < shapes[k].dim; d++) {
            hf_transpose *transpose;
            if (hf_grid_parts(part, d) == 1)
                continue;
            must(hf_transpose_create(&error, part, d, &transpose), &error);
            size_t lines = hf_transpose_lines(transpose), n = shapes[k].cells[d];
            double count = (double)lines, stride = (double)hf_grid_stride(whole, d);
            hf_transpose_gather(transpose, own);
            const double *values = hf_transpose_values(transpose);
            for (size_t l = 0; l < lines; l++) {
                size_t cell = 0; /* where the line begins: numbers of cells are all different */
                while (cell < hf_grid_cells(whole) && rho[cell] != values[l])
                    cell++;
                for (size_t i = 0; i < n; i++)
                    whole_lines = whole_lines && values[i * lines + l] == rho[cell + i * (size_t)stride];
            }
            memset(returned, 0, hf_grid_cells(part) * sizeof *returned);
            hf_transpose_scatter(transpose, returned);
            back = back && difference(hf_grid_cells(part), own, returned) == 0;
            hf_ranks_sum(ranks, 1, &count);
            each_once = each_once && count == (double)(hf_grid_cells(whole) / n);
            hf_transpose_destroy(&transpose);
        }
        hf_array_destroy(&rho);
        hf_array_destroy(&own);
        hf_array_destroy(&returned);
        hf_grid_destroy(&part);
        hf_grid_destroy(&whole);
    }
    check(whole_lines, "transposed lines are lines of the whole grid");
    check(each_once, "each line is on one rank");
    check(back, "lines come back as they were");
}

/* The inverse has norm 1, so that the transforms' rounding, a few eps log2 N, is what may differ. */
static void check_diffusion(void) {
    double most = 0;
    hf_error error = {0};
    for (size_t k = 0; k < SHAPES; k++)
        for (double c = 0.0385; c < 3; c += 1.1925) {
            hf_grid *whole, *part;
            hf_diffusion *alone, *divided;
            if (!make_part(&shapes[k], 1, &whole, &part))
                continue;
            double *b = random_density(whole), *own = share(whole, part, b);
            must(hf_diffusion_create(&error, whole, &alone), &error);
            must(hf_diffusion_create(&error, part, &divided), &error);
            hf_diffusion_solve(alone, c, b, b);
            hf_diffusion_solve(divided, c, own, own);
            double *expected = share(whole, part, b);
            most = fmax(most, difference(hf_grid_cells(part), own, expected));
            hf_diffusion_destroy(&alone);
            hf_diffusion_destroy(&divided);
            hf_array_destroy(&b);
            hf_array_destroy(&own);
            hf_array_destroy(&expected);
            hf_grid_destroy(&part);
            hf_grid_destroy(&whole);
        }
    check(most <= 1e-14, "the diffusion solve is the serial one");
}

/* ---- sums, gathering ---------------------------------------------------------------------------------- */

/* Whether numbers are the same to the bit on all ranks. */
static bool same_everywhere(size_t count, const double *x) {
    bool same = true;
    for (size_t i = 0; i < count; i++) {
        double bounds[2] = {x[i], -x[i]};
        hf_ranks_max(ranks, 2, bounds);
        same = same && bounds[0] == x[i] && bounds[1] == -x[i];
    }
    return same;
}

static void check_sums(void) {
    double most = 0;
    bool same = true;
    for (size_t k = 0; k < SHAPES; k++) {
        hf_grid *whole, *part;
        if (!make_part(&shapes[k], 1, &whole, &part))
            continue;
        size_t dim = shapes[k].dim;
        double *rho = random_density(whole), *own = share(whole, part, rho);
        /* mass, mean, covariance, negative mass, marginals */
        enum { SIZE = 6 + 16 + 4 * 20 };
        double a[SIZE] = {0}, b[SIZE] = {0};
        a[0] = hf_grid_moments(part, HF_CELL_MEANS, own, a + 1, a + 6);
        b[0] = hf_grid_moments(whole, HF_CELL_MEANS, rho, b + 1, b + 6);
        a[5] = hf_grid_negative_mass(part, own);
        b[5] = hf_grid_negative_mass(whole, rho);
        for (size_t d = 0; d < dim; d++) {
            hf_grid_marginal(part, own, d, a + 22 + 20 * d);
            hf_grid_marginal(whole, rho, d, b + 22 + 20 * d);
        }
        same = same && same_everywhere(SIZE, a);
        most = fmax(most, difference(SIZE, a, b));
        hf_array_destroy(&rho);
        hf_array_destroy(&own);
        hf_grid_destroy(&part);
        hf_grid_destroy(&whole);
    }
    check(most <= 1e-13, "sums over ranks are those of the whole grid");
    check(same, "sums are the same on all ranks");
}

static void check_collect(void) {
    bool right = true;
    for (size_t k = 0; k < SHAPES; k++)
        for (size_t planes = 1; planes <= 5; planes += 2) {
            hf_grid *whole, *part;
            if (!make_part(&shapes[k], 1, &whole, &part))
                continue;
            size_t plane = hf_grid_stride(whole, 0), count = shapes[k].cells[0];
            double *rho = random_density(whole), *own = share(whole, part, rho);
            bool first_rank = hf_ranks_index(ranks) == 0;
            double *work = first_rank ? make_array(planes * plane) : NULL;
            double *gathered = first_rank ? make_array(planes * plane) : NULL;
            for (size_t first = 0; first < count; first += planes) {
                size_t n = count - first < planes ? count - first : planes;
                hf_grid_collect(part, first, n, own, work, gathered);
                right = right && (!first_rank || difference(n * plane, gathered, rho + first * plane) == 0);
            }
            hf_array_destroy(&rho);
            hf_array_destroy(&own);
            hf_array_destroy(&work);
            hf_array_destroy(&gathered);
            hf_grid_destroy(&part);
            hf_grid_destroy(&whole);
        }
    check(right, "gathered planes are those of the whole grid");
}

/* ---- a problem ---------------------------------------------------------------------------------------- */

/* Two attention coordinates and a value on 14 x 12 x `values` cells, its density divided among the ranks. */
static hf_problem *make_problem(size_t values) {
    static const double tokens[] = {1, 0.385, -1, 1, 0.5, -0.7}, label[] = {0.8, 0.2};
    static const double attention[] = {0.1, -0.2, 0.3, 0.4, 1, 0, 0, 0.385, 0, 1, -1, 0};
    static const double value[] = {0.2, 0, -0.1, 0.3, 0, 0.5, 0, -0.5};
    hf_error error = {0};
    hf_component component = {.weight = 1};
    hf_problem_input input = {
        .name = "parallel",
        .heads = {hf_attention_form_find("affine"), 2, 2, 1, attention, attention + 4, value, value + 4},
        .ridge = 0.1,
        .dim = 3,
        .axes = {{"a", -2, 3, 14, false}, {"b", -1, 3.385, 12, false}, {"v", -2, 4, values, false}},
        .component_count = 1,
        .components = &component,
        .end = 0.385,
        .ranks = ranks};
    for (size_t d = 0; d < 3; d++)
        component.profile[d] = (hf_profile){HF_PROFILE_NORMAL, 0.3 + 0.1 * (double)d, 0.5};
    must(hf_events_create(&error, 2, 2, &input.events), &error);
    must(hf_events_add(&error, input.events, 3, tokens, label, 1), &error);
    must(hf_events_add(&error, input.events, 2, tokens + 1, label, 2.385), &error);
    hf_problem *problem;
    must(hf_problem_create(&error, &input, &problem), &error);
    return problem;
}

static void check_initial(void) {
    hf_error error = {0};
    hf_grid *part;
    hf_problem *problem = make_problem(5);
    const hf_grid *whole = hf_problem_grid(problem);
    must(hf_problem_divide(&error, problem, &part), &error);
    double *rho = make_array(hf_grid_cells(whole)), *own = make_array(hf_grid_cells(part));
    must(hf_problem_initial(&error, problem, rho), &error);
    must(hf_problem_initial_part(&error, problem, part, own), &error);
    double *expected = share(whole, part, rho), cells = (double)hf_grid_cells(part);
    check(difference(hf_grid_cells(part), own, expected) == 0, "shares of the initial density");
    hf_ranks_sum(ranks, 1, &cells);
    check(cells == (double)hf_grid_cells(whole), "every cell is on one rank");
    hf_array_destroy(&rho);
    hf_array_destroy(&own);
    hf_array_destroy(&expected);
    hf_grid_destroy(&part);
    hf_problem_destroy(&problem);
}

/* Whether the file has the densities factor[k] rho, the logits and the risks that were given. */
static bool solution_is(const char *path, size_t cells, const double *rho, size_t count, const double *factor,
                        const double *logits) {
    hf_error error = {0};
    hf_solution *solution;
    size_t times;
    double *read = make_array(cells), z[4], risk[2];
    must(hf_solution_read(&error, path, &solution), &error);
    hf_solution_times(solution, &times);
    bool right = times == count;
    for (size_t k = 0; right && k < count; k++) {
        must(hf_solution_density(&error, solution, k, read), &error);
        for (size_t i = 0; i < cells; i++)
            right = right && read[i] == factor[k] * rho[i];
        must(hf_solution_logits(&error, solution, k, 1, z), &error);
        right = right && difference(4, z, logits) == 0;
    }
    must(hf_solution_series(&error, solution, "risk", 1, risk), &error);
    right = right && difference(2, risk, factor) == 0;
    hf_array_destroy(&read);
    hf_solution_destroy(&solution);
    return right;
}

static void check_writer(void) {
    static const double factor[] = {1, 2.385}, logits[] = {0.3, -0.2, 0.385, 1.1};
    char path[64] = "";
    double process = hf_ranks_index(ranks) == 0 ? (double)getpid() : 0;
    hf_error error = {0};
    hf_grid *part;
    hf_solution_writer *writer;
    hf_problem *problem = make_problem(3200); /* more planes than go into a chunk of the file */
    size_t cells = hf_grid_cells(hf_problem_grid(problem));
    hf_ranks_sum(ranks, 1, &process);
    snprintf(path, sizeof path, "parallel-%.0f.nc", process);
    must(hf_problem_divide(&error, problem, &part), &error);
    double *rho = make_array(cells), *own = make_array(hf_grid_cells(part));
    must(hf_problem_initial(&error, problem, rho), &error);
    must(hf_solution_writer_create(&error, path, problem, "name: parallel\n", &writer), &error);
    hf_observer observer = hf_solution_writer_observer(writer);
    for (size_t k = 0; k < 2; k++) {
        hf_record record = {.time = (double)k, .risk = factor[k]};
        must(hf_problem_initial_part(&error, problem, part, own), &error);
        for (size_t i = 0; i < hf_grid_cells(part); i++)
            own[i] *= factor[k];
        must(observer.output(&error, observer.self, &record, own), &error);
        must(observer.logits(&error, observer.self, (double)k, logits), &error);
    }
    must(hf_solution_writer_finish(&error, writer, &(hf_statistics){.steps = 2}), &error);
    hf_solution_writer_destroy(&writer);
    check(hf_ranks_index(ranks) != 0 || solution_is(path, cells, rho, 2, factor, logits),
          "one rank writes the density of all");
    if (hf_ranks_index(ranks) == 0)
        remove(path);
    hf_status status = hf_solution_writer_create(&error, "/dev/null/none.nc", problem, "", &writer);
    check(status == HF_ERR_IO && strstr(error.message, "/dev/null") != NULL,
          "all ranks learn that the first cannot write");
    hf_array_destroy(&rho);
    hf_array_destroy(&own);
    hf_grid_destroy(&part);
    hf_problem_destroy(&problem);
}

/* ---- whole runs --------------------------------------------------------------------------------------- */

enum { OVERRIDES = 6, OUTPUTS = 3, LOGITS_MAX = 400, SIZE_MAX_OF_LOGITS = 64 };
enum { MEMBERS = sizeof(hf_record) / sizeof(double) };

static hf_problem *read_problem(const hf_ranks *who, const char *name, const char *const *overrides) {
    hf_error error = {0};
    char path[512];
    size_t count = 0;
    hf_problem *problem;
    snprintf(path, sizeof path, SOURCE_ROOT "/cases/%s.yaml", name);
    while (count < OVERRIDES && overrides[count] != NULL)
        count++;
    must(hf_case_read_shared(&error, who, path, count, overrides, &problem, NULL), &error);
    return problem;
}

/* All that an integration tells: at output times the record and the density, and the logits. */
typedef struct course {
    size_t cells, size, outputs, logits;
    hf_record record[OUTPUTS + 1];
    double *rho[OUTPUTS + 1];
    double time[LOGITS_MAX], z[LOGITS_MAX][SIZE_MAX_OF_LOGITS];
    hf_statistics statistics;
} course;

static hf_status take_output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error;
    course *c = self;
    c->record[c->outputs] = *record;
    c->rho[c->outputs] = make_array(c->cells);
    memcpy(c->rho[c->outputs++], rho, c->cells * sizeof *rho);
    return HF_OK;
}

static hf_status take_logits(hf_error *error, void *self, double time, const double *z) {
    (void)error;
    course *c = self;
    if (c->logits < LOGITS_MAX && c->size <= SIZE_MAX_OF_LOGITS) {
        c->time[c->logits] = time;
        memcpy(c->z[c->logits], z, c->size * sizeof *z);
    }
    c->logits++;
    return HF_OK;
}

static course *follow(const hf_problem *problem) {
    hf_error error = {0};
    hf_flow *flow;
    course *c;
    must(hf_allocate(&error, 1, sizeof *c, &c), &error);
    must(hf_flow_create(&error, problem, &flow), &error);
    const hf_events *events = hf_problem_events(problem);
    c->cells = hf_grid_cells(hf_flow_grid(flow));
    c->size = hf_events_count(events) * hf_events_classes(events);
    hf_observer observer = {.self = c, .output = take_output, .logits = take_logits};
    must(hf_flow_integrate(&error, flow, &observer, NULL, &c->statistics), &error);
    hf_flow_destroy(&flow);
    return c;
}

static void forget(course **c) {
    for (size_t k = 0; k < (*c)->outputs; k++)
        hf_array_destroy(&(*c)->rho[k]);
    free(*c);
    *c = NULL;
}

/* Largest difference of two records, relative where numbers are above 1. */
static double difference_of_records(const hf_record *a, const hf_record *b) {
    const double *x = (const double *)a, *y = (const double *)b;
    double most = 0;
    for (size_t i = 0; i < sizeof *a / sizeof *x; i++) {
        double d = fabs(x[i] - y[i]) / fmax(1, fabs(y[i]));
        most = d <= most ? most : d;
    }
    return most;
}

static double largest(size_t count, const double *x) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* Largest difference of a course on ranks from one alone; infinite when they did not do the same. */
static double difference_of_courses(const hf_problem *shared, const course *on_ranks, const course *alone) {
    hf_error error = {0};
    hf_grid *part;
    size_t logits = alone->logits;
    if (on_ranks->outputs != alone->outputs || on_ranks->logits != logits || logits > LOGITS_MAX ||
        on_ranks->statistics.steps != alone->statistics.steps ||
        on_ranks->statistics.evaluations != alone->statistics.evaluations || alone->size > SIZE_MAX_OF_LOGITS)
        return INFINITY;
    must(hf_problem_divide(&error, shared, &part), &error);
    double most = difference(logits, on_ranks->time, alone->time);
    for (size_t k = 0; k < logits; k++)
        most = fmax(most, difference(alone->size, on_ranks->z[k], alone->z[k]));
    for (size_t k = 0; k < alone->outputs; k++) {
        double *expected = share(hf_problem_grid(shared), part, alone->rho[k]);
        most = fmax(most, difference_of_records(&on_ranks->record[k], &alone->record[k]));
        most = fmax(most, difference(on_ranks->cells, on_ranks->rho[k], expected) /
                              fmax(1, largest(alone->cells, alone->rho[k])));
        hf_array_destroy(&expected);
    }
    hf_grid_destroy(&part);
    return most;
}

/* Every flux and method, one and two divided axes, an angle, heat; parts as narrow as they may be on 4 ranks.
 */
static const struct {
    const char *name, *what;
    const char *overrides[OVERRIDES];
} runs[] = {
    {"retrieval", "muscl by cvode", {"grid.cells=[21,24]", "time.end=2"}},
    {"retrieval", "upwind by erk", {"grid.cells=[4,24]", "scheme.flux=upwind", "time.method=erk"}},
    {"retrieval", "muscl by dopri5 on narrow parts", {"grid.cells=[8,24]", "time.method=dopri5"}},
    {"retrieval",
     "duality7 by dopri5",
     {"grid.cells=[20,24]", "scheme.flux=duality7", "time.method=dopri5", "time.end=2"}},
    {"angle", "duality5 on an angle", {"grid.cells=[22,20]", "scheme.flux=duality5", "time.end=1"}},
    {"angle", "muscl on an angle", {"grid.cells=[22,20]", "time.end=1"}},
    {"qkv", "muscl, two divided axes", {"grid.cells=[14,13,8]", "time.end=1", "time.method=dopri5"}},
    {"qkv", "duality7, two divided axes", {"grid.cells=[15,14,10]", "scheme.flux=duality7", "time.end=0.5"}},
    {"gibbs", "scharfetter-gummel by BDF", {"grid.cells=[18,16]", "time.end=2", "time.rtol=1e-6"}},
    {"gibbs",
     "scharfetter-gummel, ridge, to rest",
     {"grid.cells=[18,16]", "time.end=40", "time.stop=1e-3", "regularisation.ridge=0.385", "time.rtol=1e-6"}},
};

static void check_runs(void) {
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        const char *overrides[OVERRIDES] = {"time.outputs=3"};
        memcpy(overrides + 1, runs[k].overrides, (OVERRIDES - 1) * sizeof *overrides);
        hf_problem *shared = read_problem(ranks, runs[k].name, overrides);
        hf_problem *own = read_problem(NULL, runs[k].name, overrides);
        course *on_ranks = follow(shared), *alone = follow(own);
        double most = difference_of_courses(shared, on_ranks, alone);
        if (most > 1e-12)
            fprintf(stderr, "# %s: %.3g (%ld steps, %ld alone)\n", runs[k].what, most,
                    on_ranks->statistics.steps, alone->statistics.steps);
        check(most <= 1e-12, runs[k].what);
        check(same_everywhere(on_ranks->outputs * MEMBERS, (const double *)on_ranks->record),
              "  and records are the same on all ranks");
        forget(&on_ranks);
        forget(&alone);
        hf_problem_destroy(&shared);
        hf_problem_destroy(&own);
    }
}

/* Of a density that is no state of any run, positive or not. */
static void check_diagnose(const char *name, const char *const *overrides) {
    hf_error error = {0};
    hf_flow *divided, *whole;
    hf_record a = {0}, b = {0};
    hf_problem *shared = read_problem(ranks, name, overrides), *own = read_problem(NULL, name, overrides);
    const hf_grid *grid = hf_problem_grid(own);
    must(hf_flow_create(&error, shared, &divided), &error);
    must(hf_flow_create(&error, own, &whole), &error);
    double *rho = random_density(grid), *part_of_rho = share(grid, hf_flow_grid(divided), rho);
    size_t cells = hf_grid_cells(hf_flow_grid(divided));
    must(hf_flow_diagnose(&error, divided, part_of_rho, &a), &error);
    must(hf_flow_diagnose(&error, whole, rho, &b), &error);
    check(difference_of_records(&a, &b) <= 1e-12, "diagnostics of a divided density");
    double *psi = make_array(hf_grid_cells(grid)), *part_of_psi = make_array(cells);
    hf_flow_potential(divided, part_of_rho, part_of_psi);
    hf_flow_potential(whole, rho, psi);
    double *expected = share(grid, hf_flow_grid(divided), psi);
    check(difference(cells, part_of_psi, expected) <= 1e-12, "its potential");
    double *const arrays[] = {rho, part_of_rho, psi, part_of_psi, expected};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    hf_flow_destroy(&divided);
    hf_flow_destroy(&whole);
    hf_problem_destroy(&shared);
    hf_problem_destroy(&own);
}

/* Its coarser grids are divided too; too coarse ones are refused before the run. */
static void check_estimate(void) {
    static const char *const fine[OVERRIDES] = {"grid.cells=[18,21]", "time.outputs=3", "time.end=1",
                                                "scheme.flux=upwind"};
    static const char *const coarse[OVERRIDES] = {"grid.cells=[8,21]", "time.outputs=3", "time.end=1",
                                                  "scheme.flux=muscl"};
    hf_error error = {0};
    hf_problem *shared = read_problem(ranks, "retrieval", fine), *own = read_problem(NULL, "retrieval", fine);
    course *on_ranks = follow(shared), *alone = follow(own);
    hf_record a[OUTPUTS], b[OUTPUTS];
    must(hf_estimate_divides(&error, shared), &error);
    must(hf_estimate_run(&error, shared, OUTPUTS, on_ranks->record, a), &error);
    must(hf_estimate_run(&error, own, OUTPUTS, alone->record, b), &error);
    double most = 0;
    for (size_t k = 1; k < OUTPUTS; k++) {
        most = fmax(most, fabs(a[k].risk - b[k].risk));
        most = fmax(most, fabs(a[k].dissipated - b[k].dissipated));
    }
    check(b[1].risk > 1e-6 && most <= 1e-12, "error estimates on ranks");
    forget(&on_ranks);
    forget(&alone);
    hf_problem_destroy(&shared);
    hf_problem_destroy(&own);
    shared = read_problem(ranks, "retrieval", coarse); /* 3 cells, on the coarsest grid, for one rank */
    hf_status status = hf_estimate_divides(&error, shared);
    check(hf_ranks_count(ranks) == 1 ? status == HF_OK
                                     : status == HF_ERR_INPUT && strstr(error.message, "at most 1 ") != NULL,
          "coarser grids that cannot be divided are refused");
    hf_problem_destroy(&shared);
}

/* A method that gives up does so on all ranks, with the same words. */
static void check_failure(void) {
    static const char *const methods[] = {"time.method=cvode", "time.method=dopri5"};
    bool alike = true;
    for (size_t m = 0; m < 2; m++) {
        const char *overrides[OVERRIDES] = {"grid.cells=[8,9]", "time.rtol=1e-19", "time.atol=1e-30",
                                            methods[m]};
        hf_error error = {0};
        hf_flow *flow;
        hf_problem *problem = read_problem(ranks, "retrieval", overrides);
        must(hf_flow_create(&error, problem, &flow), &error);
        hf_status status = hf_flow_integrate(&error, flow, NULL, NULL, NULL);
        double length = (double)strlen(error.message), code = status;
        alike = alike && status == HF_ERR_NUMERIC && same_everywhere(1, &code) && same_everywhere(1, &length);
        hf_flow_destroy(&flow);
        hf_problem_destroy(&problem);
    }
    check(alike, "methods give up on all ranks");
}

static void check_refusal(void) {
    hf_error error = {0};
    hf_grid *whole, *part;
    static const hf_axis axes[] = {{"a", -2, 3, 7, false}};
    must(hf_grid_create(&error, 1, axes, &whole), &error);
    hf_status status = hf_grid_divide(&error, whole, 1, 4, ranks, &part);
    check(status == (hf_ranks_count(ranks) == 1 ? HF_OK : HF_ERR_INPUT), "too many ranks are refused by all");
    hf_grid_destroy(&part);
    hf_grid_destroy(&whole);
}

int main(void) {
    hf_error error = {0};
    must(hf_ranks_start(&error, &ranks), &error);
    check_halo();
    check_transpose();
    check_diffusion();
    check_sums();
    check_collect();
    check_initial();
    check_writer();
    check_refusal();
    check_runs();
    check_diagnose("retrieval",
                   (const char *const[OVERRIDES]){"grid.cells=[17,12]", "regularisation.ridge=0.385"});
    check_diagnose("angle", (const char *const[OVERRIDES]){"grid.cells=[22,12]", "scheme.flux=duality7"});
    check_diagnose("qkv", (const char *const[OVERRIDES]){"grid.cells=[11,9,7]", "scheme.flux=upwind"});
    check_diagnose("gibbs", (const char *const[OVERRIDES]){"grid.cells=[12,9]"});
    check_estimate();
    check_failure();
    if (hf_ranks_index(ranks) == 0)
        printf("1..%d\n", checks);
    hf_ranks_stop(&ranks);
    return failures > 0;
}
