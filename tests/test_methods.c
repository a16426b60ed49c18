/* Time integration methods: orders against a closed form, the methods against each other, error control, and
 * what every one of them promises; the stage sums against plain loops. */
#include "flow/method.h"
#include "flow/stage_sums.h"
#include "support.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const char *const cold_methods[] = {"cvode", "erk", "dopri5"};
enum { METHODS = sizeof cold_methods / sizeof cold_methods[0] };

Test(methods, are_found_by_name) {
    size_t count;
    const hf_method *methods = hf_methods(&count);
    cr_assert_eq(count, METHODS);
    for (size_t m = 0; m < METHODS; m++) {
        cr_expect_str_eq(methods[m].name, cold_methods[m]);
        cr_expect_eq(hf_method_find(cold_methods[m]), &methods[m]);
        cr_expect_eq(methods[m].warm, m == 0);
        cr_expect_gt(methods[m].vectors, 2);
    }
    cr_expect_null(hf_method_find("euler"));
    toy t = toy_find("contract");
    hf_problem *problem = toy_create(&t);
    cr_expect_eq(hf_problem_method(problem), &methods[0]);
    hf_problem_destroy(&problem);
}

Test(methods, for_no_temperature_are_refused_with_one) {
    for (size_t m = 1; m < METHODS; m++) {
        toy t = toy_find("gibbs");
        hf_problem *problem;
        hf_error error = {0};
        t.input.method = hf_method_find(cold_methods[m]);
        t.input.component_count = 1;
        t.input.components = &t.component;
        cr_assert_eq(hf_events_create(NULL, 2, 2, &t.input.events), HF_OK);
        cr_assert_eq(hf_events_add(NULL, t.input.events, 1, (double[]){1, 0.5}, (double[]){0.4, 0.6}, 1),
                     HF_OK);
        cr_expect_eq(hf_problem_create(&error, &t.input, &problem), HF_ERR_INPUT);
        cr_expect_not_null(strstr(error.message, "with temperature 0.05; expected cvode"), "%s",
                           error.message);
    }
}

/* ---- the sums over stages --------------------------------------------------------------------------- */

/* The order of additions within a line is the compiler's: sums agree to rounding, states exactly. */
Test(stage_sums, equal_plain_loops) {
    enum { MAX = 70 };
    gsl_rng *random = make_random(41);
    double k[HF_STAGE_TERMS_MAX][MAX], y[MAX], out[MAX], combined[MAX], kept[MAX];
    for (size_t terms = 1; terms <= HF_STAGE_TERMS_MAX; terms++)
        for (size_t count = 1; count <= MAX; count++) {
            hf_stage_sum sum = {.terms = terms, .y = y};
            hf_line_note formed = {0}, erred = {0};
            double total = 0, least = 0, square = 0, rtol = 2.385e-3, atol = 1e-2;
            fill_uniform(random, -0.4, 2.385, count, y);
            for (size_t j = 0; j < terms; j++) {
                fill_uniform(random, -1, 1, count, k[j]);
                sum.k[j] = k[j];
                sum.coefficient[j] = uniform(random, -1, 1);
            }
            hf_stage_form(&sum, count, kept, out, &formed);
            cr_expect_arr_eq(kept, k[terms - 1], count * sizeof *kept);
            memset(kept, 0, sizeof kept);
            hf_stage_error(&sum, count, rtol, atol, kept, &erred);
            cr_expect_arr_eq(kept, k[terms - 1], count * sizeof *kept);
            hf_stage_combine(&sum, 1, count, combined);
            for (size_t i = 0; i < count; i++) {
                double change = 0;
                for (size_t j = 0; j < terms; j++)
                    change += sum.coefficient[j] * k[j][i];
                cr_expect_eq(out[i], y[i] + change);
                cr_expect_float_eq(combined[i], out[i], 1e-14);
                total += out[i];
                least = fmin(least, out[i]);
                square += pow(change / (rtol * fabs(y[i]) + atol), 2);
            }
            cr_expect_float_eq(formed.sum, total, 1e-14 * (double)MAX * 8);
            cr_expect_eq(formed.minimum, least);
            cr_expect_float_eq(erred.square / square, 1, 1e-13);
        }
    gsl_rng_free(random);
}

