/* The explicit Runge-Kutta pair of Dormand and Prince, order 5(4), its stage sums fused with the right-hand
 * side. For tau = 0. docs/numerics.md (39)-(42); Hairer, Norsett & Wanner 1993, sections II.4 to II.6.
 *
 * As soon as a line of the rate k_i is complete, while it is in cache, it is stored, and the line of the next
 * stage y_n + h sum_j a_(i+1)j k_j is formed of it; the last rate gives the error estimate in the same way.
 * So a step costs its six right-hand sides and 40 passes over an array: 28 read (2 to form the first stage,
 * then 2, 3, 4, 5, 5 and 7 beside the rate in cache) and 12 written. Sums over lines are added up line by
 * line: the result does not depend on the number of threads. */
#include "flow/method.h"
#include "flow/stage_sums.h"
#include "flow/states.h"

#include "base/simd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STAGES = 7 };

/* Row i: the stage i + 2 from the rates k_1 .. k_(i+1). The last stage is the new state. */
static const double tableau[STAGES - 1][STAGES - 1] = {
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};

/* The error estimate, and the last term of the dense output. */
static const double error_row[STAGES] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                         -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
static const double dense_row[STAGES] = {-12715105075.0 / 11282082432,  0,
                                         87487479700.0 / 32700410799,   -10690763975.0 / 1880347072,
                                         701980252875.0 / 199316789632, -1453857185.0 / 822651844,
                                         69997945.0 / 29380423};

/* Step control (41): the step is multiplied by SAFETY error^-ALPHA previous^BETA, within bounds. */
static const double BETA = 0.04, ALPHA = 0.2 - 0.75 * 0.04, SAFETY = 0.9, SHRINK = 0.2, GROW = 10;

typedef struct dopri5 {
    hf_evolution *evolution;
    size_t line; /* cells of a line */
    size_t lines;
    hf_states *states;
    double *y;          /* shape (cells + 1), as all below: at the start of the last step */
    double *stage[2];   /* by turns; the second holds the end of the last step */
    double *k[STAGES];  /* rates of the stages; the sixth is kept where the second was */
    double *between;    /* dense output */
    hf_line_note *note; /* shape (lines) */
    hf_stage_sum
        sum; /* what is formed of the rate being computed, but for its arrays: they start at cell 0 */
    double *kept,
        *out; /* where that rate, and the stage formed of it, go; out NULL: its error is estimated */
    double time, length, last_length, previous_error;
    long steps, failures;
} dopri5;

/* ---- the sums over stages --------------------------------------------------------------------------- */

/* y + h sum_j row_j k_j, j < count, without the terms that are zero. */
static hf_stage_sum stage_sum(const dopri5 *run, double h, const double *row, size_t count) {
    hf_stage_sum sum = {.y = run->y};
    for (size_t j = 0; j < count; j++)
        if (row[j] != 0) {
            sum.coefficient[sum.terms] = h * row[j];
            sum.k[sum.terms++] = run->k[j];
        }
    return sum;
}

/* The same for s, the last entry. */
static double sum_of_s(const hf_stage_sum *sum, size_t cells) {
    double total = 0;
    for (size_t j = 0; j < sum->terms; j++)
        total += sum->coefficient[j] * sum->k[j][cells];
    return total;
}

/* The sum from cell `first` on, with another array for its last rate unless NULL. */
static hf_stage_sum sum_from(const hf_stage_sum *whole, size_t first, const double *last) {
    hf_stage_sum sum = *whole;
    sum.y += first;
    for (size_t j = 0; j < sum.terms; j++)
        sum.k[j] += first;
    if (last != NULL)
        sum.k[sum.terms - 1] = last;
    return sum;
}

/* Cells up to which the arrays of all stages stay in caches. */
enum { CACHED = 1 << 17 };

