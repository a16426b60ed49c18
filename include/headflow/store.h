/** @file store.h
 *  Results on disk: NetCDF-4 files in the CF style, and figures drawn from them. docs/formats.md.
 *  A file is written beside its place and renamed onto it when it is complete, so that a killed run leaves
 * the old file as it was. A file that cannot be read or written gives HF_ERR_IO and one line: file, what,
 * reason. */
#ifndef HEADFLOW_STORE_H
#define HEADFLOW_STORE_H

#include <headflow/theory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- solution.nc: writing --------------------------------------------------------------------------- */

/** A solution being written while the integration runs. */
typedef struct hf_solution_writer hf_solution_writer;

/** Whether solution.nc uses a name itself, so that no coordinate can have it. */
bool hf_solution_reserves(const char *name);

/** Begin PATH; missing folders above it are created.
 *  @param[in] problem    borrowed: must outlive the writer
 *  @param[in] case_text  the case file as it was run, overrides included; copied into the file
 *  @return HF_ERR_INPUT when a coordinate has the name of one of the file's own variables */
hf_status hf_solution_writer_create(hf_error *error, const char *path, const hf_problem *problem,
                                    const char *case_text, hf_solution_writer **out);

/** What to hand to hf_flow_integrate. The writer must outlive it. */
hf_observer hf_solution_writer_observer(hf_solution_writer *writer);

/** Add error estimates of all outputs, as hf_estimate_run gives them: variables `risk_error`, ..
 *  @param[in] errors  shape (count): one for each output written */
hf_status hf_solution_writer_errors(hf_error *error, hf_solution_writer *writer, size_t count,
                                    const hf_record errors[]);

/** Complete the file: statistics, flush to disk, rename. The writer can only be destroyed afterwards. */
hf_status hf_solution_writer_finish(hf_error *error, hf_solution_writer *writer,
                                    const hf_statistics *statistics);

/** A writer that was not finished leaves nothing behind. */
void hf_solution_writer_destroy(hf_solution_writer **writer);

/* ---- solution.nc: reading --------------------------------------------------------------------------- */

/** A solution on disk; large arrays are read when they are asked for. */
typedef struct hf_solution hf_solution;

hf_status hf_solution_read(hf_error *error, const char *path, hf_solution **out);
void hf_solution_destroy(hf_solution **solution);

const char *hf_solution_name(const hf_solution *solution);
const char *hf_solution_title(const hf_solution *solution);
const char *hf_solution_case(const hf_solution *solution); /**< the whole case text */
double hf_solution_temperature(const hf_solution *solution);
const hf_grid *hf_solution_grid(const hf_solution *solution);
size_t hf_solution_events(const hf_solution *solution);  /**< E */
size_t hf_solution_classes(const hf_solution *solution); /**< C */

/** The output times, increasing; shape (*count). */
const double *hf_solution_times(const hf_solution *solution, size_t *count);
/** The times of the logits, increasing; shape (*count). */
const double *hf_solution_logit_times(const hf_solution *solution, size_t *count);

/** A series over the output times by its name: `risk`, ... with width 1, `mean` with D, `covariance` with D *
 * D.
 *  @param[out] values  shape (times, width) */
hf_status hf_solution_series(hf_error *error, const hf_solution *solution, const char *name, size_t width,
                             double *values);

/** The density at an output time. @param[out] rho shape (cells) */
hf_status hf_solution_density(hf_error *error, const hf_solution *solution, size_t index, double *rho);

/** The logits at `count` times from the index `first` on. @param[out] logits shape (count, E, classes) */
hf_status hf_solution_logits(hf_error *error, const hf_solution *solution, size_t first, size_t count,
                             double *logits);

/* ---- verify.nc -------------------------------------------------------------------------------------- */

/** A refinement study as a file; of its columns the errors at the end time are kept. */
hf_status hf_refinement_write(hf_error *error, const char *path, const hf_refinement *refinement);
hf_status hf_refinement_read(hf_error *error, const char *path, hf_refinement *out);

/* ---- figures ---------------------------------------------------------------------------------------- */

/** Draw all figures of a solution.nc, a verify.nc, or a folder with one or both. A figure NAME leaves
 * NAME.svg, NAME.pdf and NAME.png with its data NAME.dat and its script NAME.gp, which gnuplot runs by
 * itself.
 *  @param[in] folder  where they go, created if missing; NULL: `figures` beside the file
 *  @return HF_ERR_IO also when gnuplot is missing or fails */
hf_status hf_figures_draw(hf_error *error, const char *path, const char *folder);

#ifdef __cplusplus
}
#endif
#endif