Test(stage_sums, show_what_is_not_finite) {
    double y[11] = {[7] = NAN}, k[11] = {0}, out[11];
    hf_stage_sum sum = {1, {1}, {k}, y};
    hf_line_note note;
    hf_stage_form(&sum, 11, NULL, out, &note);
    cr_expect(!isfinite(note.sum));
}

/* ---- orders ------------------------------------------------------------------------------------------- */

/* `translate` with upwind: the mean of the density obeys m' = 1/(1 + e^m), and s = log 2 - log(1 + e^-m),
 * both exactly, so that m + e^m = t + 1 from m(0) = 0. */
static double exact_mean(double t) {
    double m = 0;
    for (int i = 0; i < 50; i++)
        m -= (m + exp(m) - t - 1) / (1 + exp(m));
    return m;
}

/* Of a density, or of its rate of change. */
static double mean(const hf_grid *grid, const double *rho) {
    const hf_axis *axis = hf_grid_axis(grid, 0);
    double sum = 0, h = hf_grid_spacing(grid, 0);
    for (size_t i = 0; i < axis->cells; i++)
        sum += h * rho[i] * (axis->lower + h * ((double)i + 0.5));
    return sum;
}

typedef struct errors {
    double end, dissipated; /* of the mean at the end of steps, and of s */
    double dense, rate;     /* of the mean between them, and of its rate */
} errors;

/* Steps of one length to t = 2: tolerances that hold nothing, and ends that stop every step. */
static errors fixed_steps(size_t steps) {
    toy t = toy_find("translate");
    t.input.axes[0] = (hf_axis){"v", -6, 12, 36, false};
    t.input.flux = hf_flux_find("upwind");
    t.input.method = hf_method_find("dopri5");
    t.input.outputs = 2;
    t.input.atol = 1e-2; /* or steps this long are refused */
    hf_problem *problem = toy_create(&t);
    const hf_grid *grid = hf_problem_grid(problem);
    const struct hf_stepper *stepper = hf_problem_method(problem)->stepper;
    size_t cells = hf_grid_cells(grid);
    double *start = make_array(cells + 1), h = 2.0 / (double)steps, time;
    hf_flow *flow;
    hf_evolution evolution;
    errors worst = {0};
    void *method;
    cr_assert_eq(hf_problem_initial(NULL, problem, start), HF_OK);
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    hf_density density = hf_flow_density(flow);
    hf_evolution_start(&density, &evolution);
    evolution.local_rtol = evolution.local_atol = 1e3;
    evolution.end = h;
    cr_assert_eq(stepper->create(NULL, &evolution, 0, start, &method), HF_OK);
    for (size_t k = 1; k <= steps; k++) {
        const double *y;
        evolution.end = h * (double)k;
        cr_assert_eq(stepper->step(NULL, method, &time), HF_OK);
        cr_assert_eq(time, evolution.end, "%g < %g", time, evolution.end);
        double m = exact_mean(time);
        y = stepper->state(method);
        worst.end = fmax(worst.end, fabs(mean(grid, y) - m));
        worst.dissipated = fmax(worst.dissipated, fabs(y[cells] - (log(2) - log1p(exp(-m)))));
        for (double theta = 0; theta < 1; theta += 0.0625) {
            double at = time - h + theta * h;
            cr_assert_eq(stepper->dense(NULL, method, at, 0, &y), HF_OK);
            worst.dense = fmax(worst.dense, fabs(mean(grid, y) - exact_mean(at)));
            cr_assert_eq(stepper->dense(NULL, method, at, 1, &y), HF_OK);
            worst.rate = fmax(worst.rate, fabs(mean(grid, y) - 1 / (1 + exp(exact_mean(at)))));
        }
        /* at the end of the step: its state and rate */
        cr_assert_eq(stepper->dense(NULL, method, time, 0, &y), HF_OK);
        cr_expect_eq(y, stepper->state(method));
        cr_assert_eq(stepper->dense(NULL, method, time, 1, &y), HF_OK);
        cr_expect_float_eq(y[cells], pow(mean(grid, y), 2), 1e-14);
    }
    hf_statistics statistics = {0};
    stepper->count(method, &statistics);
    cr_expect_eq(statistics.steps, (long)steps);
    cr_expect_eq(evolution.evaluations, 2 + 6 * (long)steps);
    stepper->destroy(&method);
    cr_expect_null(method);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
    hf_array_destroy(&start);
    return worst;
}

