/* What the distances share: masses that are checked and normalised, sorted points of one axis, lengths on
 * periodic axes. */
#ifndef HF_MEASURE_MEASURE_H
#define HF_MEASURE_MEASURE_H

#include <headflow/measure.h>

/* A point of one axis and its share of the mass. */
typedef struct hf_atom {
    double point, mass;
} hf_atom;

/* The sum of masses, or their number where mass is NULL. HF_ERR_INPUT unless it is positive and finite and no
 * mass is negative; `what` names them in the message. */
hf_status hf_mass_total(hf_error *error, const char *what, size_t count, const double *mass, double *total);

/* Masses of sum 1. normalised: shape (count). */
hf_status hf_mass_normalise(hf_error *error, const char *what, size_t count, const double *mass,
                            double *normalised);

/* HF_ERR_INPUT for a coordinate that is not finite, or no points. */
hf_status hf_points_check(hf_error *error, size_t dim, const hf_points *points);

/* Points of one axis, wrapped into a periodic one, sorted, with masses of sum 1. free() them. */
hf_status hf_atoms_create(hf_error *error, const hf_axis *axis, const hf_points *points, hf_atom **out);

/* x moved by whole turns into [lower, upper) of a periodic axis; as it is on another. */
double hf_axis_wrap(const hf_axis *axis, double x);

/* x - y, on a periodic axis the shorter way round. */
double hf_axis_difference(const hf_axis *axis, double x, double y);

/* One coordinate: see hf_wasserstein. atoms from hf_atoms_create. */
hf_status hf_wasserstein1(hf_error *error, const hf_axis *axis, const double *cell_mass, size_t count,
                          const hf_atom *atoms, double *distance);
hf_status hf_wasserstein2(hf_error *error, const hf_axis *axis, const double *cell_mass, size_t count,
                          const hf_atom *atoms, double *distance);

#endif
