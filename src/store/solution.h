/* What the files about solution.nc share. */
#ifndef HF_STORE_SOLUTION_H
#define HF_STORE_SOLUTION_H

#include "store/dataset.h"

#include <headflow/store.h>

/* The file of a solution; belongs to it. */
const hf_dataset *hf_solution_dataset(const hf_solution *solution);

/* The part of solution.nc that states the problem, but for grid and events: heads, initial density, times. */
hf_status hf_solution_write_problem(hf_error *error, hf_dataset *dataset, const hf_problem *problem);

/* Whether that part has a variable or a dimension of this name. */
bool hf_solution_problem_reserves(const char *name);

/* A grid as a file has it: the dimension `bound`, and of each axis a dimension, the coordinate variable and
 * its bounds. */
hf_status hf_axes_write(hf_error *error, hf_dataset *dataset, const hf_grid *grid);

/* The same, by the names in `coordinate`. The caller destroys it. */
hf_status hf_axes_read(hf_error *error, const hf_dataset *dataset, hf_grid **out);

/* The variable `density` over the axes of the problem's grid, or over time and these. */
hf_status hf_density_define(hf_error *error, hf_dataset *dataset, const hf_problem *problem, bool over_time);

#endif
