/* The tables of headflow compare. */
#include "cli/cli.h"
#include "cli/compare.h"

#include <math.h>

static const double negligible = 1e-12; /* negative mass that is an integrator's */

/* N, step and batch of an ensemble as the first columns of a row; a dash for what is not known or varies. */
static void print_ensemble(const hf_ensemble *e) {
    if (e->heads == 0)
        printf("  %6s ", "-");
    else
        printf("  %6zu ", e->heads);
    if (isnan(e->step))
        printf("%7s ", "-");
    else
        printf("%7.4g ", e->step);
    if (e->batch == HF_BATCH_UNKNOWN)
        printf("%6s", "-");
    else if (e->batch == HF_BATCH_FULL)
        printf("%6s", "full");
    else
        printf("%6zu", e->batch);
}

static const char head[] = "       N    step  batch";

/* A number in a column; a dash where there is none. */
static void print_cell(int width, int digits, double value) {
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*g", width, digits, value);
}

/* An interval between brackets, or dashes where the seeds are too few for one. */
static void print_bracket(int width, int digits, double lower, double upper) {
    printf("  [");
    print_cell(width - 1, digits, lower);
    printf(",");
    print_cell(width, digits, upper);
    printf("]");
}

static const hf_interval *measured(const hf_chaos *chaos, const hf_chaos_group *g, size_t quantity) {
    return &g->measured[quantity * chaos->times + g->last];
}

/* ---- coupling ------------------------------------------------------------------------------------ */

static void print_coupling(const hf_chaos *chaos) {
    printf("\ncoupling error, root mean square over heads and seeds, with 95 %% intervals; all but the "
           "measured as a "
           "factor of it\n%s seeds       t %10s %23s %11s %15s %9s %9s %9s %9s\n",
           head, "measured", "interval", "prediction", "interval", "pathwise", "expected", "leading",
           "classical");
    for (size_t k = 0; k < chaos->groups; k++) {
        const hf_chaos_group *g = &chaos->group[k];
        const hf_interval *m = measured(chaos, g, HF_COUPLING), *p = &g->predicted[g->last];
        print_ensemble(&g->ensemble);
        printf(" %5zu %7.4g %10.4g", g->seeds, chaos->time[g->last], m->value);
        print_bracket(9, 4, m->lower, m->upper);
        print_cell(11, 3, p->value / m->value);
        print_bracket(5, 3, p->lower / m->value, p->upper / m->value);
        for (size_t b = 0; b < HF_BOUNDS; b++)
            print_cell(9, 3, g->bound[b * chaos->times + g->last] / m->value);
        printf("\n");
    }
}

/* The tightest place of each bound over all times and ensembles, and whether all hold. */
static void print_slack(const hf_chaos *chaos) {
    const char *separator = ":";
    printf("\nsmallest factor at any time");
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        double slack = INFINITY;
        bool violated = false;
        for (size_t k = 0; k < chaos->groups; k++) {
            slack = fmin(slack, chaos->group[k].slack[b]); /* the number where the other is NAN */
            violated = violated || chaos->group[k].violated[b];
        }
        if (isfinite(slack)) {
            printf("%s %s %.3g%s", separator, hf_bound_names[b], slack, violated ? " (VIOLATED)" : "");
            separator = ",";
        }
    }
    printf("\n");
}

/* ---- functionals and distances ------------------------------------------------------------------- */

static double largest_own_error(const hf_chaos *chaos, size_t quantity) {
    double largest = NAN;
    for (size_t k = 0; k < chaos->groups; k++)
        largest = fmax(largest, chaos->group[k].own_error[quantity * chaos->times + chaos->group[k].last]);
    return largest;
}

/* Quantities first to last - 1: a column each. */
static void print_columns(const hf_chaos *chaos, size_t first, size_t last) {
    printf("\n%s", head);
    for (size_t q = first; q < last; q++)
        printf(" %12s", chaos->quantity[q].name);
    printf("\n");
    for (size_t k = 0; k < chaos->groups; k++) {
        print_ensemble(&chaos->group[k].ensemble);
        for (size_t q = first; q < last; q++)
            print_cell(12, 4, measured(chaos, &chaos->group[k], q)->value);
        printf("\n");
    }
    printf("  the grid's own error");
    for (size_t q = first; q < last; q++)
        print_cell(q == first ? 13 : 12, 2, largest_own_error(chaos, q));
    printf("\n");
}

static void print_distances(const hf_chaos *chaos) {
    enum { COLUMNS = 7 };
    printf("\nat the last time; means over seeds, logit_error root mean square");
    for (size_t q = HF_COUPLING_MAX; q < chaos->quantities; q += COLUMNS)
        print_columns(chaos, q, q + COLUMNS < chaos->quantities ? q + COLUMNS : chaos->quantities);
}

/* ---- slopes and static bound --------------------------------------------------------------------- */

static void print_slopes(const hf_chaos *chaos) {
    if (chaos->slopes == 0)
        return;
    printf("\nfitted powers at the last time\n%s %12s %8s %9s %21s %11s\n", head, "of", "in", "measured",
           "interval", "prediction");
    for (size_t k = 0; k < chaos->slopes; k++) {
        const hf_chaos_slope *s = &chaos->slope[k];
        if (s->quantity == HF_COUPLING_MAX)
            continue;
        print_ensemble(&s->fixed);
        printf(" %12s %8s %9.3f", chaos->quantity[s->quantity].name, s->in_step ? "step" : "N",
               s->measured.value);
        print_bracket(8, 3, s->measured.lower, s->measured.upper);
        print_cell(11, 3, s->predicted);
        printf("\n");
    }
}