static void expect_order(double coarse, double fine, double least, const char *what) {
    double order = log2(coarse / fine);
    cr_expect_geq(order, least, "%s: order %.3f, errors %.3g and %.3g", what, order, coarse, fine);
}

/* y is of order 5 at the ends of steps and 4 between them in theory (a local error of h^5), y' of one less.
 */
Test(dopri5, has_its_orders) {
    errors coarse = fixed_steps(8), fine = fixed_steps(16);
    expect_order(coarse.end, fine.end, 4.9, "mean");
    expect_order(coarse.dissipated, fine.dissipated, 4.9, "dissipated");
    expect_order(coarse.dense, fine.dense, 4.4, "dense output");
    expect_order(coarse.rate, fine.rate, 3.9, "its derivative");
    cr_expect_leq(fine.dense, 1e-6, "%g", fine.dense);
}

/* ---- runs --------------------------------------------------------------------------------------------- */

typedef struct run {
    size_t cells, size, outputs, samples;
    hf_record record[40];
    double *density, *final;           /* of all outputs: shape (outputs, cells); (cells) */
    double sample_time[4000], *logits; /* shape (samples, size) */
    hf_statistics statistics;
} run;

enum { OUTPUTS_MAX = 40, SAMPLES_MAX = 4000 };

static hf_status on_output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    run *r = self;
    (void)error;
    cr_assert_lt(r->outputs, OUTPUTS_MAX);
    memcpy(r->density + r->outputs * r->cells, rho, r->cells * sizeof *rho);
    r->record[r->outputs++] = *record;
    return HF_OK;
}

static hf_status on_logits(hf_error *error, void *self, double time, const double *logits) {
    run *r = self;
    (void)error;
    cr_assert_lt(r->samples, SAMPLES_MAX);
    memcpy(r->logits + r->samples * r->size, logits, r->size * sizeof *logits);
    r->sample_time[r->samples++] = time;
    return HF_OK;
}

static run *run_problem(const hf_problem *problem) {
    run *r;
    hf_flow *flow;
    hf_error error = {0};
    cr_assert_eq(hf_allocate(NULL, 1, sizeof *r, &r), HF_OK);
    r->cells = hf_grid_cells(hf_problem_grid(problem));
    r->size = hf_events_count(hf_problem_events(problem)) * hf_events_classes(hf_problem_events(problem));
    r->density = make_array(OUTPUTS_MAX * r->cells);
    r->final = make_array(r->cells);
    r->logits = make_array(SAMPLES_MAX * r->size);
    cr_assert_eq(hf_flow_create(&error, problem, &flow), HF_OK, "%s", error.message);
    hf_observer observer = {.self = r, .output = on_output, .logits = on_logits};
    cr_assert_eq(hf_flow_integrate(&error, flow, &observer, r->final, &r->statistics), HF_OK, "%s: %s",
                 hf_problem_name(problem), error.message);
    hf_flow_destroy(&flow);
    return r;
}

static void run_destroy(run *r) {
    hf_array_destroy(&r->density);
    hf_array_destroy(&r->final);
    hf_array_destroy(&r->logits);
    free(r);
}

/* A toy on about `cells` cells an axis. */
static run *run_toy(const char *name, const char *method, const char *flux, size_t cells, double rtol,
                    double end, double stop) {
    toy t = toy_find(name);
    for (size_t d = 0; d < t.input.dim; d++)
        t.input.axes[d].cells = cells + d;
    t.input.flux = flux != NULL ? hf_flux_find(flux) : NULL;
    t.input.method = hf_method_find(method);
    t.input.rtol = rtol;
    t.input.atol = 1e-2 * rtol;
    t.input.end = end > 0 ? end : t.input.end;
    t.input.outputs = 5;
    t.input.stop = stop;
    hf_problem *problem = toy_create(&t);
    run *r = run_problem(problem);
    hf_problem_destroy(&problem);
    return r;
}

