/* A verdict per theorem: whether its hypothesis was seen to hold on a solution, and whether its conclusion
 * was. What the run does not decide stays open. docs/theory.md, sections 7, 8, 15 to 17. */
#include "theory/rest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double balance_tolerance = 1e-6; /* of the fall of the risk: the integrator's own error */
static const double at_rest = 0.01;           /* of the largest dissipation */
static const double optimal = 1e-8;           /* gap of a minimiser */
static const double close_to_minimum = 1e-3;  /* of the fall of the risk: what is left of it */
static const double agreement = 0.05;         /* of a measured rate with a promised one */
static const double disagreement = 0.2;
static const double visible = 5;     /* times the noise */
static const double settled = 0.02;  /* relative range of the local rates of a settled one */
static const double linear = 1.15;   /* exponents below count as 1: an exponential decay */
static const double constant = 0.25; /* relative range of the rate of one */

/* What is judged. With a temperature risks are free energies. */
typedef struct facts {
    const hf_solved *solved;
    const hf_course *course;
    const hf_rest *rest;
    double temperature;
    char R;                /* what is called the risk: F with a temperature */
    size_t last;           /* output */
    double minimum, error; /* min R, and how far it may be below */
    double fall;           /* R(0) - R(T) */
    double largest;        /* finite dissipation */
    bool arrives;          /* at the goal */
} facts;

