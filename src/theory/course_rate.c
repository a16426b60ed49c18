/* The rate of a projection of mean or covariance along a solution. docs/theory.md (63).
 *
 * About a stationary Dirac the linearised rates hold near rest: at the end of a decay, at the beginning of a
 * growth, and only as long as the grid and the tolerance resolve the projection. So among the windows of
 * outputs where the local rates between neighbours agree, the rate is taken from the one where the projection
 * is smallest. The window where they vary least would not do: where two corrections of first order cancel,
 * the local rate has an extremum and varies little around a wrong value (`stable`, 2.4 % off at t = 2.8). */
#include <headflow/stationary.h>

#include <math.h>

enum { OUTPUTS_MIN = 4 };

static const double change_min = 0.5; /* of the logarithm of the projection over a window */
static const double agreement = 0.01; /* relative range of the local rates */
static const double above_noise = 5;

typedef struct projection {
    const hf_course *course;
    const double *direction, *centre;
} projection;

typedef struct window {
    size_t first, last;
    double lower, upper; /* of the local rates */
} window;

/* u . (m - centre) or u . C u at an output. */
static double value(const projection *p, size_t output) {
    size_t dim = p->course->dim;
    const double *mean = p->course->mean + output * dim, *c = p->course->covariance + output * dim * dim;
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        if (p->centre != NULL)
            sum += p->direction[i] * (mean[i] - p->centre[i]);
        else
            for (size_t j = 0; j < dim; j++)
                sum += p->direction[i] * c[i * dim + j] * p->direction[j];
    return sum;
}

/* Whether it can be told from noise, and has the sign of `reference`. */
static bool visible(const projection *p, size_t output, double reference) {
    double x = value(p, output);
    return fabs(x) > above_noise * p->course->noise && (x > 0) == (reference > 0) &&
           (p->centre != NULL || x > 0);
}

/* A covariance changes at twice the rate of the spread. */
static double logarithm(const projection *p, size_t output) {
    return (p->centre != NULL ? 1 : 0.5) * log(fabs(value(p, output)));
}

static double rate_between(const projection *p, size_t first, size_t last) {
    return (logarithm(p, first) - logarithm(p, last)) / (p->course->time[last] - p->course->time[first]);
}

static double variation(const projection *p, const window *w) {
    return (w->upper - w->lower) / fabs(rate_between(p, w->first, w->last));
}

/* Twice the mean logarithm at the ends of a window. */
static double size(const projection *p, const window *w) {
    return logarithm(p, w->first) + logarithm(p, w->last);
}

/* Take one more output in; false at the end of the course and of what is visible. */
static bool extend(const projection *p, window *w) {
    size_t next = w->last + 1;
    if (next >= p->course->count || !visible(p, next, value(p, w->first)))
        return false;
    double rate = rate_between(p, w->last, next);
    w->lower = fmin(w->lower, rate);
    w->upper = fmax(w->upper, rate);
    w->last = next;
    return true;
}

static bool admissible(const projection *p, const window *w) {
    double scale = p->centre != NULL ? 1 : 0.5;
    return w->last - w->first + 1 >= OUTPUTS_MIN &&
           fabs(logarithm(p, w->last) - logarithm(p, w->first)) >= scale * change_min;
}

/* The best admissible window: the steadiest, or of those that vary by at most `most` the nearest to rest. */
static bool choose(const projection *p, double most, bool steadiest, window *best) {
    bool found = false;
    for (size_t first = 0; first < p->course->count; first++) {
        window w = {.first = first, .last = first, .lower = INFINITY, .upper = -INFINITY};
        if (!visible(p, first, value(p, first)))
            continue;
        while (extend(p, &w)) {
            if (!admissible(p, &w) || variation(p, &w) > most)
                continue;
            bool better =
                !found || (steadiest ? variation(p, &w) < variation(p, best) : size(p, &w) < size(p, best));
            if (better)
                *best = w;
            found = true;
        }
    }
    return found;
}

static double least_squares_rate(const projection *p, const window *w) {
    double n = (double)(w->last - w->first + 1), t = 0, y = 0, tt = 0, ty = 0;
    for (size_t k = w->first; k <= w->last; k++) {
        t += p->course->time[k] / n;
        y += logarithm(p, k) / n;
    }
    for (size_t k = w->first; k <= w->last; k++) {
        double dt = p->course->time[k] - t;
        tt += dt * dt;
        ty += dt * (logarithm(p, k) - y);
    }
    return -ty / tt;
}

hf_fit hf_course_rate(const hf_course *course, const double *direction, const double *centre) {
    projection p = {.course = course, .direction = direction, .centre = centre};
    window w;
    if (!choose(&p, INFINITY, true, &w))
        return (hf_fit){NAN, NAN, NAN, NAN, NAN};
    choose(&p, fmax(agreement, 2 * variation(&p, &w)), false, &w);
    return (hf_fit){.value = least_squares_rate(&p, &w),
                    .lower = w.lower,
                    .upper = w.upper,
                    .first = course->time[w.first],
                    .last = course->time[w.last]};
}