/* Ask for what the lines that follow need of them. */
static void ask_ahead(const hf_stage_sum *sum, size_t count) {
    for (size_t i = 0; i < count; i += HF_CACHE_LINE) {
        hf_ask_ahead(sum->y + i);
        for (size_t j = 0; j + 1 < sum->terms; j++) /* the last is at hand */
            hf_ask_ahead(sum->k[j] + i);
    }
}

/* A completed line of the rate: keep it, and form what follows of it. */
static void take(void *self, size_t first, size_t count, const double *rate) {
    dopri5 *run = self;
    const hf_evolution *evolution = run->evolution;
    for (size_t end = first + count; first < end; first += run->line, rate += run->line) {
        hf_stage_sum sum = sum_from(&run->sum, first, rate);
        hf_line_note *note = &run->note[first / run->line];
        double *kept = run->kept + first;
        if (evolution->cells > CACHED)
            ask_ahead(&sum, run->line);
        if (run->out != NULL)
            hf_stage_form(&sum, run->line, kept, run->out + first, note);
        else
            hf_stage_error(&sum, run->line, evolution->local_rtol, evolution->local_atol, kept, note);
    }
}

/* Sums of the notes of all lines, and the least of their minima. */
static hf_line_note all_lines(const dopri5 *run) {
    hf_line_note all = {0};
    for (size_t l = 0; l < run->lines; l++) {
        const hf_line_note *note = &run->note[l];
        all.sum += note->sum;
        all.square += note->square;
        all.minimum = note->minimum < all.minimum ? note->minimum : all.minimum;
    }
    return all;
}

/* out = the sum, cell by cell; s included. */
static void combine(dopri5 *run, const hf_stage_sum *sum, double *out) {
#pragma omp parallel for schedule(static) if (run->evolution->cells > HF_ALONE)
    for (size_t l = 0; l < run->lines; l++) {
        hf_stage_sum part = sum_from(sum, l * run->line, NULL);
        hf_stage_form(&part, run->line, NULL, out + l * run->line, &run->note[l]);
    }
    out[run->evolution->cells] = sum->y[run->evolution->cells] + sum_of_s(sum, run->evolution->cells);
}

/* ---- the norm --------------------------------------------------------------------------------------- */

/* The weighted norm (22), with the weights of run->y, of a combination of rates. */
static double norm(dopri5 *run, const hf_stage_sum *sum) {
    const hf_evolution *evolution = run->evolution;
    for (size_t l = 0; l < run->lines; l++) {
        hf_stage_sum part = sum_from(sum, l * run->line, NULL);
        hf_stage_error(&part, run->line, evolution->local_rtol, evolution->local_atol, NULL, &run->note[l]);
    }
    return hf_evolution_norm(evolution, all_lines(run).square, sum_of_s(sum, evolution->cells),
                             run->y[evolution->cells]);
}

/* ---- a step ----------------------------------------------------------------------------------------- */

typedef enum outcome { ACCEPTED, TOO_LONG, REFUSED } outcome;

/* Try a step of length h from y with k_1 in place: all stages, the new state in stage[1], its rate in k_7.
 * error: the norm of the estimate. */
static outcome attempt(dopri5 *run, double h, double *error) {
    hf_evolution *evolution = run->evolution;
    size_t cells = evolution->cells;
    const hf_sink sink = {run, take};
    hf_stage_sum first = stage_sum(run, h, tableau[0], 1);
    combine(run, &first, run->stage[0]);
    for (size_t i = 1; i < STAGES; i++) {
        hf_line_note note = all_lines(run);
        evolution->evaluations++;
        if (!hf_evolution_accepts(evolution, note.sum, note.minimum))
            return REFUSED;
        bool last = i + 1 == STAGES;
        run->sum = stage_sum(run, h, last ? error_row : tableau[i], i + 1);
        run->kept = run->k[i];
        run->out = last ? NULL : run->stage[i % 2];
        evolution->density.model->rate(evolution->density.self, run->stage[(i - 1) % 2], NULL, &sink,
                                       &run->k[i][cells]);
        if (!last)
            run->out[cells] = run->y[cells] + sum_of_s(&run->sum, cells);
    }
    *error = hf_evolution_norm(evolution, all_lines(run).square, sum_of_s(&run->sum, cells), run->y[cells]);
    return !isfinite(*error) ? REFUSED : *error <= 1 ? ACCEPTED : TOO_LONG;
}

