/* One-dimensional densities of the initial product: distribution functions, quantiles and Gauss rules.
 * docs/theory.md (10). Gauss rules are taken for the profile's own weight, so that they are exact on
 * polynomials against the density. */
#include <headflow/flow.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
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

/* Where a profile on an axis lives. */
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
    double lower, upper, total = 0;
    support(profile, axis, &lower, &upper);
    if (profile->kind == HF_PROFILE_COSINE) {
        double h = (upper - lower) / (double)n;
        for (size_t i = 0; i < n; i++) {
            node[i] = lower + ((double)i + 0.5) * h;
            mass[i] = (1 + profile->a * cos(node[i] - profile->b)) / (double)n;
        }
        return HF_OK;
    }
    if (profile->kind == HF_PROFILE_DIRAC) {
        for (size_t i = 0; i < n; i++) {
            node[i] = profile->a;
            mass[i] = i == 0;
        }
        return HF_OK;
    }
    bool bump = profile->kind == HF_PROFILE_BUMP;
    if (profile->kind == HF_PROFILE_NORMAL) { /* all but 1e-15 of the mass, so that nodes are not wasted */
        double nearest = clamp(profile->a, lower, upper), reach = 8 * profile->b;
        lower = fmax(lower, nearest - reach);
        upper = fmin(upper, nearest + reach);
    }
    gsl_integration_fixed_workspace *rule =
        gsl_integration_fixed_alloc(bump ? gsl_integration_fixed_gegenbauer : gsl_integration_fixed_legendre,
                                    n, lower, upper, bump ? BUMP_POWER : 0, 0);
    if (rule == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no Gauss rule of %zu nodes", n);
    const double *nodes = gsl_integration_fixed_nodes(rule), *weights = gsl_integration_fixed_weights(rule);
    for (size_t i = 0; i < n; i++) {
        double s = (nodes[i] - profile->a) / profile->b;
        node[i] = nodes[i];
        mass[i] = weights[i] * (profile->kind == HF_PROFILE_NORMAL ? exp(-0.5 * s * s) : 1);
        total += mass[i];
    }
    for (size_t i = 0; i < n; i++)
        mass[i] /= total;
    gsl_integration_fixed_free(rule);
    return HF_OK;
}
