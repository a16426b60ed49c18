/* How the risk comes to rest: its limit, the exponent of Lojasiewicz's inequality, rates, and the constant of
 * gradient domination. docs/theory.md (59)-(62).
 *
 * Near rest D = K (R - R_inf)^s. With s = 1, R against D is a line that meets D = 0 at R_inf; slower modes
 * that are still to come bend it so that its intercept lies above R_inf. The three constants K, s, R_inf
 * fitted together are exact for algebraic decays too, and lie below R_inf for a mixture of modes, whose bend
 * they take for a larger s. An extrapolated limit is the fitted one; how far the two differ is its error.
 *
 * A limit may be given that the course cannot reach: that of Diracs, which a grid does not hold. The course
 * then goes to a limit of its own, above, and R - R_inf stalls while D goes on to fall, as in a slow
 * algebraic decay. So a given limit is known to its distance from the extrapolated one only. */
#include <headflow/stationary.h>

#include <math.h>

enum { OUTPUTS_MIN = 4, SCAN = 200, BISECTIONS = 60 };

static const double above_noise = 5, above_error = 3;
static const double tail = 2;  /* factor of D over the window of the extrapolation */
static const double begun = 4; /* D must have fallen by so much before a limit is extrapolated */
static const double late = 7.38905609893065; /* factor e^2 of R - R_inf over the window of the exponent */
static const double change_min = 1.648721270700128; /* e^(1/2): less shows no exponent */
static const double nearest = 1e-3, farthest = 1e2; /* of R_last - R_inf against the fall over the window */

/* ---- lines --------------------------------------------------------------------------------------- */

typedef struct line {
    double slope, intercept, residual; /* the residual is a sum of squares */
} line;

/* A coordinate of an output, of which lines are fitted. */
typedef double coordinate(const hf_course *course, double limit, size_t output);

static double time_of(const hf_course *course, double limit, size_t output) {
    (void)limit;
    return course->time[output];
}

static double risk_of(const hf_course *course, double limit, size_t output) {
    return course->risk[output] - limit;
}

static double dissipation_of(const hf_course *course, double limit, size_t output) {
    (void)limit;
    return course->dissipation[output];
}

static double log_risk(const hf_course *course, double limit, size_t output) {
    return log(course->risk[output] - limit);
}

static double log_dissipation(const hf_course *course, double limit, size_t output) {
    (void)limit;
    return log(course->dissipation[output]);
}

/* Least squares over the outputs first .. last. */
static line fit(const hf_course *course, double limit, size_t first, size_t last, coordinate *x,
                coordinate *y) {
    double n = (double)(last - first + 1), mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = first; i <= last; i++) {
        mean_x += x(course, limit, i) / n;
        mean_y += y(course, limit, i) / n;
    }
    for (size_t i = first; i <= last; i++) {
        double dx = x(course, limit, i) - mean_x, dy = y(course, limit, i) - mean_y;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    return (line){xy / xx, mean_y - xy / xx * mean_x, yy - xy * xy / xx};
}

/* ---- the limit ----------------------------------------------------------------------------------- */

/* The last outputs over which D falls by the factor `tail`, while R still falls by more than noise. */
static bool find_tail(const hf_course *course, size_t *first, size_t *last) {
    double highest = 0;
    size_t end = course->count;
    for (size_t i = 0; i < course->count; i++)
        if (isfinite(course->dissipation[i]))
            highest = fmax(highest, course->dissipation[i]);
    while (end >= 2 && !(course->risk[end - 2] - course->risk[end - 1] > above_noise * course->noise))
        end--;
    if (end < OUTPUTS_MIN || !(course->dissipation[end - 1] > 0))
        return false;
    *last = *first = end - 1;
    while (*first > 0 && course->dissipation[*first - 1] > course->dissipation[*first] &&
           course->risk[*first - 1] - course->risk[*first] > above_noise * course->noise &&
           (*last - *first + 1 < OUTPUTS_MIN ||
            course->dissipation[*first - 1] <= tail * course->dissipation[*last]))
        (*first)--;
    return *last - *first + 1 >= OUTPUTS_MIN && highest >= begun * course->dissipation[*last];
}

/* How far the tail is from D = K (R - R_inf)^s, with R_inf at exp(x) below its end. */
static double misfit(const hf_course *course, size_t first, size_t last, double x) {
    return fit(course, course->risk[last] - exp(x), first, last, log_risk, log_dissipation).residual;
}

/* log(R_last - R_inf) of the best fit of K, s and R_inf; NAN where the tail does not determine it. */
static double fit_power(const hf_course *course, size_t first, size_t last) {
    double fall = course->risk[first] - course->risk[last];
    double lower = log(nearest * fall), step = (log(farthest * fall) - lower) / SCAN, least = INFINITY;
    size_t best = 0;
    for (size_t k = 0; k <= SCAN; k++) {
        double m = misfit(course, first, last, lower + (double)k * step);
        if (m < least) {
            least = m;
            best = k;
        }
    }
    if (best == 0 || best == SCAN)
        return NAN;
    double a = lower + (double)(best - 1) * step, b = a + 2 * step;
    for (size_t k = 0; k < BISECTIONS; k++) { /* thirds of the bracket */
        double left = a + (b - a) / 3, right = b - (b - a) / 3;
        if (misfit(course, first, last, left) < misfit(course, first, last, right))
            b = right;
        else
            a = left;
    }
    return 0.5 * (a + b);
}

