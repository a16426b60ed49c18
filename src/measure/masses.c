/* Masses and points as all distances take them: checked, normalised, on periodic axes wrapped. */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

hf_status hf_mass_total(hf_error *error, const char *what, size_t count, const double *mass, double *total) {
    *total = mass == NULL ? (double)count : 0;
    for (size_t i = 0; mass != NULL && i < count; i++) {
        if (!(mass[i] >= 0))
            return hf_raise(error, HF_ERR_INPUT, "%s: mass %zu is %g; expected at least 0", what, i, mass[i]);
        *total += mass[i];
    }
    if (!(*total > 0) || !isfinite(*total))
        return hf_raise(error, HF_ERR_INPUT, "%s: the total mass is %g; expected a positive number", what,
                        *total);
    return HF_OK;
}

hf_status hf_mass_normalise(hf_error *error, const char *what, size_t count, const double *mass,
                            double *normalised) {
    double total;
    HF_TRY(hf_mass_total(error, what, count, mass, &total));
    for (size_t i = 0; i < count; i++)
        normalised[i] = mass == NULL ? 1 / total : mass[i] / total;
    return HF_OK;
}

hf_status hf_points_check(hf_error *error, size_t dim, const hf_points *points) {
    if (points->count == 0)
        return hf_raise(error, HF_ERR_INPUT, "no points; expected at least one");
    for (size_t i = 0; i < dim * points->count; i++)
        if (!isfinite(points->theta[i]))
            return hf_raise(error, HF_ERR_INPUT, "point %zu has a coordinate %g; expected finite ones",
                            i / dim, points->theta[i]);
    return HF_OK;
}

double hf_axis_wrap(const hf_axis *axis, double x) {
    if (!axis->periodic)
        return x;
    double length = axis->upper - axis->lower, y = x - length * floor((x - axis->lower) / length);
    return y >= axis->lower && y < axis->upper ? y : axis->lower; /* rounding may leave it */
}

double hf_axis_difference(const hf_axis *axis, double x, double y) {
    return axis->periodic ? remainder(x - y, axis->upper - axis->lower) : x - y;
}

static int by_point(const void *a, const void *b) {
    double x = ((const hf_atom *)a)->point, y = ((const hf_atom *)b)->point;
    return (x > y) - (x < y);
}

hf_status hf_atoms_create(hf_error *error, const hf_axis *axis, const hf_points *points, hf_atom **out) {
    *out = NULL;
    double total;
    HF_TRY(hf_points_check(error, 1, points));
    HF_TRY(hf_mass_total(error, "points", points->count, points->mass, &total));
    HF_TRY(hf_allocate(error, points->count, sizeof **out, out));
    for (size_t i = 0; i < points->count; i++)
        (*out)[i] = (hf_atom){hf_axis_wrap(axis, points->theta[i]),
                              (points->mass == NULL ? 1 : points->mass[i]) / total};
    qsort(*out, points->count, sizeof **out, by_point);
    return HF_OK;
}