/* The logits at a time by the cubic through four samples. */
static void interpolate(const run *r, double time, double *logits) {
    size_t first = 0;
    while (first + 4 < r->samples && r->sample_time[first + 2] < time)
        first++;
    memset(logits, 0, r->size * sizeof *logits);
    for (size_t j = first; j < first + 4; j++) {
        double weight = 1;
        for (size_t k = first; k < first + 4; k++)
            if (k != j)
                weight *= (time - r->sample_time[k]) / (r->sample_time[j] - r->sample_time[k]);
        for (size_t i = 0; i < r->size; i++)
            logits[i] += weight * r->logits[j * r->size + i];
    }
}

/* Greatest difference of two densities, relative to their greatest value. */
static double density_difference(const run *a, const run *b) {
    size_t all = a->outputs * a->cells;
    return largest_difference(all, a->density, b->density) / largest(all, a->density);
}

/* The same in the mean over cells that methods control, worst of all outputs. */
static double mean_difference(const run *a, const run *b) {
    double worst = 0;
    for (size_t k = 0; k < a->outputs; k++) {
        double sum = 0;
        for (size_t i = k * a->cells; i < (k + 1) * a->cells; i++)
            sum += pow(a->density[i] - b->density[i], 2);
        worst = fmax(worst, sqrt(sum / (double)a->cells));
    }
    return worst / largest(a->outputs * a->cells, a->density);
}

/* At a tight tolerance all tell the same. Local errors of rtol a step add up to at most steps * rtol; the
 * logits are read through a cubic that is held to rtol. */
Test(methods, agree_at_tight_tolerance) {
    static const char *const names[] = {"retrieval", "qkv", "contract"};
    static const char *const fluxes[] = {"muscl", "upwind", "duality7"};
    const double rtol = 1e-10;
    for (size_t n = 0; n < 3; n++)
        for (size_t f = 0; f < 3; f++) {
            size_t cells = n == 1 ? 9 : 14;
            run *all[METHODS];
            for (size_t m = 0; m < METHODS; m++)
                all[m] = run_toy(names[n], cold_methods[m], fluxes[f], cells, rtol, 0.785, 0);
            double *mine = make_array(all[0]->size), *other = make_array(all[0]->size);
            for (size_t m = 1; m < METHODS; m++) {
                double bound = (double)all[0]->statistics.steps * rtol, worst = 0;
                cr_assert_eq(all[m]->outputs, all[0]->outputs);
                for (size_t k = 0; k < all[0]->outputs; k++) {
                    const hf_record *a = &all[0]->record[k], *b = &all[m]->record[k];
                    cr_expect_eq(a->time, b->time);
                    cr_expect_float_eq(a->risk, b->risk, bound);
                    cr_expect_float_eq(a->dissipated, b->dissipated, bound);
                    interpolate(all[0], a->time, mine);
                    interpolate(all[m], a->time, other);
                    worst = fmax(worst, largest_difference(all[0]->size, mine, other));
                }
                cr_expect_leq(worst, bound, "%s %s %s: logits %g", names[n], fluxes[f], cold_methods[m],
                              worst);
                cr_expect_leq(mean_difference(all[0], all[m]), bound, "%s %s %s: density %g > %g", names[n],
                              fluxes[f], cold_methods[m], mean_difference(all[0], all[m]), bound);
                cr_expect_eq(all[m]->sample_time[all[m]->samples - 1], 0.785);
            }
            hf_array_destroy(&mine);
            hf_array_destroy(&other);
            for (size_t m = 0; m < METHODS; m++)
                run_destroy(all[m]);
        }
}

/* A method takes the vectors that it says, no more: SUNDIALS does not survive a clone that is refused. */
Test(methods, hold_the_vectors_that_they_say) {
    static const size_t held[METHODS] = {28, 21, 12};
    for (size_t m = 0; m < METHODS; m++) {
        run *cold = run_toy("retrieval", cold_methods[m], "upwind", 14, 1e-6, 0.785, 0);
        cr_expect_eq(cold->statistics.vectors, held[m], "%s: %zu", cold_methods[m], cold->statistics.vectors);
        if (m > 0) /* cvode needs more with a temperature */
            cr_expect_eq(held[m], hf_method_find(cold_methods[m])->vectors);
        run_destroy(cold);
    }
    toy t = toy_find("gibbs");
    hf_problem *problem = toy_create(&t);
    hf_flow *flow;
    hf_statistics statistics;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    cr_assert_eq(hf_flow_integrate(NULL, flow, NULL, NULL, &statistics), HF_OK);
    cr_expect_eq(statistics.vectors, hf_problem_method(problem)->vectors);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
}

