/** @file store.h
 *  Results on disk: NetCDF-4 files in the CF style, and figures drawn from them. docs/formats.md.
 *  A file is written beside its place and renamed onto it when it is complete, so that a killed run leaves
 * the old file as it was. A file that cannot be read or written gives HF_ERR_IO and one line: file, what,
 * reason. */
#ifndef HEADFLOW_STORE_H
#define HEADFLOW_STORE_H

#include <headflow/chaos.h>
#include <headflow/paths.h>
#include <headflow/stationary.h>
#include <headflow/theory.h>
#include <headflow/tokens.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- solution.nc: writing ------------------------------------------------------------------------ */

/** Whether a file can be written there, its folders created, as far as can be told without doing so: what a
 *  long computation asks before it begins.
 *  @return HF_ERR_IO with the reason */
hf_status hf_output_check(hf_error *error, const char *path);

/** A solution being written while the integration runs. */
typedef struct hf_solution_writer hf_solution_writer;

/** Whether solution.nc uses a name itself, so that no coordinate can have it. */
bool hf_solution_reserves(const char *name);

/** Begin PATH; missing folders above it are created. On several ranks (those of the problem) the first has
 * the file; all functions of the writer and its observer are then collective, with densities of this rank's
 * part.
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

/* ---- solution.nc: going on ---------------------------------------------------------------------- */

/** What a run's observer is told, kept beside its file until that is complete, so that a run that was ended
 * can be resumed: PATH.journal and PATH.checkpoint. docs/formats.md, section 4. All functions are collective.
 */
typedef struct hf_recorder hf_recorder;

/** Begin, or with `resume` go on where the last checkpoint is, if there is one; without, what was there is
 * lost. One process at a time has it.
 *  @param[in] path       of the solution: names the two files
 *  @param[in] problem    borrowed: must outlive the recorder
 *  @param[in] case_text  as hf_solution_writer_create has it
 *  @return HF_ERR_INPUT when the checkpoint is of another case, with the difference, or another version;
 *  HF_ERR_IO when another run has the files, or they are damaged */
hf_status hf_recorder_create(hf_error *error, const char *path, const hf_problem *problem,
                             const char *case_text, bool resume, hf_recorder **out);

/** Where to go on, by hf_flow_resume; belongs to the recorder. NULL: from the beginning. Its rho is NULL when
 * the integration had come to its end. */
const hf_checkpoint *hf_recorder_checkpoint(const hf_recorder *recorder);

/** Whether beginning anew has discarded a checkpoint that was there. */
bool hf_recorder_discarded(const hf_recorder *recorder);

/** What to hand to hf_flow_resume: outputs and logits are kept, and all calls go on to another observer.
 *  @param[in] to  copied; with output and logits */
hf_observer hf_recorder_observer(hf_recorder *recorder, const hf_observer *to);

/** Tell that other observer all that was kept up to the checkpoint. */
hf_status hf_recorder_replay(hf_error *error, hf_recorder *recorder);

/** Make all that came up to now and this state a checkpoint, in the place of the one before it.
 *  @param[in] here  rho NULL: the integration has come to its end */
hf_status hf_recorder_keep(hf_error *error, hf_recorder *recorder, const hf_checkpoint *here);

/** Remove both files, when the solution is complete or cannot be had; the recorder can only be destroyed
 * afterwards. */
hf_status hf_recorder_remove(hf_error *error, hf_recorder *recorder);

/** Leaves a checkpoint behind if there is one, and nothing else. */
void hf_recorder_destroy(hf_recorder **recorder);

/* ---- solution.nc: reading ------------------------------------------------------------------------ */

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

/** Whether it has a series of this name: errors, `risk_error`, ..., are there where the run estimated them.
 */
bool hf_solution_has(const hf_solution *solution, const char *name);

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

/** The problem as it was run, rebuilt from the file alone but for `estimate` and `particles`: events, heads,
 * axes, initial density, scheme, tolerances and times. Weights of events and of a mixture are the same bit
 * for bit where they were whole numbers or are few, else within a rounding error, as labels are.
 *  @return HF_ERR_IO when the file contradicts itself, or is of a version that did not store the heads */
hf_status hf_solution_problem(hf_error *error, const hf_solution *solution, hf_problem **out);

enum { HF_FINGERPRINT_MAX = 17 };

/** What trained heads depend on, events, heads, ridge and initial density, as 16 hexadecimal digits: equal
 * for equal problems, whatever their grid, scheme and times. */