/* The first step (HNW, II.4): a hundredth of the state's own time, then from the second derivative. */
static double first_length(dopri5 *run, double longest) {
    hf_evolution *evolution = run->evolution;
    const hf_stage_sum state = {1, {1}, {run->y}, run->y}, rate = {1, {1}, {run->k[0]}, run->y};
    double size = norm(run, &state), speed = norm(run, &rate);
    double h = fmin(size > 0 && speed > 0 ? 0.01 * size / speed : 1e-6, longest);
    for (;; h *= 0.5) {
        const hf_stage_sum euler = {1, {h}, {run->k[0]}, run->y};
        combine(run, &euler, run->stage[0]);
        if (hf_evolution_rate(evolution, run->stage[0], run->k[1]) || h < DBL_MIN)
            break;
    }
    const hf_stage_sum change = {2, {-1 / h, 1 / h}, {run->k[0], run->k[1]}, run->y};
    double fastest = fmax(speed, norm(run, &change));
    double bent = fastest > 1e-15 ? pow(0.01 / fastest, 0.2) : fmax(1e-6, 1e-3 * h);
    return fmin(fmin(100 * h, bent), longest);
}

/* What the next step is to be, by the PI controller (41). */
static double next_length(dopri5 *run, double h, double error, bool failed) {
    double factor = SAFETY * pow(error, -ALPHA) * pow(run->previous_error, BETA);
    run->previous_error = fmax(error, 1e-4);
    return h * fmin(fmax(factor, SHRINK), failed ? 1 : GROW);
}

static hf_status step(hf_error *error, void *self, double *time) {
    dopri5 *run = self;
    const hf_evolution *evolution = run->evolution;
    double remaining = evolution->end - run->time;
    bool failed = false, refused = false;
    if (run->steps > 0) {
        double *y = run->y, *k = run->k[0];
        run->y = run->stage[1], run->stage[1] = y;
        run->k[0] = run->k[STAGES - 1], run->k[STAGES - 1] = k;
    }
    for (double h = run->length;;) {
        bool last = h >= remaining / 1.01;
        double norm_of_error;
        h = last ? remaining : h;
        if (!(h > 10 * DBL_EPSILON * fabs(run->time)))
            return refused ? hf_evolution_raise_stuck(error, evolution, run->time, "no step is short enough")
                           : hf_evolution_raise_rounding(error, evolution, run->time);
        outcome result = attempt(run, h, &norm_of_error);
        if (result == ACCEPTED) {
            run->length = next_length(run, h, norm_of_error, failed);
            run->last_length = h;
            run->time = last ? evolution->end : run->time + h;
            run->steps++;
            *time = run->time;
            return HF_OK;
        }
        refused = result == REFUSED;
        run->failures += !refused;
        failed = true;
        h *= refused ? 0.5 : fmax(SAFETY * pow(norm_of_error, -ALPHA), SHRINK);
    }
}

/* ---- create, dense output, destroy ------------------------------------------------------------------ */

static void destroy(void **self) {
    dopri5 *run = *self;
    if (run == NULL)
        return;
    hf_states_destroy(&run->states);
    free(run->note);
    free(run);
    *self = NULL;
}

