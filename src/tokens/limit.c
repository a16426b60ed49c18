/* Where the token flow goes, in closed form: growth of the uniform state, stationary clusters with their
 * linear stability, extremal energies. docs/tokens.md (T15)-(T21). */
#include "tokens/tokens.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_sf_bessel.h>
#include <math.h>

/* ---- the uniform state ------------------------------------------------------------------------------ */

double hf_tokens_isotropy(const hf_tokens_input *input) {
    size_t dim = input->dim;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            if (input->interaction[i * dim + j] != (i == j ? input->interaction[0] : 0))
                return NAN;
    return input->interaction[0];
}

double hf_tokens_conformality(const hf_tokens_input *input) {
    static const double rounding = 1e-14;
    size_t dim = input->dim;
    const double *d = input->interaction;
    double norm = hf_tokens_matrix_norm(dim, d);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j <= i; j++) {
            double product = 0;
            for (size_t k = 0; k < dim; k++)
                product += d[k * dim + i] * d[k * dim + j];
            if (fabs(product - (i == j ? norm * norm : 0)) > rounding * norm * norm)
                return NAN;
        }
    return norm;
}

double hf_tokens_rotation(const hf_tokens_input *input) {
    const double *d = input->interaction;
    bool rotates = input->dim == 2 && d[0] * d[3] - d[1] * d[2] >= 0 && !isnan(hf_tokens_conformality(input));
    return rotates ? atan2(d[2], d[0]) : NAN;
}

double hf_tokens_growth(const hf_tokens_input *input, double beta, size_t k) {
    double order = (double)k, value, base;
    if (input->dim == 2) {
        value = order * order * gsl_sf_bessel_In_scaled((int)k, beta);
        base = gsl_sf_bessel_I0_scaled(beta);
    } else {
        value = order * (order + 1) * gsl_sf_bessel_il_scaled((int)k, beta);
        base = gsl_sf_bessel_i0_scaled(beta);
    }
    return hf_tokens_sign(input) * (input->unnormalised ? value : value / base);
}

/* On the circle I_0(p) I_0(q), on the sphere the mean of i_0(|D^T x|), by a product rule that is exact to
 * rounding for such |D|. */
double hf_tokens_uniform_energy(const hf_tokens_input *input) {
    const double *d = input->interaction;
    double norm = hf_tokens_matrix_norm(input->dim, d);
    if (input->dim == 2)
        return gsl_sf_bessel_I0_scaled(hypot(d[0] + d[3], d[2] - d[1]) / 2) *
               gsl_sf_bessel_I0_scaled(hypot(d[0] - d[3], d[1] + d[2]) / 2);
    enum { NODES = 400 };
    double sum = 0;
    for (size_t i = 0; i < NODES; i++) {
        /* Fejer's first rule in cos theta */
        double theta = M_PI * ((double)i + 0.5) / NODES, weight = 1;
        for (size_t k = 1; k <= NODES / 2; k++)
            weight -= 2 * cos(2 * (double)k * theta) / (4 * (double)(k * k) - 1);
        for (size_t j = 0; j < NODES; j++) {
            double x[3], r = 0;
            hf_tokens_point(3, (double[]){theta, 2 * M_PI * (double)j / NODES}, x);
            for (size_t b = 0; b < 3; b++)
                r = hypot(r, x[0] * d[b] + x[1] * d[3 + b] + x[2] * d[6 + b]);
            sum += weight * gsl_sf_bessel_i0_scaled(r) * exp(r - norm);
        }
    }
    return sum / ((double)NODES * NODES);
}

/* ---- stationary clusters ---------------------------------------------------------------------------- */

/* Two unit vectors that, with the axis, are orthogonal; on the circle the first of them alone. */
static void complete(size_t dim, const double *axis, double tangent[2][HF_TOKENS_DIM_MAX]) {
    if (dim == 2) {
        tangent[0][0] = -axis[1];
        tangent[0][1] = axis[0];
        return;
    }
    size_t least = 0;
    for (size_t i = 1; i < 3; i++)
        least = fabs(axis[i]) < fabs(axis[least]) ? i : least;
    double length = sqrt(1 - axis[least] * axis[least]);
    for (size_t i = 0; i < 3; i++)
        tangent[0][i] = ((i == least) - axis[least] * axis[i]) / length;
    for (size_t i = 0; i < 3; i++)
        tangent[1][i] =
            axis[(i + 1) % 3] * tangent[0][(i + 2) % 3] - axis[(i + 2) % 3] * tangent[0][(i + 1) % 3];
}

/* Real parts of the eigenvalues of D on the tangent space. */
static void tangent_eigenvalues(size_t dim, const double *d, const double *axis, double *value) {
    double tangent[2][HF_TOKENS_DIM_MAX], block[2][2] = {{0}};
    complete(dim, axis, tangent);
    for (size_t a = 0; a + 1 < dim; a++)
        for (size_t b = 0; b + 1 < dim; b++)
            for (size_t i = 0; i < dim; i++)
                for (size_t j = 0; j < dim; j++)
                    block[a][b] += tangent[a][i] * d[i * dim + j] * tangent[b][j];
    value[0] = block[0][0];
    if (dim == 2)
        return;
    double half = (block[0][0] + block[1][1]) / 2, difference = (block[0][0] - block[1][1]) / 2;
    double square = difference * difference + block[0][1] * block[1][0], root = square > 0 ? sqrt(square) : 0;
    value[0] = half + root;
    value[1] = half - root;
}

