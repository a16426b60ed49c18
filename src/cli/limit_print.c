/* The tables of headflow limit. */
#include "cli/cli.h"
#include "cli/limit.h"

#include <math.h>
#include <string.h>

enum { DIRACS_SHOWN = 12, ATOMS_SHOWN = 16, WIDTH = 108 };

static const double walled = 1e-3; /* mass at the walls that makes a solution one of the box */

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

static void print_fixed(int width, int decimals, double value) {
    printf(" %*.*f", width, decimals, cli_rounded(value, decimals));
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
            printf("  %3zu %15.12f %10.2g  %-10s", number, s->risk, fmax(s->gap, 0),
                   hf_stability_names[s->stability]);
        else
            printf("  %3s %15s %10s  %-10s", "", "", "", "");
        printf(" %12.12s", hf_grid_axis(grid, d)->name);
        print_fixed(15, 10, s->atoms.theta[d]);
        print_fixed(15, 8, s->spread[d]);
        print_fixed(15, 8, s->rate[d]);
        putchar('\n');
    }
}

static void print_count(const hf_rest *rest) {
    if (rest->more && rest->diracs < HF_DIRACS_MAX)
        printf("\na continuum of stationary Dirac measures in the box; %zu of them, from %zu starts:\n",
               rest->diracs, rest->tried);
    else
        printf("\n%s%zu stationary Dirac measure%s in the box, from %zu starts\n",
               rest->more ? "more than " : "", rest->diracs, plural(rest->diracs), rest->tried);
}

static void print_degenerate(const hf_problem *problem) {
    const hf_model *model = hf_problem_model(problem);
    if (hf_model_ridge(model) == 0 && hf_model_value_coordinates(model) > 0)
        printf("  ridge 0: a value coordinate gives A a zero or indefinite block at any Dirac measure, so "
               "that none "
               "is\n  stable by its linearisation\n");
}

static void print_table(const hf_problem *problem, const hf_rest *rest) {
    printf("  %3s %15s %10s  %-10s %12s %15s %15s %15s\n", "", "risk", "gap", "verdict", "coordinate",
           "position", "rates: of A", "of A + B");
    for (size_t k = 0; k < rest->diracs && k < DIRACS_SHOWN; k++)
        print_dirac(hf_problem_grid(problem), &rest->dirac[k], k + 1);
    if (rest->diracs > DIRACS_SHOWN)
        printf("  and %zu more, in the file\n", rest->diracs - DIRACS_SHOWN);
}

static void print_diracs(const hf_problem *problem, const hf_rest *rest) {
    if (hf_problem_temperature(problem) > 0) {
        printf("\nno stationary Dirac measures: with a temperature only a density is at rest\n");
        return;
    }
    print_count(rest);
    if (rest->diracs > 0)
        print_table(problem, rest);
    print_degenerate(problem);
}

static void print_optimum(const hf_problem *problem, const hf_optimum *o) {
    char gap[32];
    cli_write_gap(o->gap, sizeof gap, gap);
    printf("\nleast risk %.*f nat, of %zu atom%s, gap %s\n", cli_known_decimals(o->risk, o->gap), o->risk,
           o->atoms.count, plural(o->atoms.count), gap);
    if (o->wall_limited)
        printf("  wall-limited: the minimum of the box, not of the unbounded problem\n");
    cli_print_matched(problem, o);
}

static void print_gibbs(const hf_gibbs *g) {
    char gap[32];
    cli_write_gap(g->gap, sizeof gap, gap);
    printf("\nleast free energy %.*f nat on this grid, gap %s\n", cli_known_decimals(g->free_energy, g->gap),
           g->free_energy, gap);
    if (isfinite(g->continuum_error))
        printf("  as h -> 0 %.*f nat, estimated error %.1g\n",
               cli_known_decimals(g->continuum, g->continuum_error), g->continuum, g->continuum_error);
    else
        printf("  as h -> 0 not known: the grid does not resolve the density\n");
}

/* ---- the measure that a solution goes to ------------------------------------------------------------ */

static void print_atom(const hf_grid *grid, const hf_stationary *s, size_t k) {
    size_t dim = s->atoms.dim;
    for (size_t d = 0; d < dim; d++) {
        if (d == 0)
            printf("  %15.4f", s->atoms.mass[k]);
        else
            printf("  %15s", "");
        printf(" %12.12s", hf_grid_axis(grid, d)->name);
        print_fixed(15, 10, s->atoms.theta[k * dim + d]);
        print_fixed(15, 8, s->spread[k * dim + d]);
        putchar('\n');
    }
}