static void print_static(const hf_chaos *chaos) {
    if (chaos->statics == 0)
        return;
    printf("\nrisk of N heads drawn from the density at t = %.6g, less its own; the bound sigma^2/(4N) as a "
           "factor\n"
           "       N %12s %25s %14s %9s\n",
           chaos->static_time, "measured", "interval", "leading order", "bound");
    for (size_t k = 0; k < chaos->statics; k++) {
        const hf_static_record *s = &chaos->fixed[k];
        printf("  %6zu %12.4g  [%10.4g, %10.4g] %14.4g %9.3g\n", s->heads, s->measured.value,
               s->measured.lower, s->measured.upper, s->leading, s->bound / s->measured.value);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void print_interval(const char *key, const hf_interval *i) {
    printf("\"%s\": {", key);
    cli_print_json_number(stdout, "value", i->value);
    printf(", ");
    cli_print_json_number(stdout, "lower", i->lower);
    printf(", ");
    cli_print_json_number(stdout, "upper", i->upper);
    printf("}");
}

static void print_json_ensemble(const hf_ensemble *e) {
    printf("\"heads\": %zu, ", e->heads);
    cli_print_json_number(stdout, "step", e->step);
    if (e->batch == HF_BATCH_UNKNOWN)
        printf(", \"batch\": null");
    else if (e->batch == HF_BATCH_FULL)
        printf(", \"batch\": \"full\"");
    else
        printf(", \"batch\": %zu", e->batch);
}

static void print_json_group(const hf_chaos *chaos, const hf_chaos_group *g) {
    printf("{");
    print_json_ensemble(&g->ensemble);
    printf(", \"seeds\": %zu, ", g->seeds);
    cli_print_json_number(stdout, "time", chaos->time[g->last]);
    for (size_t q = 0; q < chaos->quantities; q++) {
        char key[HF_NAME_MAX + 32];
        printf(", ");
        print_interval(chaos->quantity[q].name, measured(chaos, g, q));
        snprintf(key, sizeof key, "%s_own_error", chaos->quantity[q].name);
        printf(", ");
        cli_print_json_number(stdout, key, g->own_error[q * chaos->times + g->last]);
    }
    printf(", ");
    print_interval("coupling_predicted", &g->predicted[g->last]);
    printf(", ");
    cli_print_json_number(stdout, "logit_error_predicted", g->predicted_logit[g->last]);
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        char key[64];
        snprintf(key, sizeof key, "coupling_bound_%s", hf_bound_names[b]);
        printf(", ");
        cli_print_json_number(stdout, key, g->bound[b * chaos->times + g->last]);
        snprintf(key, sizeof key, "slack_%s", hf_bound_names[b]);
        printf(", ");
        cli_print_json_number(stdout, key, g->slack[b]);
        printf(", \"violated_%s\": %s", hf_bound_names[b], g->violated[b] ? "true" : "false");
    }
    printf("}");
}

static void print_json_slope(const hf_chaos *chaos, const hf_chaos_slope *s) {
    printf("{\"of\": ");
    cli_print_json_string(stdout, chaos->quantity[s->quantity].name);
    printf(", \"in\": \"%s\", ", s->in_step ? "step" : "heads");
    print_json_ensemble(&s->fixed);
    printf(", ");
    print_interval("measured", &s->measured);
    printf(", ");
    cli_print_json_number(stdout, "predicted", s->predicted);
    printf("}");
}

static void print_json_static(const hf_static_record *s) {
    printf("{\"heads\": %zu, \"draws\": %zu, ", s->heads, s->draws);
    print_interval("measured", &s->measured);
    printf(", ");
    cli_print_json_number(stdout, "leading", s->leading);
    printf(", ");
    cli_print_json_number(stdout, "bound", s->bound);
    printf("}");
}

void compare_print_json(const hf_problem *problem, const hf_chaos *chaos, const char *path) {
    printf("{\"case\": ");
    cli_print_json_string(stdout, hf_problem_name(problem));
    printf(", \"flux\": \"%s\", \"ensembles\": [", hf_problem_flux(problem)->name);
    for (size_t k = 0; k < chaos->groups; k++) {
        printf("%s", k > 0 ? ", " : "");
        print_json_group(chaos, &chaos->group[k]);
    }
    printf("], \"slopes\": [");
    for (size_t k = 0; k < chaos->slopes; k++) {
        printf("%s", k > 0 ? ", " : "");
        print_json_slope(chaos, &chaos->slope[k]);
    }
    printf("], \"static\": [");
    for (size_t k = 0; k < chaos->statics; k++) {
        printf("%s", k > 0 ? ", " : "");
        print_json_static(&chaos->fixed[k]);
    }
    printf("], \"output\": ");
    cli_print_json_string(stdout, path);
    printf("}\n");
}

/* ---- all of it ----------------------------------------------------------------------------------- */

void compare_print_tables(const hf_problem *problem, const hf_chaos *chaos, double seconds,
                          const char *path) {
    printf("%s: %s\n", hf_problem_name(problem), hf_problem_title(problem));
    printf("%zu ensembles of heads against %s, each at its last time\n", chaos->groups,
           hf_problem_flux(problem)->name);
    printf("copies, logits and risk from the residuals of the solution; distances from its density");
    if (chaos->negative_mass > negligible)
        printf(" made non-negative\n(it had a negative mass of up to %.2g)", chaos->negative_mass);
    printf("\n");
    print_coupling(chaos);
    print_slack(chaos);
    print_distances(chaos);
    print_slopes(chaos);
    print_static(chaos);
    printf("\nin %.3g s\nwrote %s\n", seconds, path);
}
