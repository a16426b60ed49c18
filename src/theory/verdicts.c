/* A verdict per theorem: whether its hypothesis was seen to hold on a solution, and whether its conclusion
 * was. What the run does not decide stays open. docs/theory.md, sections 7, 8, 15 to 17. */
#include "theory/rest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double balance_tolerance = 1e-6; /* of the fall of the risk: the integrator's own error */
static const double at_rest = 1e-4;           /* of the largest dissipation */
static const double close_to_minimum = 1e-3;  /* of the fall of the risk: what is left of it */
static const double agreement = 0.02;         /* of a measured rate with a promised one */
static const double disagreement = 0.2;
/* A growth can only be seen from the start, whose width is not small: on `saddle` the exact flow itself
 * starts at 0.1627, 2.4 % below 1/6. */
static const double agreement_of_growth = 0.03;
static const double visible = 5;             /* times the noise */
static const double late = 7.38905609893065; /* factor e^2 of R - min R over a run that shows its rate */
static const double settled = 0.02;          /* relative range of the local rates of a settled one */
static const double linear = 1.15;           /* exponents below count as 1: an exponential decay */
static const double constant = 0.25;         /* relative range of the rate of one */
/* Of the mass: so much is a group of the limit (58), and walls that hold one make the limit theirs. */
static const double at_walls = 1e-3;

/* What is judged. With a temperature risks are free energies. */
typedef struct facts {
    const hf_solved *solved;
    const hf_course *course;
    const hf_rest *rest;
    double temperature;
    char R;                /* what is called the risk: F with a temperature */
    size_t start, last;    /* outputs */
    double minimum, error; /* min R, and how far it may be below */
    double slack;          /* what R and min R may be wrong by */
    double fall;           /* R at the start - R(T) */
    double largest;        /* dissipation since the start */
    bool promised;         /* the balance, by the flux */
    bool arrives;          /* at the goal */
} facts;

static facts gather(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest) {
    const hf_course *course = &solved->course;
    bool heated = hf_problem_temperature(problem) > 0;
    facts f = {.solved = solved,
               .course = course,
               .rest = rest,
               .temperature = hf_problem_temperature(problem),
               .R = heated ? 'F' : 'R',
               .start = course->start,
               .last = course->count - 1,
               .minimum = hf_rest_minimum(rest),
               .error = rest->has_optimum ? rest->optimum.gap : rest->gibbs.gap,
               .fall = course->risk[course->start] - course->risk[course->count - 1],
               .promised = !(heated && hf_problem_flux(problem)->dual),
               .arrives = rest->arrives};
    f.slack = fmax(course->noise, f.error);
    for (size_t i = course->start; i < course->count; i++)
        f.largest = fmax(f.largest, course->dissipation[i]);
    return f;
}

static hf_answer answer(bool yes) {
    return yes ? HF_YES : HF_NO;
}

/* Of what is claimed for a run: a single output shows nothing. */
static hf_answer seen(const facts *f, bool yes) {
    return f->last == 0 ? HF_OPEN : answer(yes);
}

