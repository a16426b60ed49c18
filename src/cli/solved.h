/* A solution read back with what the verbs about its course need in memory. */
#ifndef HF_CLI_SOLVED_H
#define HF_CLI_SOLVED_H

#include <headflow/stationary.h>
#include <headflow/store.h>

typedef struct cli_solved {
    hf_solution *solution;
    hf_problem *problem; /* as it was run, rebuilt from the file */
    double *series;      /* all series of `solved` */
    double *rho;         /* shape (cells) */
    hf_solved solved;    /* borrows from the members above */
} cli_solved;

/* The solution that a path names: the file itself, or solution.nc in a folder. On the heap. */
hf_status cli_find_solution(hf_error *error, const char *path, char **file);

/* The solution that an argument of a verb for cases and solutions names, a file or a folder with a
 * solution.nc; NULL where it names a case, whose name comes before that of a folder. On the heap. */
hf_status cli_solution_of(hf_error *error, const char *argument, char **file);

/* Read a solution.nc: problem, series over the output times, last density. Clear it whatever the status.
 * HF_ERR_IO when the file cannot be read, is damaged, or does not state its problem. */
hf_status cli_read_solved(hf_error *error, const char *path, cli_solved *out);
void cli_clear_solved(cli_solved *solved);

#endif