void hf_problem_fingerprint(const hf_problem *problem, char text[HF_FINGERPRINT_MAX]);

/** The fingerprint of the problem that a solution solves; belongs to it. NULL where the file does not say. */
const char *hf_solution_fingerprint(const hf_solution *solution);

/* ---- particles.nc: writing ----------------------------------------------------------------------- */

/** What a file of head trajectories holds; all of it is borrowed and copied. */
typedef struct hf_particles_layout {
    const char *name, *title; /**< of the case */
    const char *case_text;    /**< the case file as it was run, overrides included */
    const char *problem;      /**< its fingerprint */
    bool deterministic;       /**< whether the date is left out */
    size_t dim;
    const char *const *coordinates; /**< shape (dim): names of the head coordinates */
    size_t time_count;
    const double *times; /**< shape (time_count): increasing from 0 */
    size_t ensemble_count;
    const hf_ensemble *ensembles; /**< shape (ensemble_count), no two equal */
    size_t seeds;                 /**< numbered from 0 */
} hf_particles_layout;

/** Head trajectories being written, member after member: a member is an ensemble's run with one seed. Whoever
 * uses a writer from several threads lets one in at a time. */
typedef struct hf_particles_writer hf_particles_writer;

/** Begin PATH, or go on with it: members go to PATH.journal first, and those that an interrupted run of the
 * same layout and version left there are kept. Missing folders above it are created.
 *  @return HF_ERR_INPUT for a layout that makes no file; HF_ERR_IO when another run is writing it */
hf_status hf_particles_writer_create(hf_error *error, const char *path, const hf_particles_layout *layout,
                                     hf_particles_writer **out);

/** Whether a member is there already. */
bool hf_particles_writer_has(const hf_particles_writer *writer, size_t ensemble, size_t seed);

/** Add a member, in any order.
 *  @param[in] theta  shape (times, N, D)
 *  @return HF_ERR_NUMERIC when a head is not finite */
hf_status hf_particles_writer_put(hf_error *error, hf_particles_writer *writer, size_t ensemble, size_t seed,
                                  const double *theta);

/** Write PATH from the journal, one member in memory at a time, and remove the journal. The writer can only
 * be destroyed afterwards.
 *  @return HF_ERR_INPUT when a member is missing */
hf_status hf_particles_writer_finish(hf_error *error, hf_particles_writer *writer);

/** A writer that was not finished leaves its journal behind, and PATH as it was. */
void hf_particles_writer_destroy(hf_particles_writer **writer);

/* ---- head trajectories: reading ------------------------------------------------------------------ */

/** Head trajectories on disk: a particles.nc, or what another program wrote as NetCDF or CSV.
 * docs/formats.md, section 5. */
typedef struct hf_trajectories hf_trajectories;

/** Open a file and check all of it but the heads' positions, which are read when they are asked for (of CSV
 * at once). NetCDF is told from CSV by its first bytes.
 *  @param[in] coordinates  shape (dim): names of the head coordinates that it must have, in this order; a CSV
 * file in any
 *  @return HF_ERR_IO when the file cannot be read or is damaged; HF_ERR_INPUT when it says something wrong */
hf_status hf_trajectories_read(hf_error *error, const char *path, size_t dim, const char *const coordinates[],
                               hf_trajectories **out);
void hf_trajectories_destroy(hf_trajectories **trajectories);

const char *hf_trajectories_path(const hf_trajectories *trajectories);
/** The fingerprint of the problem that the heads were trained on; NULL where the file does not say. */
const char *hf_trajectories_problem(const hf_trajectories *trajectories);
size_t hf_trajectories_ensembles(const hf_trajectories *trajectories);
hf_ensemble hf_trajectories_ensemble(const hf_trajectories *trajectories, size_t ensemble);

/** The numbers of the seeds, all different; shape (*count). */
const long *hf_trajectories_seeds(const hf_trajectories *trajectories, size_t *count);
/** The times, increasing from 0; shape (*count). */
const double *hf_trajectories_times(const hf_trajectories *trajectories, size_t *count);

/** The heads of a member.
 *  @param[in]  seed   its place among the seeds
 *  @param[out] theta  shape (times, N, D)
 *  @return HF_ERR_IO when the file is damaged there; HF_ERR_INPUT when a position is not finite */
hf_status hf_trajectories_theta(hf_error *error, const hf_trajectories *trajectories, size_t ensemble,
                                size_t seed, double *theta);

/* ---- chaos.nc ------------------------------------------------------------------------------------ */

