/* The tables of headflow limit. */
#include "cli/cli.h"
#include "cli/limit.h"

#include <math.h>
#include <string.h>

enum { DIRACS_SHOWN = 12, ATOMS_SHOWN = 16, WIDTH = 108 };

static const double optimal_gap = 1e-8; /* what is taken as zero of a gap */

/* ---- pieces ----------------------------------------------------------------------------------------- */

/* Words from column `indent` on, in lines of at most WIDTH columns; the first line has been begun up to
 * there. */
static void print_wrapped(const char *text, size_t indent) {
    size_t column = indent;
    for (const char *word = text; *word != '\0';) {
        size_t length = strcspn(word, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, word);
        column += length;
        word += length + strspn(word + length, " ");
    }
    putchar('\n');
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* A number in a column; a dash where there is none. */
static void print_cell(int width, int digits, double value) {
    if (isfinite(value))
        printf(" %*.*g", width, digits, value);
    else
        printf(" %*s", width, "-");
}

static void print_fit(const hf_fit *fit) {
    print_cell(11, 6, fit->value);
    if (!isfinite(fit->value)) {
        printf("\n");
        return;
    }
    printf("  [%.6g, %.6g]  t in [%.4g, %.4g]\n", fit->lower, fit->upper, fit->first, fit->last);
}

/* ---- stationary Diracs ------------------------------------------------------------------------------ */

/* A row a coordinate; what is said once stands in the first. */
static void print_dirac(const hf_grid *grid, const hf_stationary *s, size_t number) {
    for (size_t d = 0; d < s->atoms.dim; d++) {
        if (d == 0)
            printf("  %3zu %15.12f %10.2g  %-10s", number, s->risk, s->gap, hf_stability_names[s->stability]);
        else
            printf("  %3s %15s %10s  %-10s", "", "", "", "");
        printf(" %12.12s %15.10f %15.8f %15.8f\n", hf_grid_axis(grid, d)->name, s->atoms.theta[d],
               s->spread[d], s->rate[d]);
    }
}

static void print_diracs(const hf_problem *problem, const hf_rest *rest) {
    if (rest->tried == 0)
        return;
    printf("\n%s%zu stationary Dirac measure%s in the box, from %zu starts\n", rest->more ? "more than " : "",
           rest->diracs, plural(rest->diracs), rest->tried);
    if (rest->diracs == 0)
        return;
    printf("  %3s %15s %10s  %-10s %12s %15s %15s %15s\n", "", "risk", "gap", "verdict", "coordinate",
           "position", "rates: of A", "of A + B");
    for (size_t k = 0; k < rest->diracs && k < DIRACS_SHOWN; k++)
        print_dirac(hf_problem_grid(problem), &rest->dirac[k], k + 1);
    if (rest->diracs > DIRACS_SHOWN)
        printf("  and %zu more, in the file\n", rest->diracs - DIRACS_SHOWN);
    if (rest->dirac[0].value_degenerate)
        printf("  ridge 0: a value coordinate gives A a zero or indefinite block at any Dirac measure, so "
               "that none "
               "is\n  stable by its linearisation\n");
}

static void print_minimum(const hf_rest *rest) {
    if (rest->has_optimum) {
        const hf_optimum *o = &rest->optimum;
        printf("\nleast risk %.*f nat, of %zu atom%s, gap %.2g nat\n", cli_decimals(o->gap), o->risk,
               o->atoms.count, plural(o->atoms.count), o->gap);
        if (o->wall_limited)
            printf("wall-limited: the minimum of the box, not of the unbounded problem\n");
    }
    if (rest->has_gibbs)
        printf("\nleast free energy %.*f nat on this grid, gap %.2g nat\n", cli_decimals(rest->gibbs.gap),
               rest->gibbs.free_energy, rest->gibbs.gap);
}

/* ---- the measure that a solution goes to ------------------------------------------------------------ */

static void print_atom(const hf_grid *grid, const hf_stationary *s, size_t k) {
    size_t dim = s->atoms.dim;
    for (size_t d = 0; d < dim; d++) {
        if (d == 0)
            printf("  %15.10f", s->atoms.mass[k]);
        else
            printf("  %15s", "");
        printf(" %12.12s %15.10f %15.8f\n", hf_grid_axis(grid, d)->name, s->atoms.theta[k * dim + d],
               s->spread[k * dim + d]);
    }
}

static void print_optimality(const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    if (goal->gap <= optimal_gap)
        printf("  the minimiser of the risk: gap %.2g nat\n", goal->gap);
    else if (rest->has_optimum && goal->risk - rest->optimum.risk > optimal_gap)
        printf("  stationary and not optimal: its risk is above the least by %.6g nat, gap %.4g nat\n",
               goal->risk - rest->optimum.risk, goal->gap);
    else
        printf("  not the minimiser: gap %.4g nat, and its risk is within %.1g nat of the least\n", goal->gap,
               optimal_gap);
}

static void print_goal(const hf_problem *problem, const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    if (!rest->concentrated) {
        printf("\nno stationary measure beside the solution: ");
        print_wrapped(rest->missing, strlen("no stationary measure beside the solution: "));
        return;
    }
    printf("\nthe stationary measure that the solution goes to: %zu atom%s, %s, at a distance of %.3g\n",
           goal->atoms.count, plural(goal->atoms.count), hf_stability_names[goal->stability], rest->spread);
    printf("  %15s %12s %15s %15s\n", "mass", "coordinate", "position", "rates: of A");
    for (size_t k = 0; k < goal->atoms.count && k < ATOMS_SHOWN; k++)
        print_atom(hf_problem_grid(problem), goal, k);
    if (goal->atoms.count > ATOMS_SHOWN)
        printf("  and %zu more, in the file\n", goal->atoms.count - ATOMS_SHOWN);
    printf("  rates of the atoms' motion: slowest %.8f, fastest %.8f\n", goal->rate[0],
           goal->rate[goal->atoms.count * goal->atoms.dim - 1]);
    printf("  risk %.12g nat, residual %.2g, strong monotonicity %.8g\n", goal->risk, goal->residual,
           goal->monotonicity);
    print_optimality(rest);
    if (!goal->inside)
        printf("  an atom is outside the box\n");
}

/* ---- the course to it ------------------------------------------------------------------------------- */

static void print_approach(const hf_approach *a, bool heated) {
    const char *energy = heated ? "F" : "R";
    printf("\nthe course to rest\n");
    if (isnan(a->limit))
        printf("  %s_inf is not to be seen yet\n", energy);
    else if (a->extrapolated)
        printf("  %s_inf %.*f nat, extrapolated from the course, known to %.1g\n", energy,
               cli_decimals(a->limit_error), a->limit, a->limit_error);
    else
        printf("  %s_inf %.12g nat, that of the stationary measure\n", energy, a->limit);
    printf("  Lojasiewicz exponent: slope of log D against log(%s - %s_inf)\n   ", energy, energy);
    print_fit(&a->exponent);
    printf("  exponential rate of %s - %s_inf\n   ", energy, energy);
    print_fit(&a->rate);
    if (isfinite(a->domination))
        printf("  gradient domination: D >= %.6g (%s - min %s) on this run, which promises that rate\n",
               a->domination, energy, energy);
    if (isfinite(a->domination_limit))
        printf("  the same against %s_inf: %.6g\n", energy, a->domination_limit);
    printf("  energy balance: %.2g\n", a->balance);
}

static void print_rates(const hf_problem *problem, const hf_rest *rest) {
    if (rest->rates == 0)
        return;
    printf("\nrates about Dirac measure %zu\n  %-16s %15s %11s  %s\n", rest->near + 1, "", "promised",
           "measured", "interval, window");
    for (size_t k = 0; k < rest->rates; k++) {
        const hf_local_rate *r = &rest->rate[k];
        printf("  %-16s %15.8f", r->mean ? "mean, of A + B" : "spread, of A", r->promised);
        print_fit(&r->measured);
    }
    if (hf_problem_sampling(problem) == HF_CELL_MEANS)
        printf("  %s resolves a contracting density to a few cells only; a longer run with a duality flux "
               "comes\n"
               "  nearer: --set scheme.flux=duality7\n",
               hf_problem_flux(problem)->name);
}

static void print_verdicts(const hf_rest *rest) {
    static const char *const answers[] = {"no", "yes", "open"};
    enum {
        THEOREM = 32,
        EVIDENCE = THEOREM + 24
    }; /* widths of the first column and of all before the last */
    if (rest->verdicts == 0)
        return;
    printf("\n%-*s %10s %10s  evidence\n", THEOREM, "theorem", "hypothesis", "conclusion");
    for (size_t k = 0; k < rest->verdicts; k++) {
        const hf_verdict *v = &rest->verdict[k];
        char name[64];
        snprintf(name, sizeof name, "%s %s", v->theorem, v->equation);
        printf("%-*s", THEOREM, name);
        if (strlen(name) > THEOREM)
            printf("\n%*s", THEOREM, "");
        printf(" %10s %10s  ", answers[v->assumed], answers[v->concluded]);
        print_wrapped(v->evidence, EVIDENCE);
    }
}

void limit_print_tables(const hf_problem *problem, const hf_rest *rest, double seconds, const char *path) {
    printf("%s: %s\n", hf_problem_name(problem), hf_problem_title(problem));
    print_diracs(problem, rest);
    print_minimum(rest);
    if (rest->has_course) {
        print_goal(problem, rest);
        print_approach(&rest->approach, hf_problem_temperature(problem) > 0);
        print_rates(problem, rest);
        print_verdicts(rest);
    }
    printf("\nin %.3g s\nwrote %s\n", seconds, path);
}
