/* A figure: its data and its gnuplot script. docs/formats.md, "Figures".
 * Adding one is a new file and a line in the table of figures.c. */
#ifndef HF_STORE_FIGURE_H
#define HF_STORE_FIGURE_H

#include <headflow/store.h>

#include <stdio.h>

/* What figures are drawn from: one of solution, tokens, refinement, minimum, settling, chaos and paths; the
 * others are NULL.
 */
typedef struct hf_figure_source {
    const hf_solution *solution;
    const hf_tokens_solution *tokens;
    const hf_refinement *refinement;
    const hf_minimum *minimum;
    const hf_settling *settling; /* with a course */

    const hf_chaos *chaos;
    const char *name, *title;       /* of the case, with chaos */
    const hf_solution *limit;       /* with chaos: what was compared, where both files are beside it; */
    const hf_trajectories *trained; /* else NULL */

    const hf_paths_record *paths;
} hf_figure_source;

typedef struct hf_figure {
    const char *name;     /* its files: NAME.gp, NAME.dat, NAME.svg, NAME.pdf, NAME.png */
    double width, height; /* [mm] */
    bool (*applies)(const hf_figure_source *source);
    /* Write NAME.dat, text whose first lines say what the columns are, and the plot commands of NAME.gp: they
     * stand between what hf_gnuplot_begin and hf_gnuplot_end write, in a loop over the formats. */
    hf_status (*write)(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script);
} hf_figure;

/* The k-th of `shown` equidistant ones among `outputs` output times: the first and the last are among them.
 */
static inline size_t hf_figure_snapshot(size_t k, size_t shown, size_t outputs) {
    return (k * (outputs - 1) + (shown - 1) / 2) / (shown - 1);
}

extern const hf_figure hf_figure_density_curves; /* D = 1 */
extern const hf_figure hf_figure_density_maps;   /* D = 2, 3, 4 */
extern const hf_figure hf_figure_risk;
extern const hf_figure hf_figure_energy;
extern const hf_figure hf_figure_convergence;
extern const hf_figure hf_figure_optimum_curve; /* D = 1 */
extern const hf_figure hf_figure_optimum_map;   /* D = 2 */
extern const hf_figure hf_figure_optimum_row;   /* D = 3 */
extern const hf_figure hf_figure_optimum_rows;  /* D = 4 */
extern const hf_figure hf_figure_approach;
extern const hf_figure hf_figure_lojasiewicz;
extern const hf_figure hf_figure_chaos_heads;
extern const hf_figure hf_figure_chaos_step;
extern const hf_figure hf_figure_chaos_time;
extern const hf_figure hf_figure_chaos_distances;
extern const hf_figure hf_figure_tokens_density; /* one angle */
extern const hf_figure hf_figure_tokens_sphere;  /* two angles */
extern const hf_figure hf_figure_tokens_energy;
extern const hf_figure hf_figure_tokens_growth;      /* D a multiple of the identity */
extern const hf_figure hf_figure_heads_over_density; /* D = 2 */
extern const hf_figure hf_figure_marginal;           /* D = 1 */
extern const hf_figure hf_figure_paths_order, hf_figure_paths_accuracy, hf_figure_paths_alignment,
    hf_figure_paths_pruning;
extern const hf_figure hf_figure_marginals; /* D = 2, 3, 4 */

#endif