/** A comparison as a file; name, title, case and flux are those of the solution.
 *  @return HF_ERR_INPUT when the comparison has another number of coordinates than the solution */
hf_status hf_chaos_write(hf_error *error, const char *path, const hf_solution *solution,
                         const hf_chaos *chaos);

/** The same comparison, bit for bit; to be destroyed with hf_chaos_destroy.
 *  @return HF_ERR_IO when the file cannot be read, is damaged or contradicts itself */
hf_status hf_chaos_read(hf_error *error, const char *path, hf_chaos **out);

/* ---- verify.nc ----------------------------------------------------------------------------------- */

/** A refinement study as a file; of its columns the errors at the end time are kept. */
hf_status hf_refinement_write(hf_error *error, const char *path, const hf_refinement *refinement);
hf_status hf_refinement_read(hf_error *error, const char *path, hf_refinement *out);

/* ---- optimum.nc ---------------------------------------------------------------------------------- */

/** The minimum of a case as a file, with its potential at the cell centres of the case's grid.
 *  @param[in] case_text  the case file as it was read, overrides included
 *  @return HF_ERR_INPUT when a coordinate has the name of one of the file's own variables */
hf_status hf_optimum_write(hf_error *error, const char *path, const hf_problem *problem,
                           const char *case_text, const hf_optimum *optimum);
/** The same with a temperature. */
hf_status hf_gibbs_write(hf_error *error, const char *path, const hf_problem *problem, const char *case_text,
                         const hf_gibbs *gibbs);

/** max |softmax(z_e) - y_e| of a minimiser over events and classes. Where it is 0 all labels are matched:
 * Psi is zero on the whole box, at ridge 0, and the minimisers are many. */
double hf_optimum_mismatch(const hf_problem *problem, const hf_optimum *optimum);
#define HF_MATCHED 1e-6 /**< below this it is taken as 0 */

/** What an optimum.nc holds: of optimum and gibbs the one that is there. */
typedef struct hf_minimum {
    char name[HF_TITLE_MAX], title[HF_TITLE_MAX]; /**< of the case */
    double temperature;
    hf_grid *grid;
    bool thermal;       /**< with a temperature */
    hf_optimum optimum; /**< without one */
    double *potential;  /**< Psi of the optimum at the cell centres; shape (cells) */
    hf_gibbs gibbs;
} hf_minimum;

/** The same, bit for bit. @return HF_ERR_IO when the file cannot be read, is damaged or contradicts itself */
hf_status hf_minimum_read(hf_error *error, const char *path, hf_minimum *out);
void hf_minimum_clear(hf_minimum *minimum);

/* ---- limit.nc ------------------------------------------------------------------------------------ */

/** Where a case, or a solution of it, comes to rest, as a file.
 *  @param[in] solved  NULL: of the case alone */
hf_status hf_rest_write(hf_error *error, const char *path, const hf_problem *problem, const char *case_text,
                        const hf_solved *solved, const hf_rest *rest);

/** The course of a solution to rest, as a limit.nc holds it: what figures show. */
typedef struct hf_settling {
    char name[HF_TITLE_MAX], title[HF_TITLE_MAX]; /**< of the case */
    double temperature;
    size_t count;                      /**< output times; 0: of a case alone */
    double *time, *risk, *dissipation; /**< shape (count); the free energy with a temperature */
    hf_approach approach;
} hf_settling;

/** @return HF_ERR_IO when the file cannot be read, is damaged or contradicts itself */
hf_status hf_settling_read(hf_error *error, const char *path, hf_settling *out);
void hf_settling_clear(hf_settling *settling);

/* ---- paths.nc ------------------------------------------------------------------------------------ */

/** A study of attention paths being written while it runs. docs/paths.md. */
typedef struct hf_paths_writer hf_paths_writer;

/** @param[in] study  borrowed: must outlive the writer */
hf_status hf_paths_writer_create(hf_error *error, const char *path, const hf_paths_study *study,
                                 hf_paths_writer **out);
hf_paths_observer hf_paths_writer_observer(hf_paths_writer *writer); /**< what to hand to the study */
hf_status hf_paths_writer_finish(hf_error *error, hf_paths_writer *writer);
void hf_paths_writer_destroy(hf_paths_writer **writer); /**< one that was not finished leaves nothing */

/** What figures and the report tell of a paths.nc. */
typedef struct hf_paths_record hf_paths_record;
hf_status hf_paths_record_read(hf_error *error, const char *path, hf_paths_record **out);
void hf_paths_record_destroy(hf_paths_record **record);