static facts gather(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest) {
    const hf_course *course = &solved->course;
    facts f = {.solved = solved,
               .course = course,
               .rest = rest,
               .temperature = hf_problem_temperature(problem),
               .R = hf_problem_temperature(problem) > 0 ? 'F' : 'R',
               .last = course->count - 1,
               .minimum = hf_rest_minimum(rest),
               .error = rest->has_optimum ? rest->optimum.gap : rest->gibbs.gap,
               .fall = course->risk[0] - course->risk[course->count - 1],
               .arrives = hf_rest_arrives(course, rest)};
    for (size_t i = 0; i < course->count; i++)
        if (isfinite(course->dissipation[i]))
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

/* What is left of the risk at an output. */
static double rest_at(const facts *f, size_t output) {
    return f->course->risk[output] - f->minimum;
}

/* ---- dissipation --------------------------------------------------------------------------------- */

static void judge_identity(const facts *f, hf_verdict *v) {
    double balance = f->rest->approach.balance;
    bool finite = true;
    for (size_t i = 0; i <= f->last; i++)
        finite = finite && isfinite(f->course->dissipation[i]);
    say(v, answer(finite), seen(f, balance <= balance_tolerance * fabs(f->fall)),
        "max |%c(0) - %c(t) - int D| = %.2g, of a fall by %.4g", f->R, f->R, balance, f->fall);
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

/* R(0) - R(t) = int D stays below R(0) - min R. */
static void judge_rest(const facts *f, hf_verdict *v) {
    double now = f->course->dissipation[f->last];
    bool rests = now <= at_rest * f->largest;
    bool falls = f->last > 0 && now < f->course->dissipation[f->last - 1];
    const char *moving = falls ? "is still falling" : "does not fall",
               *how = rests ? "has come to rest" : moving;
    bool bounded = isfinite(f->minimum) && rest_at(f, f->last) >= -fmax(f->course->noise, f->error);
    say(v, answer(bounded), rests ? HF_YES : HF_OPEN,
        "D = %.3g at t = %g, %.3g of its largest value: it %s; int D = %.4g <= %c(0) - min %c = %.4g", now,
        f->course->time[f->last], f->largest > 0 ? now / f->largest : 0, how, f->course->dissipated[f->last],
        f->R, f->R, rest_at(f, 0));
}

/* ---- the minimum --------------------------------------------------------------------------------- */

static const char *wall_note(const facts *f) {
    return f->rest->optimum.wall_limited ? "; the minimum of this box is held by its walls" : "";
}

/* Of the stationary measure beside the groups, whether or not the run has come to it; but a run that is not
 * at rest need not come to an unstable one. */
static void judge_optimality(const facts *f, hf_verdict *v) {
    const hf_stationary *goal = &f->rest->goal;
    double now = f->course->risk[f->last];
    bool rests = f->course->dissipation[f->last] <= at_rest * f->largest;
    if (!f->rest->concentrated)
        say(v, HF_OPEN, HF_OPEN, "not at a stationary measure: gap = %.3g, R - min R = %.3g at t = %g%s",
            f->solved->gap[f->last], now - f->minimum, f->course->time[f->last], wall_note(f));
    else if (goal->stability == HF_UNSTABLE && !rests)
        say(v, HF_OPEN, HF_OPEN,
            "not at rest, and the stationary measure beside it is unstable: gap = %.3g at t = %g%s",
            f->solved->gap[f->last], f->course->time[f->last], wall_note(f));
    else
        say(v, answer(goal->gap <= optimal), answer(goal->risk - f->minimum <= optimal + f->error),
            "the stationary measure beside it: gap = %.3g, R - min R = %.3g; the run ends %.3g above it%s",
            goal->gap, goal->risk - f->minimum, now - goal->risk, wall_note(f));
}

static void judge_gap(const facts *f, hf_verdict *v) {
    double slack = fmax(f->course->noise, f->error), worst = -INFINITY, tightest = INFINITY;
    for (size_t i = 0; i <= f->last; i++) {
        worst = fmax(worst, rest_at(f, i) - f->solved->gap[i]);
        if (rest_at(f, i) > slack)
            tightest = fmin(tightest, f->solved->gap[i] / rest_at(f, i));
    }
    say(v, answer(isfinite(f->minimum)), answer(worst <= slack),
        "gap/(%c - min %c) >= %.3g over %zu outputs; at the last gap = %.3g, %c - min %c = %.3g", f->R, f->R,
        tightest, f->last + 1, f->solved->gap[f->last], f->R, f->R, rest_at(f, f->last));
}

static void judge_gibbs(const facts *f, hf_verdict *v) {
    double gap = f->solved->gap[f->last], left = rest_at(f, f->last);
    double done = close_to_minimum * f->fall;
    hf_answer concluded = left < -fmax(f->course->noise, f->error) ? HF_NO
                          : gap <= done && left <= done            ? HF_YES
                                                                   : HF_OPEN;
    say(v, answer(f->temperature > 0), concluded,
        "tau KL(rho | Gibbs) = %.3g at t = 0, %.3g at t = %g, where F - min F = %.3g", f->solved->gap[0], gap,
        f->course->time[f->last], left);
}

/* ---- the way there ------------------------------------------------------------------------------- */

/* What the exponent and the rate show: seen where neither moves much over the window. */
static hf_answer describe_decay(const hf_approach *a, size_t size, char *text) {
    bool steady = a->rate.upper - a->rate.lower <= constant * a->rate.value;
    bool certain = a->exponent.upper - a->exponent.lower <= constant * (a->exponent.value - 1);
    if (a->exponent.lower > linear && certain) {
        snprintf(text, size, "algebraic, as t^-%.3g", 1 / (a->exponent.value - 1));
        return HF_YES;
    }
    bool exponential = a->exponent.value <= linear && steady;
    snprintf(text, size, "%s rate %.4g [%.4g, %.4g]", exponential ? "exponential," : "not settled,",
             a->rate.value, a->rate.lower, a->rate.upper);
    return exponential ? HF_YES : HF_OPEN;
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
    hf_answer assumed = a->exponent.upper < 2 ? HF_YES : HF_OPEN; /* theta < 1 */
    hf_answer concluded = describe_decay(a, sizeof decay, decay);
    say(v, assumed, concluded, "2 theta = %.4g [%.4g, %.4g] for t in [%g, %g], %c_inf = %.10g %s: %s",
        a->exponent.value, a->exponent.lower, a->exponent.upper, a->exponent.first, a->exponent.last, f->R,
        a->limit, limit, decay);
}

/* Whether R - min R <= (R(0) - min R) exp(-c t) at all outputs. */
static bool decays(const facts *f, double c) {
    for (size_t i = 0; i <= f->last; i++)
        if (rest_at(f, i) > rest_at(f, 0) * exp(-c * f->course->time[i]) + f->course->noise + f->error)
            return false;
    return true;
}

static double domination_at(const facts *f, size_t output) {
    return f->course->dissipation[output] / rest_at(f, output);
}

/* Whether D/(R - min R) fell while R - min R fell to 1/e, at the end. */
static bool domination_fades(const facts *f) {
    size_t last = f->last, before;
    while (last > 0 && rest_at(f, last) <= visible * f->course->noise)
        last--;
    for (before = last; before > 0 && rest_at(f, before) < M_E * rest_at(f, last);)
        before--;
    return domination_at(f, last) < (1 - agreement) * domination_at(f, before);
}

/* On a finite run D/(R - min R) has a positive lower bound always; it is the theorem's constant only when the
 * ratio does not go on to fall: linearisation says so where the limit is a stable minimiser. A limit with a
 * gap makes the ratio go to zero. */
static void judge_domination(const facts *f, hf_verdict *v) {
    const hf_approach *a = &f->rest->approach;
    if (!isfinite(a->domination)) {
        say(v, HF_OPEN, HF_OPEN, "%c - min %c is not above the noise at any output", f->R, f->R);
        return;
    }
    bool elsewhere = f->arrives && f->rest->goal.risk - f->minimum > optimal + f->error;
    bool stable = f->arrives && !elsewhere && f->rest->goal.stability == HF_STABLE;
    hf_answer assumed = stable || !domination_fades(f) ? seen(f, true) : HF_OPEN;
    const char *note = assumed == HF_OPEN && f->last > 0 ? "; it was still falling at the end" : "";
    if (elsewhere) {
        assumed = HF_NO;
        note = "; it goes to 0, since the limit is no minimiser";
    }
    char measured[64] = "";
    if (isfinite(a->rate.value))
        snprintf(measured, sizeof measured, ", measured at the end %.4g", a->rate.value);
    say(v, assumed, seen(f, decays(f, a->domination)),
        "inf D/(%c - min %c) = %.4g over the run: promised rate %.4g%s%s", f->R, f->R, a->domination,
        a->domination, measured, note);
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
    if (off <= agreement * size)
        return HF_YES;
    return off > disagreement * size && m->upper - m->lower <= settled * size ? HF_NO : HF_OPEN;
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
    say(v, assumed, compare(rate), "promised %.6g, measured %.6g [%.6g, %.6g] for t in [%g, %g]: %+.2g %%",
        promised, sign * m->value, low, high, m->first, m->last, 100 * (m->value / rate->promised - 1));
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
    bool (*applies)(const facts *f);
    void (*judge)(const facts *f, hf_verdict *v);
} theorems[] = {
    {"Dissipation identity", "(14)", "D is finite at all outputs", "R(0) - R(t) = int D ds at all outputs",
     cold, judge_identity},
    {"Dissipation identity", "(14)", "D is finite at all outputs", "F(0) - F(t) = int D ds at all outputs",
     warm, judge_identity},
    {"Descent", "(14)", "D >= 0", "the risk never rises", cold, judge_descent},
    {"Descent", "(14)", "D >= 0", "the free energy never rises", warm, judge_descent},
    {"Dissipation vanishes", "(59)", "the risk is bounded below", "D tends to 0", cold, judge_rest},
    {"Dissipation vanishes", "(59)", "the free energy is bounded below", "D tends to 0", warm, judge_rest},
    {"Certificate", "(13)", "the least risk is known", "R - min R <= gap at all outputs", cold, judge_gap},
    {"Certificate", "(13)", "the least free energy is known",
     "F - min F <= tau KL(rho | Gibbs) at all outputs", warm, judge_gap},
    {"Optimality condition", "(49)",
     "Psi is least on all of the support of the stationary measure: its gap is 0",
     "it minimises the risk over all measures on the box", cold, judge_optimality},
    {"Convergence to the Gibbs density", "(51)", "a temperature, on a box", "F tends to min F", warm,
     judge_gibbs},
    {"Lojasiewicz inequality", "(60)", "D >= C (R - R_inf)^(2 theta) near rest, with 2 theta < 2",
     "R - R_inf decays exponentially if 2 theta = 1, else as t^(-1/(2 theta - 1))", cold, judge_lojasiewicz},
    {"Lojasiewicz inequality", "(60)", "D >= C (F - F_inf)^(2 theta) near rest, with 2 theta < 2",
     "F - F_inf decays exponentially if 2 theta = 1, else as t^(-1/(2 theta - 1))", warm, judge_lojasiewicz},
    {"Gradient domination", "(61)", "D >= c (R - min R) with c > 0", "R - min R <= (R(0) - min R) exp(-c t)",
     cold, judge_domination},
    {"Gradient domination", "(61)", "D >= c (F - min F) with c > 0", "F - min F <= (F(0) - min F) exp(-c t)",
     warm, judge_domination},
    {"Linearised rate of the risk", "(62)", "the limit is linearly stable",
     "R - R_inf decays at twice the smallest eigenvalue of A", arrived, judge_linear_rate},
    {"Strong monotonicity", "(56)", "A is positive definite at the Dirac that the run is near",
     "the spread contracts at the rate lambda_min(A)", local, judge_contraction},
    {"Instability", "(56)", "lambda_min(A) < 0 at the Dirac that the run is near",
     "the spread grows at the rate -lambda_min(A)", local, judge_growth},
    {"Motion of the mean", "(54)", "lambda_min(A + B) < 2 lambda_min(A), else the spread drives the mean",
     "the slowest projection of the mean moves at the rate lambda_min(A + B)", local, judge_mean},
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
        t->judge(&f, v);
    }
}