typedef struct extrapolation {
    double limit, error; /* NAN where the course shows none */
} extrapolation;

static extrapolation extrapolate(const hf_course *course, double minimum) {
    const extrapolation none = {NAN, NAN};
    size_t first, last;
    if (!find_tail(course, &first, &last))
        return none;
    double line_limit = fit(course, 0, first, last, dissipation_of, risk_of).intercept;
    double power = course->risk[last] - exp(fit_power(course, first, last));
    if (!(line_limit < course->risk[last]))
        return none;
    double found = isfinite(power) ? power : line_limit;
    double error = isfinite(power) ? fabs(power - line_limit) : course->risk[last] - line_limit;
    double possible = fmin(fmax(found, minimum), course->risk[course->count - 1]); /* minimum may be NAN */
    return (extrapolation){possible, fmax(error + fabs(possible - found), above_noise * course->noise)};
}

static void find_limit(const hf_course *course, double given, hf_approach *out) {
    extrapolation own = extrapolate(course, out->minimum);
    out->extrapolated = isnan(given);
    out->limit = out->extrapolated ? own.limit : given;
    out->limit_error = out->extrapolated ? own.error : isnan(own.limit) ? 0 : fabs(own.limit - given);
}

/* ---- exponent and rate --------------------------------------------------------------------------- */

static bool usable(const hf_course *course, const hf_approach *a, size_t output) {
    double rest = course->risk[output] - a->limit;
    return rest > fmax(above_noise * course->noise, above_error * a->limit_error) &&
           course->dissipation[output] > 0 && isfinite(course->dissipation[output]);
}

/* The last outputs over which R - R_inf falls by the factor `late`, well above its errors, and D with it. */
static bool find_late(const hf_course *course, const hf_approach *a, size_t *first, size_t *last) {
    size_t end = course->count;
    while (end > 0 && !usable(course, a, end - 1))
        end--;
    if (end == 0)
        return false;
    *last = *first = end - 1;
    double rest = course->risk[*last] - a->limit;
    while (*first > 0 && usable(course, a, *first - 1) &&
           course->dissipation[*first - 1] > course->dissipation[*first] &&
           (*last - *first + 1 < OUTPUTS_MIN || course->risk[*first - 1] - a->limit <= late * rest))
        (*first)--;
    return *last - *first + 1 >= OUTPUTS_MIN && course->risk[*first] - a->limit >= change_min * rest;
}

/* The slope over the window; its interval is that of its halves, and of the limit moved by its error. */
static hf_fit fit_window(const hf_course *course, const hf_approach *a, size_t first, size_t last,
                         double sign, coordinate *x, coordinate *y) {
    size_t middle = (first + last) / 2;
    size_t window[3][2] = {{first, last}, {first, (first + last + 1) / 2}, {middle, last}};
    hf_fit f = {.value = sign * fit(course, a->limit, first, last, x, y).slope,
                .lower = INFINITY,
                .upper = -INFINITY,
                .first = course->time[first],
                .last = course->time[last]};
    for (int moved = -1; moved <= 1; moved++)
        for (size_t w = 0; w < 3; w++) {
            double limit = a->limit + moved * a->limit_error;
            double slope = sign * fit(course, limit, window[w][0], window[w][1], x, y).slope;
            f.lower = fmin(f.lower, slope);
            f.upper = fmax(f.upper, slope);
        }
    return f;
}

/* ---- all ----------------------------------------------------------------------------------------- */

/* inf D/(R - lowest) over the outputs whose R can be told from it; NAN if there is none. */
static double dominate(const hf_course *course, double lowest, double error) {
    double least = NAN;
    for (size_t i = 0; i < course->count; i++) {
        double rest = course->risk[i] - lowest;
        if (rest > fmax(above_noise * course->noise, above_error * error))
            least = fmin(least, course->dissipation[i] / rest);
    }
    return least;
}

static double balance_of(const hf_course *course) {
    double worst = 0;
    for (size_t i = course->start; i < course->count; i++)
        worst = fmax(worst, fabs(course->risk[course->start] - course->risk[i] -
                                 (course->dissipated[i] - course->dissipated[course->start])));
    return worst;
}

hf_status hf_approach_measure(hf_error *error, const hf_course *course, double limit, double minimum,
                              hf_approach *out) {
    const hf_fit nothing = {NAN, NAN, NAN, NAN, NAN};
    size_t first, last;
    *out = (hf_approach){.minimum = minimum, .exponent = nothing, .rate = nothing};
    for (size_t i = 1; i < course->count; i++)
        if (!(course->time[i] > course->time[i - 1]))
            return hf_raise(error, HF_ERR_INPUT, "output times do not increase: t = %g after %g",
                            course->time[i], course->time[i - 1]);
    find_limit(course, limit, out);
    out->balance = balance_of(course);
    out->domination = dominate(course, minimum, 0);
    out->domination_limit = dominate(course, out->limit, out->limit_error);
    if (find_late(course, out, &first, &last)) {
        out->exponent = fit_window(course, out, first, last, 1, log_risk, log_dissipation);
        out->rate = fit_window(course, out, first, last, -1, time_of, log_risk);
    }
    return HF_OK;
}