/** Write one HTML page about a study of attention paths, as hf_report_write does for a density. */
hf_status hf_paths_report_write(hf_error *error, const char *path, const char *page);

/* ---- figures ------------------------------------------------------------------------------------- */

/** Draw all figures of a solution.nc, a verify.nc, a chaos.nc, an optimum.nc, a limit.nc, a paths.nc, or a
 * folder with some of them. A figure NAME leaves NAME.svg, NAME.pdf and NAME.png with its data NAME.dat and
 * its script NAME.gp, which gnuplot runs by itself.
 *  @param[in] folder  where they go, created if missing; NULL: `figures` beside the file
 *  @return HF_ERR_IO also when gnuplot is missing or fails */
hf_status hf_figures_draw(hf_error *error, const char *path, const char *folder);

/* ---- report.html --------------------------------------------------------------------------------- */

/** What a report tells of; all of it is borrowed. */
typedef struct hf_report {
    const char
        *path; /**< of the solution; chaos.nc and verify.nc are looked for beside it, for their figures */
    const hf_solution *solution;
    const hf_solved *solved;         /**< the same solution */
    const hf_rest *rest;             /**< what hf_rest_measure says of it */
    const hf_chaos *chaos;           /**< NULL: no chaos.nc */
    const hf_refinement *refinement; /**< NULL: no verify.nc */
} hf_report;

/** Write one HTML page about a solved case: figures, tables, the case and its provenance, without script and
 * without a reference to anything outside. Figures are drawn by gnuplot in a temporary folder.
 *  @return HF_ERR_IO also when gnuplot is missing or fails; nothing is left behind then, a page that was
 * there stays */
hf_status hf_report_write(hf_error *error, const char *path, const hf_report *report);

/** The verdict of a report in a sentence of plain text. */
hf_status hf_report_verdict(hf_error *error, const hf_report *report, size_t size, char *text);

/* ---- tokens ----------------------------------------------------------------------------------------- */

/** solution.nc of a token flow, written while it is computed. docs/tokens.md, section 5. */
typedef struct hf_tokens_writer hf_tokens_writer;

/** @param[in] case_text  kept in the file; may be NULL */
hf_status hf_tokens_writer_create(hf_error *error, const char *path, const hf_tokens *tokens,
                                  const char *case_text, hf_tokens_writer **out);
/** An output; for hf_tokens_observer. @param[in] self  the writer */
hf_status hf_tokens_writer_output(hf_error *error, void *self, const hf_tokens_record *record,
                                  const double *g);
hf_status hf_tokens_writer_finish(hf_error *error, hf_tokens_writer *writer, const hf_statistics *statistics);
void hf_tokens_writer_destroy(hf_tokens_writer **writer);

/** The same, read: everything but the densities, which hf_tokens_solution_density reads. */
typedef struct hf_tokens_solution {
    struct hf_dataset *dataset;
    char *name, *title, *text, *flux, *attention, *direction; /**< text: of the case, or NULL */
    hf_tokens_input input; /**< what the file says of the problem: dim, interaction, rule, direction, cells */
    hf_grid *grid;
    double norm;    /**< |D| */
    size_t count;   /**< output times */
    double *series; /**< of all the arrays below, one after the other */
    double *time, *energy, *power, *gained, *mass,
        *minimum;      /**< shape (count) each; energies times e^{-|D|} */
    double *amplitude; /**< shape (count, HF_TOKENS_AMPLITUDES) */
    double *mean;      /**< shape (count, d) */
} hf_tokens_solution;

/** Clear it whatever the status. */
hf_status hf_tokens_solution_read(hf_error *error, const char *path, hf_tokens_solution *out);
/** Density on the circle or the sphere, per length or area. @param[out] rho  shape (cells) */
hf_status hf_tokens_solution_density(hf_error *error, const hf_tokens_solution *solution, size_t index,
                                     double *rho);
void hf_tokens_solution_clear(hf_tokens_solution *solution);

/** The model of a solution.nc, `heads` where it does not say. @param[out] model  shape (HF_NAME_MAX) */
hf_status hf_solution_model(hf_error *error, const char *path, char model[]);

/** One self-contained HTML page about a token flow: what was kept, figures, stationary clusters, the case.
 *  @param[in] solution_path  of its solution.nc
 *  @param[in] path           of the page */
hf_status hf_tokens_report_write(hf_error *error, const char *solution_path, const char *path);

#ifdef __cplusplus
}
#endif
#endif
