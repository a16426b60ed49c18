/* What transport.c sets up and walk.c goes through, and the stencils in between. */
#ifndef HF_TRANSPORT_WALK_H
#define HF_TRANSPORT_WALK_H

#include "transport/schemes.h"

enum { HF_OUTER_MAX = HF_DIM_MAX - 1, HF_VALUES_MAX = HF_DIM_MAX, HF_LINES_MAX = 16 };

/* What a thread works in. n: cells of the last axis. */
typedef struct hf_workspace {
    double *memory;                 /* all of it */
    double *flux[HF_OUTER_MAX];     /* F/h of the faces below a line, for all lines before the axis: shape
                                       (cells of the axes after it) */
    double *lined;                  /* F/h of the faces of lines: shape (1 + cells of the lines) */
    double *line;                   /* lines of density with ghosts: shape (lines, n + 2 HF_HALO_MAX) */
    double *padded;                 /* lines with those before and after: shape (lines + 2 HF_HALO_MAX, n) */
    double *velocity;               /* of a line with ghosts: shape (n + 2 HF_HALO_MAX) */
    double *difference[HF_DIM_MAX]; /* of the potential across faces: shape (n + 1) */
    double *rate;                   /* of lines, for a sink: shape (cells of the lines) */
    double *held[HF_DIM_MAX][2];    /* lines before a wall, less what that holds: shape (cells of the
 lines) */
    double *zero;                   /* shape (cells of the lines) */
    hf_velocity velocities[HF_DIM_MAX][HF_LINES_MAX]; /* of the faces along each axis */
    hf_weights weights[HF_DIM_MAX][HF_LINES_MAX];
    hf_faces below;               /* the faces of a line from the one below its first cell on */
    hf_faces inner;               /* the same from the next one on */
    hf_faces above[HF_OUTER_MAX]; /* the upper faces of a line along the outer axes */
} hf_workspace;

struct hf_transport {
    const hf_grid *grid;
    const hf_flux *flux;
    const hf_kernels *kernels;
    double temperature;
    size_t dim, cells[HF_DIM_MAX], stride[HF_DIM_MAX];
    double spacing[HF_DIM_MAX];
    size_t threads;
    hf_workspace *workspaces;                 /* shape (threads) */
    double *center;                           /* of the last axis, with ghosts: shape (n + 2 HF_HALO_MAX) */
    double *run_center;                       /* of the axis before it, likewise */
    double *face;                             /* its faces: shape (n + 1) */
    size_t planes;                            /* of the first axis */
    double (*partial)[HF_DIM_MAX * HF_LANES]; /* the dissipation by planes, in parts: shape (planes) */
    size_t lines;                             /* at most at a time, 1..HF_LINES_MAX */
};

/* A block of cells in which one thread goes from line to line. */
typedef struct hf_walk {
    hf_transport *transport;
    const hf_potential *potential;
    const hf_beyond *beyond;
    const double *rho;
    hf_workspace *space;
    size_t rows, row_axes, row_stride[HF_DIM_MAX]; /* of the potential's rows */
    double diffusion[HF_DIM_MAX];                  /* tau/h^2 */
    double scale[HF_DIM_MAX];                      /* 1/h */
    bool wall[HF_DIM_MAX][2];                      /* no face at that end; side 0: below, 1: above */
    bool periodic[HF_DIM_MAX];                     /* wraps inside the grid */
    bool sticky[HF_DIM_MAX];                       /* walls hold what is pressed on them */
    size_t begin[HF_DIM_MAX], end[HF_DIM_MAX];     /* of the block, along each axis */
    /* the line at hand */
    size_t index[HF_DIM_MAX], start, row; /* its first cell and that one's row */
    double v[HF_VALUES_MAX];              /* the value coordinates but the last */
    /* dual: weights of the velocity and of the density in the stencil, over h */
    double advect[HF_DIM_MAX][HF_STENCIL_MAX], diffuse[HF_DIM_MAX][HF_STENCIL_MAX];
} hf_walk;

void hf_walk_create(hf_transport *transport, const hf_potential *potential, const hf_beyond *beyond,
                    const double *rho, hf_workspace *space, hf_walk *out);

/* To the line at walk->index. */
void hf_walk_place(hf_walk *walk);

/* How many lines from walk->index on, along the last outer axis, are at most at hand together: all their
 * outer faces are open, and what flows through the lower ones along that axis is there. At least 1, at most
 * `most`.
 */
size_t hf_walk_lines(const hf_walk *walk, size_t most);

/* The faces between cell i and cell i + 1 along an outer axis, i from -1, of the line at hand. */
void hf_walk_across(const hf_walk *walk, size_t axis, ptrdiff_t i, hf_faces *faces);

/* The upper faces along an outer axis of several lines, hf_walk_lines: `above` of the workspace. */
void hf_walk_lines_across(const hf_walk *walk, size_t axis, size_t lines);

/* The faces of the lines themselves: `inner` of the workspace. */
void hf_walk_lines_along(const hf_walk *walk, size_t lines);

/* The faces of the line itself, `below` and `inner` of the workspace. */
void hf_walk_along(const hf_walk *walk);

#endif