/* The error follows the tolerance: never above steps * rtol, and at least 100 times less for 1e-5 of it.
 * With a limiter this is said of the risk: the kinks of its slopes take the order from the estimate in the
 * cells that they pass (5e-6 of the density's maximum is left at rtol 1e-8, with cvode 6e-7). */
Test(methods, control_their_error) {
    static const char *const fluxes[] = {"upwind", "duality7", "muscl"};
    for (size_t f = 0; f < 3; f++) {
        run *reference = run_toy("retrieval", "dopri5", fluxes[f], 14, 1e-12, 2, 0);
        for (size_t m = 0; m < METHODS; m++) {
            double first = 0, error = 0;
            for (double rtol = 1e-4; rtol > 0.9e-9; rtol /= 10) {
                run *r = run_toy("retrieval", cold_methods[m], fluxes[f], 14, rtol, 2, 0);
                error = 0;
                for (size_t k = 0; k < r->outputs; k++)
                    error = fmax(error, fabs(r->record[k].risk - reference->record[k].risk));
                if (strcmp(fluxes[f], "muscl") != 0)
                    error = fmax(error, density_difference(reference, r));
                first = first == 0 ? error : first;
                cr_expect_leq(error, (double)r->statistics.steps * rtol, "%s %s, rtol %g: %g in %ld steps",
                              fluxes[f], cold_methods[m], rtol, error, r->statistics.steps);
                run_destroy(r);
            }
            cr_expect_leq(error, 1e-2 * first, "%s %s: %g, %g", fluxes[f], cold_methods[m], first, error);
        }
        run_destroy(reference);
    }
}

/* What run promises, of every method on every toy without temperature. */
Test(methods, keep_mass_sign_and_energy) {
    for (size_t m = 1; m < METHODS; m++)
        for (size_t i = 0; i < toy_count; i++) {
            toy t = toy_find(toy_names[i]);
            double rtol = t.input.dim == 3 ? 1e-6 : 1e-8;
            if (t.input.temperature > 0)
                continue;
            run *r = run_toy(toy_names[i], cold_methods[m], NULL, t.input.dim == 3 ? 10 : 24, rtol, 0, 0);
            for (size_t k = 0; k < r->outputs; k++) {
                const hf_record *now = &r->record[k];
                double balance = r->record[0].free_energy - now->free_energy - now->dissipated;
                cr_expect_float_eq(now->time, t.input.end * (double)k / 4, 1e-14 * 60);
                cr_expect_float_eq(now->mass, 1, 1e-12, "%s %s", cold_methods[m], toy_names[i]);
                cr_expect_geq(now->minimum, -1e-2 * rtol, "%s %s: %g", cold_methods[m], toy_names[i],
                              now->minimum);
                cr_expect_leq(fabs(balance), rtol, "%s %s: %g", cold_methods[m], toy_names[i], balance);
            }
            cr_expect_arr_eq(r->final, r->density + (r->outputs - 1) * r->cells, r->cells * sizeof *r->final);
            cr_expect_eq(r->statistics.time, t.input.end);
            run_destroy(r);
        }
}

Test(methods, come_to_rest_at_the_same_time) {
    double time[METHODS];
    for (size_t m = 0; m < METHODS; m++) {
        run *r = run_toy("contract", cold_methods[m], "muscl", 20, 1e-8, 0, 2.385e-3);
        const hf_record *last = &r->record[r->outputs - 1];
        cr_expect(r->statistics.stationary);
        cr_expect_eq(last->time, r->statistics.time);
        cr_expect_float_eq(last->dissipation / 2.385e-3, 1, 1e-12, "%s: %g", cold_methods[m],
                           last->dissipation / 2.385e-3 - 1);
        cr_expect_leq(last->dissipation, 2.385e-3);
        for (size_t k = 0; k + 1 < r->outputs; k++)
            cr_expect_gt(r->record[k].dissipation, 2.385e-3);
        cr_expect_eq(r->sample_time[r->samples - 1], r->statistics.time);
        cr_expect_arr_eq(r->final, r->density + (r->outputs - 1) * r->cells, r->cells * sizeof *r->final);
        time[m] = r->statistics.time;
        cr_expect_float_eq(time[m], time[0], 1e-6, "%s: %.12g, %.12g", cold_methods[m], time[m], time[0]);
        run_destroy(r);
    }
}

