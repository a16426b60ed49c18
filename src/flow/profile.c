/* One-dimensional densities of the initial product: distribution functions, quantiles and Gauss rules.
 * docs/theory.md (10). Gauss rules are taken for the profile's own weight, so that they are exact on
 * polynomials against the density. */
#include <headflow/flow.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

enum { BUMP_POWER = 4 };

/* Mass of the untruncated normal density in (x, y), without cancellation in the tails. */
static double normal_mass(const hf_profile *p, double x, double y) {
    double s = (x - p->a) / p->b, t = (y - p->a) / p->b;
    return s > 0 ? gsl_cdf_ugaussian_Q(s) - gsl_cdf_ugaussian_Q(t)
                 : gsl_cdf_ugaussian_P(t) - gsl_cdf_ugaussian_P(s);
}

static double clamp(double x, double lower, double upper) {
    return fmin(fmax(x, lower), upper);
}

double hf_profile_distribution(const hf_profile *profile, const hf_axis *axis, double x) {
    double a = profile->a, b = profile->b;
    x = clamp(x, axis->lower, axis->upper);
    switch (profile->kind) {
    case HF_PROFILE_BUMP: /* Beta(5, 5) in (1 + s)/2, s = (x - a)/b */
        return gsl_sf_beta_inc(BUMP_POWER + 1, BUMP_POWER + 1, clamp(0.5 * (1 + (x - a) / b), 0, 1));
    case HF_PROFILE_NORMAL:
        return normal_mass(profile, axis->lower, x) / normal_mass(profile, axis->lower, axis->upper);
    case HF_PROFILE_UNIFORM:
        return clamp((x - a) / (b - a), 0, 1);
    case HF_PROFILE_COSINE:
        return (x - axis->lower + a * (sin(x - b) - sin(axis->lower - b))) / (2 * M_PI);
    case HF_PROFILE_DIRAC: /* in the cell [x, y) that has it, or in the last one */
        return x > axis->lower && (x > a || x >= axis->upper) ? 1 : 0;
    }
    return NAN;
}

double hf_profile_mass(const hf_profile *profile, const hf_axis *axis, double x, double y) {
    /* from the nearer end, so that small masses at the upper end keep their digits */
    if (profile->kind == HF_PROFILE_BUMP && x > profile->a) {
        hf_profile mirrored = *profile;
        hf_axis flipped = *axis;
        mirrored.a = -profile->a;
        flipped.lower = -axis->upper;
        flipped.upper = -axis->lower;
        return hf_profile_distribution(&mirrored, &flipped, -x) -
               hf_profile_distribution(&mirrored, &flipped, -y);
    }
    if (profile->kind == HF_PROFILE_NORMAL)
        return normal_mass(profile, clamp(x, axis->lower, axis->upper), clamp(y, axis->lower, axis->upper)) /
               normal_mass(profile, axis->lower, axis->upper);
    return hf_profile_distribution(profile, axis, y) - hf_profile_distribution(profile, axis, x);
}

/* The whole of where a profile on an axis lives. */
static void support(const hf_profile *profile, const hf_axis *axis, double *lower, double *upper) {
    *lower = axis->lower;
    *upper = axis->upper;
    if (profile->kind == HF_PROFILE_BUMP) {
        *lower = profile->a - profile->b;
        *upper = profile->a + profile->b;
    } else if (profile->kind == HF_PROFILE_UNIFORM) {
        *lower = profile->a;
        *upper = profile->b;
    } else if (profile->kind == HF_PROFILE_DIRAC) {
        *lower = *upper = profile->a;
    }
}

void hf_profile_support(const hf_profile *profile, const hf_axis *axis, double *lower, double *upper) {
    support(profile, axis, lower, upper);
    if (profile->kind == HF_PROFILE_NORMAL) {
        double nearest = clamp(profile->a, *lower, *upper), reach = 8 * profile->b;
        *lower = fmax(*lower, nearest - reach);
        *upper = fmin(*upper, nearest + reach);
    }
}

