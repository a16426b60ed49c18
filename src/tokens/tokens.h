/* The insides of the token flow: kernels (circle.c, sphere.c), and what they move. */
#ifndef HF_TOKENS_TOKENS_H
#define HF_TOKENS_TOKENS_H

#include <headflow/tokens.h>

/* Numbers below this share of the largest are left out of a kernel. */
#define HF_TOKENS_CUTOFF 1e-18

/* The integral m(x) = int exp(x . D y - |D|) dmu(y) for point masses at the centres of a grid. */
typedef struct hf_tokens_kernel {
    /* interaction: shape (d, d). **self is NULL on failure. */
    hf_status (*create)(hf_error *error, const hf_grid *grid, const double *interaction, double norm,
                        void **self);
    void (*destroy)(void **self);
    /* mass, m: shape (cells). gradient: derivatives of m along the axes of the grid, shape (axes, cells), or
     * NULL. */
    void (*apply)(void *self, const double *mass, double *m, double *gradient);
} hf_tokens_kernel;

extern const hf_tokens_kernel hf_tokens_circle, hf_tokens_sphere, hf_tokens_direct;

/* |D| from which m is summed directly, and the most cells that are. docs/tokens.md, section 3. */
#define HF_TOKENS_STRONG 12.0
enum { HF_TOKENS_DIRECT_CELLS = 4096 };

/* Rows of a table times a vector. table: shape (rows, columns); vector: shape (columns); out: shape (rows).
 */
void hf_tokens_multiply(size_t rows, size_t columns, const double *table, const double *vector, double *out);

/* Of the lines of the grid along one of its axes. With a duality flux those of colatitudes are great circles:
 * a wall at the poles would cut its stencils where there is mass. */
typedef struct hf_tokens_lines {
    hf_grid *grid;
    hf_transport *transport;
} hf_tokens_lines;

struct hf_tokens {
    hf_tokens_input input;
    char *name, *title;
    hf_grid *grid;
    const hf_tokens_kernel *kernel;
    void *forward, *backward; /* of D, and of its transpose: NULL where they are the same */
    double norm;              /* |D| */
    bool dual;                /* point values, and velocities at centres */
    hf_tokens_lines along[2];
    double *place;                /* of the centres: shape (cells, d) */
    double *area;                 /* shape (cells of the first axis) */
    double *mass, *field, *other; /* the masses, m, and m of the transpose: shape (cells) each */
    double *whole;                /* a rate that is not handed out yet: shape (cells) */
    double *gradient;             /* shape (axes, cells); NULL where it is not asked for */
    size_t *cell;                 /* of a line: shape (most cells of a line) */
    double *line;                 /* shape (4, most cells of a line): density, rate, potential, velocity */
};

/* (T7) of tokens->mass. amplitude: shape (HF_TOKENS_AMPLITUDES). */
void hf_tokens_amplitudes(const hf_tokens *tokens, double *amplitude);

/* The centre of a cell with, for each axis, the direction in which it moves. */
typedef struct hf_tokens_place {
    double x[HF_TOKENS_DIM_MAX], along[2][HF_TOKENS_DIM_MAX];
} hf_tokens_place;

hf_tokens_place hf_tokens_place_at(const hf_grid *grid, size_t dim, size_t cell);

/* A point of the circle or the sphere. angle: theta, or theta and phi. x: shape (d). */
void hf_tokens_point(size_t dim, const double angle[], double x[]);

/* The mean of the initial density before it is normalised; (T6) has mean 1 but for the quadratic form. */
double hf_tokens_initial_mean(const hf_tokens_input *input);

/* The initial density at a point, normalised. */
double hf_tokens_initial_at(const hf_tokens_input *input, const double x[]);

double hf_tokens_sign(const hf_tokens_input *input); /* s */

/* x . D y - |D|. */
static inline double hf_tokens_exponent(size_t dim, const double *interaction, double norm, const double *x,
                                        const double *y) {
    double sum = -norm;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            sum += x[i] * interaction[i * dim + j] * y[j];
    return sum;
}

/* |D|. interaction: shape (d, d). */
double hf_tokens_matrix_norm(size_t dim, const double *interaction);

#endif