/* Rates of one Dirac, or of two equal ones; those of a pair are times tanh, and its clusters part where an
 * eigenvalue across is above lambda tanh lambda. Unnormalised rates are times m at the clusters. */
static hf_tokens_cluster cluster_on(const hf_tokens_input *input, const double *axis, double lambda,
                                    bool pair, double norm) {
    static const double rounding = 1e-14; /* of |D|: below it a rate is 0 */
    size_t dim = input->dim;
    hf_tokens_cluster c = {.eigenvalue = lambda, .pair = pair, .rate_count = dim - 1};
    double across[HF_TOKENS_DIM_MAX - 1], hold = pair ? tanh(lambda) : 1;
    double own = exp(lambda - norm), other = exp(-lambda - norm);
    c.energy = pair ? (own + other) / 2 : own;
    double factor = hf_tokens_sign(input) * (input->unnormalised ? c.energy * exp(norm) : 1);
    for (size_t i = 0; i < dim; i++)
        c.axis[i] = axis[i];
    tangent_eigenvalues(dim, input->interaction, axis, across);
    c.token = factor * lambda * hold;
    double least = c.token;
    for (size_t k = 0; k + 1 < dim; k++) {
        c.rigid[k] = factor * (lambda - across[k]) * hold;
        /* lambda tanh lambda - lambda without cancellation, for clusters that hardly part */
        c.part[k] =
            pair ? factor * ((fabs(lambda) - across[k]) - 2 * fabs(lambda) / (exp(2 * fabs(lambda)) + 1)) : 0;
        least = fmin(least, pair ? fmin(c.rigid[k], c.part[k]) : c.rigid[k]);
    }
    c.stable = least > rounding * norm * fabs(factor);
    c.neutral = fabs(least) <= rounding * norm * fabs(factor);
    return c;
}

static hf_status find_clusters(hf_error *error, const hf_tokens_input *input, double norm,
                               hf_tokens_limit *limit) {
    static const double imaginary = 1e-12; /* of |D|: below it an eigenvalue is real */
    size_t dim = input->dim;
    double copy[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX];
    for (size_t i = 0; i < dim * dim; i++)
        copy[i] = input->interaction[i];
    gsl_matrix_view matrix = gsl_matrix_view_array(copy, dim, dim);
    gsl_vector_complex *values = gsl_vector_complex_alloc(dim);
    gsl_matrix_complex *vectors = gsl_matrix_complex_alloc(dim, dim);
    gsl_eigen_nonsymmv_workspace *work = gsl_eigen_nonsymmv_alloc(dim);
    int failed = gsl_eigen_nonsymmv(&matrix.matrix, values, vectors, work);
    for (size_t k = 0; k < dim && !failed; k++) {
        gsl_complex value = gsl_vector_complex_get(values, k);
        double axis[HF_TOKENS_DIM_MAX];
        if (fabs(GSL_IMAG(value)) > imaginary * norm)
            continue;
        for (size_t i = 0; i < dim; i++)
            axis[i] = GSL_REAL(gsl_matrix_complex_get(vectors, i, k));
        for (int pair = 0; pair < 2; pair++)
            limit->cluster[limit->count++] = cluster_on(input, axis, GSL_REAL(value), pair, norm);
    }
    gsl_eigen_nonsymmv_free(work);
    gsl_matrix_complex_free(vectors);
    gsl_vector_complex_free(values);
    return failed ? hf_raise(error, HF_ERR_NUMERIC, "the eigenvalues of the interaction cannot be found")
                  : HF_OK;
}

/* ---- extremal energies ------------------------------------------------------------------------------ */

static void find_extrema(const hf_tokens_input *input, double norm, hf_tokens_limit *limit) {
    double low = INFINITY, high = -INFINITY;
    limit->highest = limit->lowest = NAN;
    for (size_t k = 0; k < limit->count; k++) {
        low = fmin(low, limit->cluster[k].eigenvalue);
        high = fmax(high, limit->cluster[k].eigenvalue);
    }
    double dirac = exp(high - norm), pair = (exp(low - norm) + exp(-low - norm)) / 2;
    bool paired = low < 0 && pair > dirac;
    limit->highest = paired ? pair : dirac;
    limit->maximiser = paired ? HF_TOKENS_PAIR : HF_TOKENS_DIRAC;
    if (low <= 0) {
        limit->lowest = exp(low - norm);
        limit->minimiser = HF_TOKENS_DIRAC;
    } else if (!isnan(hf_tokens_isotropy(input))) {
        limit->lowest = hf_tokens_uniform_energy(input);
        limit->minimiser = HF_TOKENS_UNIFORM;
    }
}

hf_status hf_tokens_find_limit(hf_error *error, const hf_tokens_input *input, hf_tokens_limit *limit) {
    double norm = hf_tokens_matrix_norm(input->dim, input->interaction);
    *limit = (hf_tokens_limit){.symmetric = hf_tokens_symmetric(input), .highest = NAN, .lowest = NAN};
    HF_TRY(find_clusters(error, input, norm, limit));
    if (limit->symmetric)
        find_extrema(input, norm, limit);
    return HF_OK;
}
