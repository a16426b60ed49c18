/* Amplitudes of the modes of a density, docs/tokens.md (T7): on the circle |sum M e^{ik theta}|, on the
 * sphere by the addition theorem the root of 4 pi/(2k + 1) times the sum over m of (sum M Y_km)^2. */
#include "tokens/tokens.h"

#include <complex.h>
#include <gsl/gsl_sf_legendre.h>
#include <math.h>

static void of_circle(const hf_tokens *tokens, double *amplitude) {
    double complex sum[HF_TOKENS_AMPLITUDES] = {0};
    for (size_t i = 0; i < hf_grid_cells(tokens->grid); i++) {
        double complex turn = tokens->place[2 * i] + I * tokens->place[2 * i + 1], power = turn;
        for (size_t k = 0; k < HF_TOKENS_AMPLITUDES; k++, power *= turn)
            sum[k] += tokens->mass[i] * power;
    }
    for (size_t k = 0; k < HF_TOKENS_AMPLITUDES; k++)
        amplitude[k] = cabs(sum[k]);
}

/* Rings have the harmonics with m = 0 alone, which their points on a meridian give as well. */
static void of_sphere(const hf_tokens *tokens, double *amplitude) {
    enum { DEGREES = HF_TOKENS_AMPLITUDES + 1, ROOM = 2 * DEGREES * DEGREES };
    double legendre[ROOM];
    double complex sum[DEGREES][DEGREES] = {{0}};
    size_t orders = hf_grid_dim(tokens->grid) == 1 ? 0 : HF_TOKENS_AMPLITUDES;
    for (size_t i = 0; i < hf_grid_cells(tokens->grid); i++) {
        const double *x = tokens->place + 3 * i;
        double azimuth = atan2(x[1], x[0]);
        gsl_sf_legendre_array(GSL_SF_LEGENDRE_SPHARM, HF_TOKENS_AMPLITUDES, x[2], legendre);
        for (size_t m = 0; m <= orders; m++) {
            double complex share = tokens->mass[i] * cexp(I * (double)m * azimuth);
            for (size_t l = m; l < DEGREES; l++)
                sum[l][m] += share * legendre[gsl_sf_legendre_array_index(l, m)];
        }
    }
    for (size_t l = 1; l < DEGREES; l++) {
        double square = pow(cabs(sum[l][0]), 2);
        for (size_t m = 1; m <= l; m++)
            square += 2 * pow(cabs(sum[l][m]), 2);
        amplitude[l - 1] = sqrt(4 * M_PI / (double)(2 * l + 1) * square);
    }
}

void hf_tokens_amplitudes(const hf_tokens *tokens, double *amplitude) {
    if (tokens->input.dim == 2)
        of_circle(tokens, amplitude);
    else
        of_sphere(tokens, amplitude);
}
