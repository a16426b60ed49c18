/* W_p of a density and weighted points on one axis: the checks, and which p. docs/theory.md (19), (20). */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

/* Cells of any sign will do for p = 1. */
static hf_status check_cells(hf_error *error, const hf_axis *axis, int p, const double *cell_mass) {
    double total = 0;
    if (p == 2)
        return hf_mass_total(error, axis->name, axis->cells, cell_mass, &total);
    for (size_t i = 0; i < axis->cells; i++)
        total += cell_mass[i];
    if (!(total > 0) || !isfinite(total))
        return hf_raise(error, HF_ERR_INPUT, "%s: the total mass is %g; expected a positive number",
                        axis->name, total);
    return HF_OK;
}

hf_status hf_wasserstein(hf_error *error, const hf_axis *axis, int p, const double *cell_mass,
                         const hf_points *points, double *distance) {
    hf_atom *atoms;
    if (p != 1 && p != 2)
        return hf_raise(error, HF_ERR_INPUT, "W_%d; expected W_1 or W_2", p);
    HF_TRY(check_cells(error, axis, p, cell_mass));
    HF_TRY(hf_atoms_create(error, axis, points, &atoms));
    hf_status status =
        (p == 1 ? hf_wasserstein1 : hf_wasserstein2)(error, axis, cell_mass, points->count, atoms, distance);
    free(atoms);
    return status;
}
