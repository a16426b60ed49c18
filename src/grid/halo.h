/* The layers of a density beyond the ends of a part, from the ranks beside it. docs/numerics.md, section 1.
 */
#ifndef HF_GRID_HALO_H
#define HF_GRID_HALO_H

#include <headflow/grid.h>

typedef struct hf_halo hf_halo;

/* For the part of a rank (hf_grid_divide), `width` layers on each side of its divided axes; nothing is ever
 * exchanged along an axis that is whole. Collective. The part is borrowed: it must outlive the halo.
 * HF_ERR_INPUT when parts are narrower than the halo. */
hf_status hf_halo_create(hf_error *error, const hf_grid *part, size_t width, hf_halo **out);
void hf_halo_destroy(hf_halo **halo);

/* Send this rank's outermost layers and begin to receive; the layers are complete when hf_halo_finish
 * returns. Collective; one thread of each rank calls them. rho may change between the two. rho: shape (cells)
 */
void hf_halo_start(hf_halo *halo, const double *rho);
void hf_halo_finish(hf_halo *halo);

/* The layers beyond the lower (side 0) or upper (side 1) end of an axis, in the direction of the axis: shape
 * (cells before it, width, cells after it). The same array in every exchange. NULL where the axis is whole or
 * ends at a wall. */
const double *hf_halo_layers(const hf_halo *halo, size_t axis, int side);

#endif