/* ---- refusals ----------------------------------------------------------------------------------------- */

/* Tolerances that hold nothing make steps so long that stages come out far below zero. */
Test(methods, halve_steps_that_meet_refused_states) {
    for (size_t m = 1; m < METHODS; m++) {
        toy t = toy_find("contract");
        t.input.flux = hf_flux_find("upwind");
        t.input.method = hf_method_find(cold_methods[m]);
        t.input.end = 400;
        hf_problem *problem = toy_create(&t);
        const struct hf_stepper *stepper = hf_problem_method(problem)->stepper;
        size_t cells = hf_grid_cells(hf_problem_grid(problem));
        double *start = make_array(cells + 1), time = 0, before = 0, mass = 0;
        hf_flow *flow;
        hf_evolution evolution;
        hf_error error = {0};
        void *method;
        cr_assert_eq(hf_problem_initial(NULL, problem, start), HF_OK);
        cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
        hf_density density = hf_flow_density(flow);
        hf_evolution_start(&density, &evolution);
        evolution.local_rtol = evolution.local_atol = 1e12;
        cr_assert_eq(stepper->create(NULL, &evolution, 0, start, &method), HF_OK);
        for (int k = 0; k < 20 && time < evolution.end; k++) {
            cr_assert_eq(stepper->step(&error, method, &time), HF_OK, "%s: %s", cold_methods[m],
                         error.message);
            cr_expect_gt(time, before);
            before = time;
        }
        cr_expect_gt(evolution.refused, 0, "%s: t = %g", cold_methods[m], time);
        for (size_t i = 0; i < cells; i++) {
            cr_expect_geq(stepper->state(method)[i], -1e4 * evolution.atol);
            mass += stepper->state(method)[i] * hf_grid_volume(hf_problem_grid(problem));
        }
        cr_expect_float_eq(mass, 1, 1e-12);
        stepper->destroy(&method);
        hf_flow_destroy(&flow);
        hf_problem_destroy(&problem);
        hf_array_destroy(&start);
    }
}

Test(methods, say_which_tolerance_cannot_be_met) {
    for (size_t m = 0; m < METHODS; m++) {
        toy t = toy_find("ridge");
        t.input.rtol = 1e-16;
        t.input.atol = 1e-18;
        t.input.method = hf_method_find(cold_methods[m]);
        hf_problem *problem = toy_create(&t);
        hf_flow *flow;
        hf_error error = {0};
        cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
        cr_expect_eq(hf_flow_integrate(&error, flow, NULL, NULL, NULL), HF_ERR_NUMERIC, "%s",
                     cold_methods[m]);
        cr_expect_not_null(strstr(error.message, "below rounding; raise time.rtol (now 1e-16)"), "%s",
                           error.message);
        hf_flow_destroy(&flow);
        hf_problem_destroy(&problem);
    }
}

/* What a method says that steps from the initial density of a toy with this ridge, a cell of it spoilt, or
 * HF_OK.
 */
static hf_status give_up(size_t m, double ridge, double spoilt, hf_error *error) {
    toy t = toy_find("ridge");
    t.input.ridge = ridge;
    t.input.method = hf_method_find(cold_methods[m]);
    hf_problem *problem = toy_create(&t);
    const struct hf_stepper *stepper = t.input.method->stepper;
    double *start = make_array(hf_grid_cells(hf_problem_grid(problem)) + 1), time = 0;
    hf_flow *flow;
    hf_evolution evolution;
    void *method;
    cr_assert_eq(hf_problem_initial(NULL, problem, start), HF_OK);
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    start[17] += spoilt;
    hf_density density = hf_flow_density(flow);
    hf_evolution_start(&density, &evolution);
    hf_status status = stepper->create(error, &evolution, 0, start, &method);
    for (int k = 0; k < 20 && status == HF_OK; k++)
        status = stepper->step(error, method, &time);
    stepper->destroy(&method);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
    hf_array_destroy(&start);
    return status;
}