static void say(hf_verdict *v, hf_answer assumed, hf_answer concluded, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(hf_verdict *v, hf_answer assumed, hf_answer concluded, const char *format, ...) {
    va_list arguments;
    v->assumed = assumed;
    v->concluded = concluded;
    va_start(arguments, format);
    vsnprintf(v->evidence, sizeof v->evidence, format, arguments);
    va_end(arguments);
}

/* With a temperature the balance counts the entropy of all cells, and a dual flux leaves some below zero. */
static hf_answer miss(const facts *f) {
    return f->promised ? HF_NO : HF_OPEN;
}

static const char *promise_note(const facts *f) {
    return f->promised ? "" : "; not promised by this flux";
}

/* What is left of the risk at an output. */
static double rest_at(const facts *f, size_t output) {
    return f->course->risk[output] - f->minimum;
}

/* ---- dissipation --------------------------------------------------------------------------------- */

static void judge_identity(const facts *f, hf_verdict *v) {
    double balance = f->rest->approach.balance;
    bool finite = true, kept = balance <= balance_tolerance * fabs(f->fall);
    for (size_t i = f->start; i <= f->last; i++)
        finite = finite && isfinite(f->course->dissipation[i]);
    hf_answer concluded = f->last <= f->start ? HF_OPEN : kept ? HF_YES : miss(f);
    say(v, answer(finite), concluded,
        "max |%c(s) - %c(t) - int D| = %.2g from s = %g on, of a fall by %.4g%s", f->R, f->R, balance,
        f->course->time[f->start], f->fall, kept ? "" : promise_note(f));
}

static void judge_descent(const facts *f, hf_verdict *v) {
    double rise = 0, least = INFINITY;
    for (size_t i = 0; i <= f->last; i++)
        least = fmin(least, f->course->dissipation[i]);
    for (size_t i = 1; i <= f->last; i++)
        rise = fmax(rise, f->course->risk[i] - f->course->risk[i - 1]);
    say(v, answer(least >= 0), seen(f, rise <= balance_tolerance * fabs(f->fall)),
        "least D = %.3g; largest rise of %c between outputs = %.2g, of a fall by %.4g", least, f->R, rise,
        f->fall);
}

/* Whether D still falls at the end, or what it does to the risk between outputs is noise. */
static bool goes_on_to_fall(const facts *f) {
    const double *d = f->course->dissipation + f->last, *time = f->course->time + f->last;
    return f->last > 0 && (d[0] < d[-1] || d[0] * (time[0] - time[-1]) <= visible * f->course->noise);
}

static bool comes_to_rest(const facts *f) {
    return f->course->dissipation[f->last] <= at_rest * f->largest && goes_on_to_fall(f);
}

/* R(0) - R(t) = int D stays below R(0) - min R. */
static void judge_rest(const facts *f, hf_verdict *v) {
    double now = f->course->dissipation[f->last], left = rest_at(f, f->start);
    double spent = f->course->dissipated[f->last] - f->course->dissipated[f->start];
    bool within = spent <= left + fmax(f->slack, balance_tolerance * fabs(f->fall));
    bool bounded = isfinite(f->minimum) && rest_at(f, f->last) >= -f->slack;
    hf_answer concluded = !within ? miss(f) : comes_to_rest(f) ? HF_YES : HF_OPEN;
    say(v, answer(bounded), concluded,
        "D = %.3g at t = %g: it has fallen to %.2g of its largest value%s; int D = %.6g %s %c(%g) - min %c = "
        "%.6g%s",
        now, f->course->time[f->last], f->largest > 0 ? now / f->largest : 0,
        goes_on_to_fall(f) ? "" : " and does not fall on", spent, within ? "<=" : "above", f->R,
        f->course->time[f->start], f->R, left, within ? "" : promise_note(f));
}

/* ---- the minimum --------------------------------------------------------------------------------- */

/* The Gibbs density is that of the grid, min F too. */
static const char *grid_note(const facts *f) {
    return f->temperature > 0 ? " on this grid" : "";
}

static const char *wall_note(const facts *f) {
    return f->rest->optimum.wall_limited ? "; the minimum of this box is held by its walls" : "";
}

/* Of the stationary measure beside the groups, whether or not the run has come to it; but a run that is not
 * at rest need not come to an unstable one. */
static void judge_optimality(const facts *f, hf_verdict *v) {
    const hf_stationary *goal = &f->rest->goal;
    double now = f->course->risk[f->last];
    if (!f->rest->concentrated)
        say(v, HF_OPEN, HF_OPEN, "not at a stationary measure: gap = %.3g, R - min R = %.3g at t = %g%s",
            f->solved->gap[f->last], now - f->minimum, f->course->time[f->last], wall_note(f));
    else if (goal->stability == HF_UNSTABLE && !comes_to_rest(f))
        say(v, HF_OPEN, HF_OPEN,
            "not at rest, and the stationary measure beside its groups is unstable: gap = %.3g at t = %g%s",
            f->solved->gap[f->last], f->course->time[f->last], wall_note(f));
    else
        say(v, answer(goal->gap <= HF_OPTIMAL), answer(goal->risk - f->minimum <= HF_OPTIMAL + f->error),
            "the stationary measure beside its groups: gap = %.3g, R - min R = %.3g; the run ends %.3g "
            "above%s",
            goal->gap, goal->risk - f->minimum, now - goal->risk, wall_note(f));
}

static void judge_gap(const facts *f, hf_verdict *v) {
    double worst = -INFINITY, tightest = INFINITY, least = INFINITY;
    for (size_t i = 0; i <= f->last; i++) {
        worst = fmax(worst, rest_at(f, i) - f->solved->gap[i]);
        least = fmin(least, rest_at(f, i));
        if (rest_at(f, i) > f->slack)
            tightest = fmin(tightest, f->solved->gap[i] / rest_at(f, i));
    }
    if (least < -f->slack) {
        say(v, answer(isfinite(f->minimum)), miss(f), "%c comes to %.3g below the proved minimum %.10g%s%s",
            f->R, -least, f->minimum, grid_note(f), promise_note(f));
        return;
    }
    char bound[64] = "";
    if (isfinite(tightest))
        snprintf(bound, sizeof bound, "gap/(%c - min %c) >= %.3g over %zu outputs; ", f->R, f->R, tightest,
                 f->last + 1);
    say(v, answer(isfinite(f->minimum)), answer(worst <= f->slack),
        "%sat the last gap = %.3g, %c - min %c = %.3g%s", bound, f->solved->gap[f->last], f->R, f->R,
        rest_at(f, f->last), grid_note(f));
}

static void judge_gibbs(const facts *f, hf_verdict *v) {
    double gap = f->solved->gap[f->last], left = rest_at(f, f->last);
    double done = close_to_minimum * f->fall;
    hf_answer concluded = left < -f->slack ? miss(f) : gap <= done && left <= done ? HF_YES : HF_OPEN;
    say(v, answer(f->temperature > 0), concluded,
        "tau KL(rho | Gibbs) = %.3g at t = 0, %.3g at t = %g, where F - min F = %.3g%s", f->solved->gap[0],
        gap, f->course->time[f->last], left, grid_note(f));
}

/* ---- the way there ------------------------------------------------------------------------------- */

/* What the exponent and the rate show: seen where neither moves much over the window. At a linearly stable
 * goal the decay is exponential (62), and what looks algebraic is on its way there. */
static hf_answer describe_decay(const hf_approach *a, bool stable, size_t size, char *text) {
    bool steady = a->rate.upper - a->rate.lower <= constant * a->rate.value;
    bool certain = a->exponent.upper - a->exponent.lower <= constant * (a->exponent.value - 1);
    if (a->exponent.lower > linear && certain && !stable) {
        snprintf(text, size, "algebraic, as t^-%.3g", 1 / (a->exponent.value - 1));
        return HF_YES;
    }
    bool exponential = a->exponent.value <= linear && steady;
    snprintf(text, size, "%s rate %.4g [%.4g, %.4g]", exponential ? "exponential," : "not settled,",
             a->rate.value, a->rate.lower, a->rate.upper);
    return exponential ? HF_YES : HF_OPEN;
}

/* How many of them an error leaves. */
static int decimals(double error) {
    return (int)fmin(fmax(floor(-log10(error)), 1), 10);
}

static void judge_lojasiewicz(const facts *f, hf_verdict *v) {
    const hf_approach *a = &f->rest->approach;
    const char *limit = a->extrapolated ? "extrapolated" : "of the stationary measure";
    limit = f->temperature > 0 && !a->extrapolated ? "of the Gibbs density" : limit;
    if (isnan(a->exponent.value)) {
        say(v, HF_OPEN, HF_OPEN,
            isnan(a->limit) ? "no limit is to be seen yet" : "too few outputs above the noise");
        return;
    }
    char decay[80];
    bool stable = f->arrives && f->rest->goal.stability == HF_STABLE;
    hf_answer assumed = a->exponent.upper < 2 ? HF_YES : HF_OPEN; /* theta < 1 */
    hf_answer concluded = describe_decay(a, stable, sizeof decay, decay);
    say(v, assumed, concluded, "2 theta = %.4g [%.4g, %.4g] for t in [%g, %g], %c_inf = %.*f %s: %s",
        a->exponent.value, a->exponent.lower, a->exponent.upper, a->exponent.first, a->exponent.last, f->R,
        decimals(fmax(a->limit_error, f->course->noise)), a->limit, limit, decay);
}

/* Whether R - min R <= (R(0) - min R) exp(-c t) at all outputs. */
static bool decays(const facts *f, double c) {
    for (size_t i = 0; i <= f->last; i++)
        if (rest_at(f, i) > rest_at(f, 0) * exp(-c * f->course->time[i]) + f->slack)
            return false;
    return true;
}

static double domination_at(const facts *f, size_t output) {
    return f->course->dissipation[output] / rest_at(f, output);
}

/* The last output whose R - min R can be told from noise. */
static size_t last_visible(const facts *f) {
    size_t last = f->last;
    while (last > 0 && rest_at(f, last) <= visible * f->course->noise)
        last--;
    return last;
}

/* Whether R - min R has fallen far, or to noise. */
static bool is_late(const facts *f) {
    size_t last = last_visible(f);
    return f->last > 0 && (last < f->last || rest_at(f, f->start) >= late * rest_at(f, last));
}

/* Whether D/(R - min R) fell while R - min R fell to 1/e, at the end. */
static bool domination_fades(const facts *f) {
    size_t last = last_visible(f), before;
    for (before = last; before > 0 && rest_at(f, before) < M_E * rest_at(f, last);)
        before--;
    return domination_at(f, last) < (1 - agreement) * domination_at(f, before);
}

/* Whether a goal is no minimiser: the groups of a stable one stay with it, and those of another have come to
 * it. */
static bool ends_elsewhere(const facts *f) {
    const hf_stationary *goal = &f->rest->goal;
    bool bound = f->rest->concentrated && (f->arrives || goal->stability == HF_STABLE);
    return bound && goal->risk - f->minimum > HF_OPTIMAL + f->error;
}

/* Whether the run is at a stable minimiser, with a ratio that is still above its limit there: a lower one is
 * that of a grid which stops short. */
static bool ends_at_stable_minimiser(const facts *f) {
    const hf_stationary *goal = &f->rest->goal;
    return f->arrives && goal->stability == HF_STABLE && !ends_elsewhere(f) &&
           domination_at(f, last_visible(f)) >= (1 - agreement) * 2 * goal->monotonicity;
}

/* On a finite run D/(R - min R) has a positive lower bound always. It is a constant of the theorem only when
 * the ratio does not go on to fall, which a late run shows, or linearisation where it comes to a stable
 * minimiser. A limit with a gap makes the ratio go to zero. */
static hf_answer assume_domination(const facts *f, size_t size, char *note) {
    bool elsewhere = ends_elsewhere(f), stable = ends_at_stable_minimiser(f);
    bool far = is_late(f), fades = domination_fades(f);
    note[0] = '\0';
    if (elsewhere)
        snprintf(note, size, "; it goes to 0, since the limit is no minimiser");
    else if (!far)
        snprintf(note, size, "; the run is too short to show it");
    else if (fades && stable)
        snprintf(note, size, "; still falling at the end, by (62) to %.4g at least",
                 2 * f->rest->goal.monotonicity);
    else if (fades)
        snprintf(note, size, "; still falling at the end");
    return elsewhere ? HF_NO : far && (stable || !fades) ? HF_YES : HF_OPEN;
}

static void judge_domination(const facts *f, hf_verdict *v) {
    const hf_approach *a = &f->rest->approach;
    if (!isfinite(a->domination)) {
        say(v, HF_OPEN, HF_OPEN, "%c - min %c is not above the noise at any output", f->R, f->R);
        return;
    }
    char note[80], measured[64] = "";
    hf_answer assumed = assume_domination(f, sizeof note, note), concluded = HF_OPEN;
    if (!decays(f, a->domination))
        concluded = HF_NO;
    else if (assumed == HF_YES && a->rate.value >= (1 - agreement) * a->domination)
        concluded = HF_YES;
    if (isfinite(a->rate.value))
        snprintf(measured, sizeof measured, ", measured at the end %.4g", a->rate.value);
    say(v, assumed, concluded, "inf D/(%c - min %c) = %.4g over the run: promised rate %.4g%s%s", f->R, f->R,
        a->domination, a->domination, measured, note);
}

/* ---- rates about a Dirac ------------------------------------------------------------------------- */

static const hf_stationary *near_dirac(const facts *f) {
    return f->rest->near < f->rest->diracs ? &f->rest->dirac[f->rest->near] : NULL;
}

/* The measured rate of the smallest promised one, of the spread or of the mean. */
static const hf_local_rate *slowest(const facts *f, bool mean) {
    const hf_stationary *dirac = near_dirac(f);
    double promised = mean ? dirac->rate[0] : dirac->spread[0];
    for (size_t k = 0; k < f->rest->rates; k++)
        if (f->rest->rate[k].mean == mean && f->rest->rate[k].promised == promised)
            return &f->rest->rate[k];
    return NULL;
}

/* A rate that is still moving decides nothing, nor one that the distance from rest and the grid explain. */
static hf_answer compare(const hf_local_rate *rate) {
    const hf_fit *m = &rate->measured;
    double size = fabs(rate->promised), off = fabs(m->value - rate->promised);
    if (off <= (rate->promised < 0 ? agreement_of_growth : agreement) * size)
        return HF_YES;
    return off > disagreement * size && m->upper - m->lower <= settled * size ? HF_NO : HF_OPEN;
}

/* How wide the density was at the end of the window: the scheme changes the shape of a narrow one. */
static void note_width(const facts *f, const double *axis, const hf_fit *m, size_t size, char *text) {
    size_t output = 0;
    text[0] = '\0';
    if (hf_problem_sampling(f->solved->problem) != HF_CELL_MEANS)
        return;
    while (output < f->last && f->course->time[output] < m->last)
        output++;
    snprintf(text, size, "; the density was %.2g cells wide then",
             hf_rest_cells_wide(f->solved->problem, f->course, output, axis));
}

static void compare_slowest(const facts *f, hf_answer assumed, bool mean, double sign, hf_verdict *v) {
    const hf_stationary *dirac = near_dirac(f);
    const hf_local_rate *rate = slowest(f, mean);
    double promised = sign * (mean ? dirac->rate[0] : dirac->spread[0]);
    if (rate == NULL) {
        say(v, assumed, HF_OPEN, "promised %.6g about the Dirac of risk %.8g; not to be seen on this run",
            promised, dirac->risk);
        return;
    }
    const hf_fit *m = &rate->measured;
    double low = sign > 0 ? m->lower : -m->upper, high = sign > 0 ? m->upper : -m->lower;
    hf_answer seen = compare(rate);
    char width[64] = "";
    if (seen != HF_YES)
        note_width(f, mean ? dirac->rate_axis : dirac->spread_axis, m, sizeof width, width);
    say(v, assumed, seen,
        "promised %.6g, measured %.6g: %+.2g %%; local rates %.6g to %.6g for t in [%g, %g]%s", promised,
        sign * m->value, 100 * (m->value / rate->promised - 1), low, high, m->first, m->last, width);
}

static void judge_contraction(const facts *f, hf_verdict *v) {
    const hf_stationary *dirac = near_dirac(f);
    if (dirac->monotonicity > 0)
        compare_slowest(f, HF_YES, false, 1, v);
    else
        say(v, HF_NO, HF_OPEN, "lambda_min(A) = %.6g%s", dirac->monotonicity,
            dirac->value_degenerate ? ": without a ridge the value block of A is zero or indefinite" : "");
}

static void judge_growth(const facts *f, hf_verdict *v) {
    const hf_stationary *dirac = near_dirac(f);
    if (dirac->monotonicity < 0)
        compare_slowest(f, HF_YES, false, -1, v);
    else
        say(v, HF_NO, HF_OPEN, "lambda_min(A) = %.6g is not negative", dirac->monotonicity);
}

/* At second order the spread drives the mean at twice its own rate. */
static void judge_mean(const facts *f, hf_verdict *v) {
    const hf_stationary *dirac = near_dirac(f);
    if (dirac->rate[0] < 2 * dirac->spread[0])
        compare_slowest(f, HF_YES, true, 1, v);
    else
        say(v, HF_NO, HF_OPEN, "lambda_min(A + B) = %.6g, 2 lambda_min(A) = %.6g", dirac->rate[0],
            2 * dirac->spread[0]);
}

/* R - R_inf is linear in the covariances of the groups: it goes at twice the rate of their spread. */
static void judge_linear_rate(const facts *f, hf_verdict *v) {
    const hf_stationary *goal = &f->rest->goal;
    hf_local_rate rate = {.promised = 2 * goal->monotonicity, .measured = f->rest->approach.rate};
    if (goal->stability != HF_STABLE || isnan(rate.measured.value))
        say(v, answer(goal->stability == HF_STABLE), HF_OPEN, "twice %.6g; the risk shows no rate",
            goal->monotonicity);
    else
        say(v, HF_YES, compare(&rate), "promised %.6g, measured %.6g [%.6g, %.6g] for t in [%g, %g]",
            rate.promised, rate.measured.value, rate.measured.lower, rate.measured.upper, rate.measured.first,
            rate.measured.last);
}

/* ---- the theorems -------------------------------------------------------------------------------- */

static bool cold(const facts *f) {
    return f->temperature == 0;
}
static bool warm(const facts *f) {
    return f->temperature > 0;
}
static bool local(const facts *f) {
    return near_dirac(f) != NULL;
}
static bool arrived(const facts *f) {
    return f->arrives;
}

/* What holds of the risk and of the free energy alike has a row for each. */
static const struct theorem {
    const char *name, *equation, *hypothesis, *conclusion;
    bool inside; /* it is of solutions that stay inside the box */
    bool (*applies)(const facts *f);
    void (*judge)(const facts *f, hf_verdict *v);
} theorems[] = {
    {"Dissipation identity", "(14)", "D is finite at all outputs", "R(0) - R(t) = int D ds at all outputs",
     false, cold, judge_identity},
    {"Dissipation identity", "(14)", "D is finite at all outputs", "F(0) - F(t) = int D ds at all outputs",
     false, warm, judge_identity},
    {"Descent", "(14)", "D >= 0", "the risk never rises", false, cold, judge_descent},
    {"Descent", "(14)", "D >= 0", "the free energy never rises", false, warm, judge_descent},
    {"Dissipation vanishes", "(59)", "the risk is bounded below", "D tends to 0", true, cold, judge_rest},
    {"Dissipation vanishes", "(59)", "the free energy is bounded below", "D tends to 0", false, warm,
     judge_rest},
    {"Certificate", "(13)", "the least risk is known", "R - min R <= gap at all outputs", false, cold,
     judge_gap},
    {"Certificate", "(13)", "the least free energy on this grid is known",
     "F - min F on this grid <= tau KL(rho | Gibbs) at all outputs", false, warm, judge_gap},
    {"Optimality condition", "(49)",
     "Psi is least on all of the support of the stationary measure: its gap is 0",
     "it minimises the risk over all measures on the box", true, cold, judge_optimality},
    {"Convergence to the Gibbs density", "(51)", "a temperature, on a box", "F tends to min F on this grid",
     false, warm, judge_gibbs},
    {"Lojasiewicz inequality", "(60)", "D >= C (R - R_inf)^(2 theta) near rest, with 2 theta < 2",
     "R - R_inf decays exponentially if 2 theta = 1, else as t^(-1/(2 theta - 1))", true, cold,
     judge_lojasiewicz},
    {"Lojasiewicz inequality", "(60)", "D >= C (F - F_inf)^(2 theta) near rest, with 2 theta < 2",
     "F - F_inf decays exponentially if 2 theta = 1, else as t^(-1/(2 theta - 1))", false, warm,
     judge_lojasiewicz},
    {"Gradient domination", "(61)", "D >= c (R - min R) with c > 0", "R - min R <= (R(0) - min R) exp(-c t)",
     true, cold, judge_domination},
    {"Gradient domination", "(61)", "D >= c (F - min F) with c > 0", "F - min F <= (F(0) - min F) exp(-c t)",
     false, warm, judge_domination},
    {"Linearised rate of the risk", "(62)", "the limit is linearly stable",
     "R - R_inf decays at twice the smallest eigenvalue of A", true, arrived, judge_linear_rate},
    {"Strong monotonicity", "(56)", "A is positive definite at the Dirac that the run is near",
     "the spread contracts at the rate lambda_min(A)", true, local, judge_contraction},
    {"Instability", "(56)", "lambda_min(A) < 0 at the Dirac that the run is near",
     "the spread grows at the rate -lambda_min(A)", true, local, judge_growth},
    {"Motion of the mean", "(54)", "lambda_min(A + B) < 2 lambda_min(A), else the spread drives the mean",
     "the slowest projection of the mean moves at the rate lambda_min(A + B)", true, local, judge_mean},
};

void hf_rest_judge(const hf_problem *problem, const hf_solved *solved, hf_rest *out) {
    facts f = gather(problem, solved, out);
    for (size_t k = 0; k < sizeof theorems / sizeof theorems[0]; k++) {
        const struct theorem *t = &theorems[k];
        if (!t->applies(&f))
            continue;
        hf_verdict *v = &out->verdict[out->verdicts++];
        *v = (hf_verdict){.theorem = t->name,
                          .equation = t->equation,
                          .hypothesis = t->hypothesis,
                          .conclusion = t->conclusion};
        if (t->inside && solved->wall_mass > at_walls)
            say(v, HF_OPEN, HF_OPEN, "%.2g of the mass is next to a wall, which the theorem does not know%s",
                solved->wall_mass, t->judge == judge_optimality ? wall_note(&f) : "");
        else
            t->judge(&f, v);
    }
}