/* The density of a profile on its support, up to a factor. */
static double density(const hf_profile *profile, double x) {
    double s = (x - profile->a) / profile->b;
    switch (profile->kind) {
    case HF_PROFILE_BUMP:
        return gsl_pow_int(fmax(1 - s * s, 0), BUMP_POWER);
    case HF_PROFILE_NORMAL:
        return exp(-0.5 * s * s);
    case HF_PROFILE_COSINE:
        return 1 + profile->a * cos(x - profile->b);
    case HF_PROFILE_UNIFORM:
    case HF_PROFILE_DIRAC:
        break;
    }
    return 1;
}

static void normalise(size_t n, double *mass) {
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += mass[i];
    for (size_t i = 0; i < n; i++)
        mass[i] /= total;
}

double hf_profile_quantile(const hf_profile *profile, const hf_axis *axis, double p) {
    double lower, upper;
    support(profile, axis, &lower, &upper);
    if (profile->kind == HF_PROFILE_BUMP)
        return profile->a + profile->b * (2 * gsl_cdf_beta_Pinv(p, BUMP_POWER + 1, BUMP_POWER + 1) - 1);
    /* bisection: 60 halvings reach the last bit, and the distribution function is monotone */
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (lower + upper);
        if (hf_profile_distribution(profile, axis, middle) < p)
            lower = middle;
        else
            upper = middle;
    }
    return 0.5 * (lower + upper);
}

double hf_profile_outside(const hf_profile *profile, const hf_axis *axis) {
    double lower, upper;
    support(profile, axis, &lower, &upper);
    return fmax(fmax(axis->lower - lower, upper - axis->upper), 0);
}

hf_status hf_profile_quadrature(hf_error *error, const hf_profile *profile, const hf_axis *axis, size_t n,
                                double *node, double *mass) {
    double lower, upper;
    bool bump = profile->kind == HF_PROFILE_BUMP;
    hf_profile_support(profile, axis, &lower, &upper);
    if (profile->kind == HF_PROFILE_DIRAC || profile->kind == HF_PROFILE_COSINE) {
        for (size_t i = 0; i < n; i++) {
            node[i] = lower + ((double)i + 0.5) * (upper - lower) / (double)n;
            mass[i] = profile->kind == HF_PROFILE_COSINE ? density(profile, node[i]) / (double)n : i == 0;
        }
        return HF_OK;
    }
    gsl_set_error_handler_off(); /* its results are checked */
    gsl_integration_fixed_workspace *rule =
        gsl_integration_fixed_alloc(bump ? gsl_integration_fixed_gegenbauer : gsl_integration_fixed_legendre,
                                    n, lower, upper, bump ? BUMP_POWER : 0, 0);
    if (rule == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no Gauss rule of %zu nodes", n);
    const double *nodes = gsl_integration_fixed_nodes(rule), *weights = gsl_integration_fixed_weights(rule);
    for (size_t i = 0; i < n; i++) {
        node[i] = nodes[i];
        mass[i] =
            weights[i] * (bump ? 1 : density(profile, nodes[i])); /* the bump is the rule's own weight */
    }
    normalise(n, mass);
    gsl_integration_fixed_free(rule);
    return HF_OK;
}

void hf_profile_panels(const hf_profile *profile, const hf_axis *axis, size_t panels, double *node,
                       double *mass) {
    static const double abscissa[HF_PANEL_NODES / 2] = {0.18343464249564980494, 0.52553240991632898582,
                                                        0.79666647741362673959, 0.96028985649753623168};
    static const double weight[HF_PANEL_NODES / 2] = {0.36268378337836198297, 0.31370664587788728734,
                                                      0.22238103445337447054, 0.10122853629037625915};
    double lower, upper;
    hf_profile_support(profile, axis, &lower, &upper);
    double half = 0.5 * (upper - lower) / (double)panels;
    for (size_t p = 0; p < panels; p++)
        for (size_t q = 0; q < HF_PANEL_NODES; q++) {
            size_t i = p * HF_PANEL_NODES + q;
            double s = q % 2 == 0 ? -abscissa[q / 2] : abscissa[q / 2];
            node[i] = lower + half * (2 * (double)p + 1 + s);
            mass[i] = weight[q / 2] * density(profile, node[i]);
        }
    normalise(panels * HF_PANEL_NODES, mass);
}
