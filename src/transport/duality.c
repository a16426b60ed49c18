/* The duality fluxes, docs/numerics.md (24): linear in the density, with a dissipation that is the same on
 * the whole axis. Each is the transpose of an upwind-biased difference scheme for the adjoint equation, so
 * that it carries integrals of smooth functions at full order, whatever the density. The term tau Laplace rho
 * comes as central differences of the next even order, which have the same form as the dissipation. */
#include "transport/kernels.h"

static const hf_dual order5 = {
    {37. / 60, -8. / 60, 1. / 60}, {1. / 6, -1. / 12, 1. / 60}, {49. / 36, -5. / 36, 1. / 90}};

static const hf_dual order7 = {{533. / 840, -139. / 840, 29. / 840, -3. / 840},
                               {1. / 8, -3. / 40, 1. / 40, -1. / 280},
                               {205. / 144, -127. / 720, 17. / 720, -1. / 560}};

/* The faces of one of the lines: a copy, since otherwise they might be what a loop writes. */
static inline hf_faces faces_at(const hf_faces *faces, size_t line) {
    hf_faces at = *faces;
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        at.rho[j] += line * faces->advance;
    at.u += line;
    at.weights += line;
    at.flux += line * at.flux_advance;
    return at;
}

/* sum_j weight[j] rho[j][k], from the face outwards. */
static inline double sum5(const double *w, const hf_faces *f, size_t k) {
    return (w[2] * f->rho[2][k] + w[3] * f->rho[3][k]) + (w[1] * f->rho[1][k] + w[4] * f->rho[4][k]) +
           (w[0] * f->rho[0][k] + w[5] * f->rho[5][k]);
}

static inline double sum7(const double *w, const hf_faces *f, size_t k) {
    return ((w[3] * f->rho[3][k] + w[4] * f->rho[4][k]) + (w[2] * f->rho[2][k] + w[5] * f->rho[5][k])) +
           ((w[1] * f->rho[1][k] + w[6] * f->rho[6][k]) + (w[0] * f->rho[0][k] + w[7] * f->rho[7][k]));
}

static inline double term(const hf_faces *f, const hf_weights *w, size_t j, size_t k) {
    return (w->still[j] + w->tilt[j] * f->at[j][k]) * f->rho[j][k];
}

static inline double constant5(const hf_faces *f, const hf_weights *w, size_t k) {
    return sum5(w->still, f, k);
}

static inline double affine5(const hf_faces *f, const hf_weights *w, size_t k) {
    return sum5(w->still, f, k) + f->at[0][k] * sum5(w->tilt, f, k);
}

static inline double any5(const hf_faces *f, const hf_weights *w, size_t k) {
    return (term(f, w, 2, k) + term(f, w, 3, k)) + (term(f, w, 1, k) + term(f, w, 4, k)) +
           (term(f, w, 0, k) + term(f, w, 5, k));
}

static inline double constant7(const hf_faces *f, const hf_weights *w, size_t k) {
    return sum7(w->still, f, k);
}

static inline double affine7(const hf_faces *f, const hf_weights *w, size_t k) {
    return sum7(w->still, f, k) + f->at[0][k] * sum7(w->tilt, f, k);
}

static inline double any7(const hf_faces *f, const hf_weights *w, size_t k) {
    return ((term(f, w, 3, k) + term(f, w, 4, k)) + (term(f, w, 2, k) + term(f, w, 5, k))) +
           ((term(f, w, 1, k) + term(f, w, 6, k)) + (term(f, w, 0, k) + term(f, w, 7, k)));
}

/* Fluxes of faces; and their part in the rate of a line, and in its work. The weights of one axis fill the
 * registers, so that each has a loop of its own. */
