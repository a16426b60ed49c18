/* The system that time integration methods share: refusals, weights, messages. docs/numerics.md (21)-(22). */
#include "base/simd.h"
#include "flow/method.h"

#include <math.h>
#include <stdio.h>

/* A trial state below -GUARD atol is refused. The guard stands far off: trial states are predictions, which
 * undershoot more than the state that comes of them (`gibbs` takes 4758 steps instead of 400 at 1), and a
 * state accepted below it is a trap, since every step from there is refused (`qkv` with upwind on 40 x 40 x
 * 56 at 1). */
static const double GUARD = 1e4;

/* Local errors are held to a tenth of atol, or cells end below -atol (`contract` on 32 x 32 with Adams: -3.9
 * atol at a fraction of 1, -0.1 atol at 0.1; `gibbs` with BDF: -1.4 and -0.1). */
static const double ATOL_SHARE = 0.1;

/* Bits of a norm that steer: steps within 1/256 of the longest are as good, and what rounding does to the
 * difference that an error estimate is stays below them. */
enum { NORM_BITS = 8 };

/* Cells that a thread takes at a time. */
enum { CHUNK = 4096 };

void hf_evolution_start(const hf_density *density, hf_evolution *evolution) {
    double rtol = density->rtol, atol = density->atol;
    *evolution = (hf_evolution){.density = *density,
                                .ranks = hf_grid_ranks(density->grid),
                                .cells = hf_grid_cells(density->grid),
                                .end = density->end,
                                .rtol = rtol,
                                .atol = atol,
                                .local_rtol = density->share * rtol,
                                .local_atol = ATOL_SHARE * atol,
                                .positive = density->positive};
    evolution->entries = (double)evolution->cells;
    hf_ranks_sum(evolution->ranks, 1, &evolution->entries);
    evolution->entries += 1;
}

/* ---- refusals --------------------------------------------------------------------------------------- */

/* Least of 0 and the values, and their sum, which is finite where they are. y: shape (count). */
HF_CLONES static void extremes(size_t count, const double *restrict y, double *minimum, double *sum) {
    double least = 0, total = 0;
#pragma omp simd reduction(min : least) reduction(+ : total)
    for (size_t i = 0; i < count; i++) {
        least = y[i] < least ? y[i] : least;
        total += y[i];
    }
    *minimum = least;
    *sum = total;
}

bool hf_evolution_accepts(hf_evolution *evolution, double sum, double minimum) {
    double least = isfinite(sum) ? minimum : -INFINITY;
    hf_ranks_min(evolution->ranks, 1, &least);
    bool accepted = isfinite(least) && (least >= -GUARD * evolution->atol || !evolution->positive);
    evolution->refused += !accepted;
    evolution->overflowed += !isfinite(least);
    return accepted;
}

bool hf_evolution_rate(hf_evolution *evolution, const double *y, double *rate) {
    size_t cells = evolution->cells;
    double minimum = 0, sum = 0;
#pragma omp parallel for reduction(min : minimum) reduction(+ : sum) schedule(static) if (cells > HF_ALONE)
    for (size_t first = 0; first < cells; first += CHUNK) {
        double least, total;
        extremes(cells - first < CHUNK ? cells - first : CHUNK, y + first, &least, &total);
        minimum = least < minimum ? least : minimum;
        sum += total;
    }
    evolution->evaluations++;
    if (!hf_evolution_accepts(evolution, sum, minimum))
        return false;
    hf_density_rate(&evolution->density, y, rate, &rate[cells]);
    bool finite = isfinite(rate[cells]); /* a sum over all cells and ranks */
    evolution->refused += !finite;
    evolution->overflowed += !finite;
    return finite;
}

/* ---- the norm --------------------------------------------------------------------------------------- */

HF_CLONES static void fill_weights(size_t count, double rtol, double atol, const double *restrict y,
                                   double *restrict weight) {
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        weight[i] = 1 / (rtol * fabs(y[i]) + atol);
}

double hf_evolution_weight_of_s(const hf_evolution *evolution, double s) {
    return sqrt(evolution->entries) / (evolution->local_rtol * fmax(1, fabs(s)));
}

double hf_evolution_rounded(double norm) {
    int exponent;
    double mantissa = frexp(norm, &exponent);
    return ldexp(rint(ldexp(mantissa, NORM_BITS)), exponent - NORM_BITS);
}

double hf_evolution_norm(const hf_evolution *evolution, double squares, double error_of_s, double s) {
    double share = error_of_s * hf_evolution_weight_of_s(evolution, s);
    hf_ranks_sum(evolution->ranks, 1, &squares);
    return hf_evolution_rounded(sqrt((squares + share * share) / evolution->entries));
}

void hf_evolution_weights(const hf_evolution *evolution, const double *y, double *weight) {
    size_t cells = evolution->cells;
#pragma omp parallel for schedule(static) if (cells > HF_ALONE)
    for (size_t first = 0; first < cells; first += CHUNK)
        fill_weights(cells - first < CHUNK ? cells - first : CHUNK, evolution->local_rtol,
                     evolution->local_atol, y + first, weight + first);
    weight[cells] = hf_evolution_weight_of_s(evolution, y[cells]);
}

/* ---- what is said when a method gives up ------------------------------------------------------------ */

hf_status hf_evolution_raise_rounding(hf_error *error, const hf_evolution *evolution, double time) {
    return hf_raise(error, HF_ERR_NUMERIC,
                    "t = %.6g: the tolerances are below rounding; raise time.rtol (now %g) or time.atol (%g)",
                    time, evolution->rtol, evolution->atol);
}

hf_status hf_evolution_raise_stuck(hf_error *error, const hf_evolution *evolution, double time,
                                   const char *reason) {
    const char *name = evolution->density.name;
    char refused[64] = "";
    if (evolution->refused > 0)
        snprintf(refused, sizeof refused, " (trial states refused: %ld)", evolution->refused);
    if (evolution->overflowed > 0)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s, t = %.6g of %.6g: %s%s: states are not finite, the velocities overflow; %s",
                        name, time, evolution->end, reason, refused, evolution->density.overflow);
    if (evolution->refused > 0)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s, t = %.6g of %.6g: %s%s: densities are too negative; raise time.atol (now %g), "
                        "%s",
                        name, time, evolution->end, reason, refused, evolution->atol,
                        evolution->density.negative);
    return hf_raise(error, HF_ERR_NUMERIC,
                    "%s, t = %.6g of %.6g: %s; raise time.rtol (now %g) or time.atol (now %g)", name, time,
                    evolution->end, reason, evolution->rtol, evolution->atol);
}