static hf_status allocate(hf_error *error, dopri5 *run) {
    double **const each[] = {&run->y,    &run->stage[0], &run->stage[1], &run->k[0], &run->k[1],
                             &run->k[2], &run->k[3],     &run->k[4],     &run->k[6], &run->between};
    const size_t count = sizeof each / sizeof *each;
    HF_TRY(hf_ranks_agree(error, run->evolution->ranks,
                          hf_states_create(error, run->evolution->cells + 1, count, &run->states)));
    for (size_t i = 0; i < count; i++)
        *each[i] = hf_states_take(run->states);
    run->k[5] = run->k[1];
    return hf_allocate(error, run->lines, sizeof *run->note, &run->note);
}

static hf_status set_up(hf_error *error, double time, const double *y, dopri5 *run) {
    hf_evolution *evolution = run->evolution;
    const hf_grid *grid = evolution->density.grid;
    run->line = hf_grid_axis(grid, hf_grid_dim(grid) - 1)->cells;
    run->lines = evolution->cells / run->line;
    run->time = time;
    run->previous_error = 1e-4;
    HF_TRY(allocate(error, run));
    memcpy(run->y, y, (evolution->cells + 1) * sizeof *y);
    memcpy(run->stage[1], y, (evolution->cells + 1) * sizeof *y);
    if (!hf_evolution_rate(evolution, run->y, run->k[0]))
        return hf_evolution_raise_stuck(error, evolution, time, "the first state is refused");
    const hf_stage_sum start = {1, {1}, {run->y}, run->y};
    if (DBL_EPSILON * norm(run, &start) > 1)
        return hf_evolution_raise_rounding(error, evolution, time);
    run->length = first_length(run, evolution->end - time);
    return HF_OK;
}

static hf_status create(hf_error *error, hf_evolution *evolution, double time, const double *y, void **self) {
    *self = NULL;
    dopri5 *run;
    HF_TRY(hf_allocate(error, 1, sizeof *run, &run));
    *self = run;
    run->evolution = evolution;
    hf_status status = set_up(error, time, y, run);
    if (status != HF_OK)
        destroy(self);
    return status;
}

static const double *state(const void *self) {
    return ((const dopri5 *)self)->stage[1];
}

/* (42): y(t_n + theta h) = y_n + h sum_j b_j(theta) k_j, or its derivative in t. */
static hf_status dense(hf_error *error, void *self, double time, int derivative, const double **y) {
    (void)error;
    dopri5 *run = self;
    double h = run->last_length, t = 1 - (run->time - time) / h, row[STAGES], u = 1 - t;
    const double *end_row = tableau[STAGES - 2];
    if (time == run->time) {
        *y = derivative == 0 ? run->stage[1] : run->k[STAGES - 1];
        return HF_OK;
    }
    *y = run->between;
    for (size_t j = 0; j < STAGES; j++) {
        double new_state = j + 1 < STAGES ? end_row[j] : 0;
        double first = j == 0, last = j + 1 == STAGES;
        row[j] = derivative == 0 ? new_state * t * t * (3 - 2 * t) + first * t * u * u - last * t * t * u +
                                       dense_row[j] * t * t * u * u
                                 : new_state * 6 * t * u + first * u * (1 - 3 * t) - last * t * (2 - 3 * t) +
                                       dense_row[j] * 2 * t * u * (u - t);
    }
    hf_stage_sum sum = stage_sum(run, derivative == 0 ? h : 1, row, STAGES);
    size_t states = run->evolution->cells + 1;
#pragma omp parallel for schedule(static) if (states > HF_ALONE)
    for (size_t first = 0; first < states; first += run->line) {
        hf_stage_sum part = sum_from(&sum, first, NULL);
        hf_stage_combine(&part, derivative == 0, states - first < run->line ? states - first : run->line,
                         run->between + first);
    }
    return HF_OK;
}

static void count(const void *self, hf_statistics *statistics) {
    const dopri5 *run = self;
    statistics->steps = run->steps;
    statistics->error_failures = run->failures;
    statistics->last_step = run->last_length;
    statistics->vectors = hf_states_peak(run->states);
}

const struct hf_stepper hf_dopri5_stepper = {create, destroy, step, state, dense, count};