/* A sentence with what to change, rather than the name of a constant of SUNDIALS. */
Test(methods, say_why_they_give_up_and_what_to_change) {
    static const struct {
        double ridge, spoilt;
        const char *words;
    } trials[] = {
        {1.7e308, 0, "not finite, the velocities overflow; scale the data, or lower regularisation.ridge"},
        {0.5, NAN, "not finite"},
        {0.5, -2.385, "too negative; raise time.atol (now "}};
    for (size_t m = 0; m < METHODS; m++)
        for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
            hf_error error = {0};
            cr_expect_eq(give_up(m, trials[i].ridge, trials[i].spoilt, &error), HF_ERR_NUMERIC, "%s %zu",
                         cold_methods[m], i);
            cr_expect_not_null(strstr(error.message, trials[i].words), "%s: %s", cold_methods[m],
                               error.message);
            cr_expect_not_null(strstr(error.message, "refused"), "%s", error.message);
            cr_expect_null(strstr(error.message, "CV_"), "%s", error.message);
            cr_expect_null(strchr(error.message, '\n'));
        }
    hf_error error = {0};
    cr_expect_eq(give_up(0, 0.5, 0, &error), HF_OK, "%s", error.message);
}

/* ---- floating-point exceptions ------------------------------------------------------------------------ */

/* Exceptions of a whole integration, on this thread alone: flags are a thread's own. */
static int exceptions_of(const char *name, const char *flux, const char *limiter, const char *method) {
    toy t = toy_find(name);
    t.input.flux = hf_flux_find(flux);
    t.input.limiter = limiter != NULL ? hf_limiter_find(limiter) : NULL;
    t.input.method = hf_method_find(method);
    hf_problem *problem = toy_create(&t);
    hf_flow *flow;
    hf_error error = {0};
    omp_set_num_threads(1);
    feclearexcept(FE_ALL_EXCEPT);
    cr_assert_eq(hf_flow_create(&error, problem, &flow), HF_OK, "%s", error.message);
    cr_assert_eq(hf_flow_integrate(&error, flow, NULL, NULL, NULL), HF_OK, "%s", error.message);
    int raised = fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
    return raised;
}

/* Van Leer's slope divides in all lanes and then takes those where both differences have one sign: there the
 * flags of 0/0 say nothing, and that of overflow is looked at alone. */
Test(methods, raise_no_floating_point_exceptions) {
    static const char *const fluxes[] = {"upwind", "muscl", "duality5", "duality7"};
    for (size_t m = 0; m < METHODS; m++) {
        for (size_t f = 0; f < sizeof fluxes / sizeof *fluxes; f++) {
            const char *limiter = strcmp(fluxes[f], "muscl") == 0 ? "minmod" : NULL;
            int raised = exceptions_of("retrieval", fluxes[f], limiter, cold_methods[m]);
            cr_expect_eq(raised, 0, "%s, %s: %x", fluxes[f], cold_methods[m], (unsigned)raised);
        }
        cr_expect_eq(exceptions_of("retrieval", "muscl", "vanleer", cold_methods[m]) & FE_OVERFLOW, 0);
    }
    cr_expect_eq(exceptions_of("gibbs", "scharfetter-gummel", NULL, "cvode"), 0);
    cr_expect_eq(exceptions_of("gibbs", "duality5", NULL, "cvode"), 0);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

Test(methods, do_not_depend_on_the_number_of_threads) {
    for (size_t m = 0; m < METHODS; m++) {
        run *all[3];
        for (int threads = 1; threads <= 3; threads++) {
            omp_set_num_threads(threads);
            all[threads - 1] = run_toy("retrieval", cold_methods[m], "upwind", 182, 1e-4, 0.0238, 0);
        }
        for (int k = 1; k < 3; k++) {
            size_t all_cells = all[0]->outputs * all[0]->cells;
            cr_expect_eq(all[k]->statistics.evaluations, all[0]->statistics.evaluations);
            cr_expect(memcmp(all[k]->density, all[0]->density, all_cells * sizeof(double)) == 0, "%s",
                      cold_methods[m]);
        }
        for (int k = 0; k < 3; k++)
            run_destroy(all[k]);
    }
}