#define LOOPS(face, NEXT)                                                                                    \
    HF_CLONES static void along_##face(size_t lines, size_t count, const hf_faces *faces) {                  \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces a = faces_at(faces, line);                                                        \
            const hf_weights w = *a.weights;                                                                 \
            _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) a.flux[k] = face(&a, &w, k);   \
        }                                                                                                    \
    }                                                                                                        \
    static inline double share_##face(const hf_faces *a, const hf_weights *w, double *out, size_t k) {       \
        double flux = face(a, w, k);                                                                         \
        out[k] += a->flux[k] - flux;                                                                         \
        a->flux[k] = flux;                                                                                   \
        return (a->u->base + a->u->slope * a->x[k]) * flux;                                                  \
    }                                                                                                        \
    HF_CLONES static void more_##face(size_t lines, size_t count, const hf_faces *faces, double *rate,       \
                                      hf_work work) {                                                        \
        for (size_t line = 0; line < lines; line++) {                                                        \
            hf_velocity u = faces->u[line];                                                                  \
            hf_faces a = faces_at(faces, line);                                                              \
            a.u = &u;                                                                                        \
            const hf_weights w = *a.weights;                                                                 \
            double *out = rate + line * count;                                                               \
            double sums[HF_LANES] = {0};                                                                     \
            HF_SUM(count, sums, a.far ? a.rho[NEXT] : NULL, a.flux, share_##face, &a, &w, out);              \
            hf_add_work(sums, a.area, work, line);                                                           \
        }                                                                                                    \
    }

LOOPS(constant5, 5)
LOOPS(affine5, 5)
LOOPS(any5, 5)
LOOPS(constant7, 7)
LOOPS(affine7, 7)
LOOPS(any7, 7)

/* The share of the faces between the cells of lines. */
HF_CLONES static void start(size_t lines, size_t count, const hf_faces *inner, const hf_faces *varying,
                            const hf_faces *steady, double *rate, hf_work work) {
    (void)varying, (void)steady;
    for (size_t line = 0; line < lines; line++) {
        const hf_line l = hf_line_at(inner, 1, line);
        double *out = rate + line * count, sums[HF_LANES] = {0};
        if (inner->steady)
            HF_SUM(count, sums, l.next, out, hf_line_steady, &l, out);
        else
            HF_SUM(count, sums, l.next, out, hf_line_varying, &l, out);
        hf_add_work(sums, inner->area, work, line);
    }
}

/* By the form of the weights. */
#define KERNELS(order)                                                                                       \
    static void along##order(size_t lines, size_t count, const hf_faces *faces) {                            \
        static void (*const loop[])(size_t, size_t,                                                          \
                                    const hf_faces *) = {[HF_CONSTANT] = along_constant##order,              \
                                                         [HF_AFFINE] = along_affine##order,                  \
                                                         [HF_ANY] = along_any##order};                       \
        loop[faces->form](lines, count, faces);                                                              \
    }                                                                                                        \
    static void more##order(size_t lines, size_t count, const hf_faces *faces, double *rate, hf_work work) { \
        static void (*const loop[])(size_t, size_t, const hf_faces *, double *,                              \
                                    hf_work) = {[HF_CONSTANT] = more_constant##order,                        \
                                                [HF_AFFINE] = more_affine##order,                            \
                                                [HF_ANY] = more_any##order};                                 \
        loop[faces->form](lines, count, faces, rate, work);                                                  \
    }                                                                                                        \
    static const hf_kernels kernels##order = {along##order, start, more##order};

KERNELS(5)
KERNELS(7)

const hf_flux hf_flux_duality5 = {
    .name = "duality5",
    .summary = "fifth order in integrals, linear: signed where unresolved",
    .order = 5,
    .halo = 3,
    .cells_min = 9,
    .cold = true,
    .warm = true,
    .dual = true,
    .scheme = &order5,
    .kernels = &kernels5,
};

const hf_flux hf_flux_duality7 = {
    .name = "duality7",
    .summary = "seventh order in integrals, linear: signed where unresolved",
    .order = 7,
    .halo = 4,
    .cells_min = 9,
    .cold = true,
    .warm = true,
    .dual = true,
    .scheme = &order7,
    .kernels = &kernels7,
};