static void print_optimality(const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    char gap[32];
    cli_write_gap(goal->gap, sizeof gap, gap);
    if (goal->gap <= HF_OPTIMAL)
        printf("  the minimiser of the risk: gap %s\n", gap);
    else if (rest->has_optimum && goal->risk - rest->optimum.risk > HF_OPTIMAL)
        printf("  stationary and not optimal: its risk is above the least by %.6g nat, gap %.4g nat\n",
               goal->risk - rest->optimum.risk, goal->gap);
    else
        printf("  not the minimiser: gap %.4g nat, and its risk is within %.1g nat of the least\n", goal->gap,
               HF_OPTIMAL);
}

static void print_arrival(const hf_solved *solved, const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    double left = solved->course.risk[solved->course.count - 1] - goal->risk;
    printf("\n%s: %zu atom%s, %s, at a distance of %.3g\n",
           rest->arrives ? "the stationary measure that the solution goes to"
                         : "a stationary measure beside the solution",
           goal->atoms.count, plural(goal->atoms.count), hf_stability_names[goal->stability], rest->spread);
    if (!rest->arrives)
        printf("  not reached: R is %s%.3g nat %s it at the end\n", left > 0 ? "still " : "", fabs(left),
               left > 0 ? "above" : "below");
}

static void print_goal(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    if (hf_problem_temperature(problem) > 0) {
        printf("\nthe stationary measure is the Gibbs density of least free energy; it has no atoms\n");
        return;
    }
    if (!rest->concentrated) {
        printf("\nno stationary measure beside the solution: ");
        print_wrapped(rest->missing, strlen("no stationary measure beside the solution: "));
        return;
    }
    print_arrival(solved, rest);
    printf("  %15s %12s %15s %15s\n", "mass", "coordinate", "position", "rates: of A");
    for (size_t k = 0; k < goal->atoms.count && k < ATOMS_SHOWN; k++)
        print_atom(hf_problem_grid(problem), goal, k);
    if (goal->atoms.count > ATOMS_SHOWN)
        printf("  and %zu more, in the file\n", goal->atoms.count - ATOMS_SHOWN);
    printf("  for these masses, which are the grid's:\n");
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
               cli_known_decimals(a->limit, a->limit_error), a->limit, a->limit_error);
    else
        printf("  %s_inf %.12g nat, that of the %s\n", energy, a->limit,
               heated ? "Gibbs density on this grid" : "stationary measure");
    printf("  Lojasiewicz exponent: slope of log D against log(%s - %s_inf)\n   ", energy, energy);
    print_fit(&a->exponent);
    printf("  exponential rate of %s - %s_inf\n   ", energy, energy);
    print_fit(&a->rate);
    if (isfinite(a->domination))
        printf("  gradient domination: D >= %.6g (%s - min %s) at the outputs of this run\n", a->domination,
               energy, energy);
    if (isfinite(a->domination_limit))
        printf("  the same against %s_inf: %.6g\n", energy, a->domination_limit);
    printf("  energy balance: %.2g\n", a->balance);
}

static void print_rates(const hf_problem *problem, const hf_rest *rest) {
    if (rest->rates == 0)
        return;
    printf("\nrates about Dirac measure %zu\n  %-16s %15s %11s  %s\n", rest->near + 1, "", "promised",
           "measured", "range, window");
    for (size_t k = 0; k < rest->rates; k++) {
        const hf_local_rate *r = &rest->rate[k];
        printf("  %-16s %15.8f", r->mean ? "mean, of A + B" : "spread, of A", r->promised);
        print_fit(&r->measured);
    }
    for (size_t k = 0; k < rest->rates; k++)
        if (rest->rate[k].driven)
            printf("  the mean at %.8f is driven by the spread, at 2 lambda_min(A) = %.8f\n",
                   rest->rate[k].promised, 2 * rest->dirac[rest->near].spread[0]);
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

static void print_walls(const hf_solved *solved) {
    if (solved->wall_mass > walled)
        printf(
            "\nWARNING: %.2g of the mass is at the walls of the box at the end, which is too small for this "
            "solution;\nwhat follows is of this box, and not of the unbounded problem\n",
            solved->wall_mass);
}

void limit_print_tables(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest) {
    printf("%s: %s\n", hf_problem_name(problem), hf_problem_title(problem));
    if (rest->has_course)
        print_walls(solved);
    print_diracs(problem, rest);
    if (rest->has_optimum)
        print_optimum(problem, &rest->optimum);
    if (rest->has_gibbs)
        print_gibbs(&rest->gibbs);
    if (rest->has_course) {
        print_goal(problem, solved, rest);
        print_approach(&rest->approach, hf_problem_temperature(problem) > 0);
        print_rates(problem, rest);
        print_verdicts(rest);
    }
}
