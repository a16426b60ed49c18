/* The numerical fluxes, one a file; the tables that name them and the limiters are in schemes.c. */
#ifndef HF_TRANSPORT_SCHEMES_H
#define HF_TRANSPORT_SCHEMES_H

#include <headflow/transport.h>

extern const hf_flux hf_flux_upwind;
extern const hf_flux hf_flux_muscl;
extern const hf_flux hf_flux_duality5;
extern const hf_flux hf_flux_duality7;
extern const hf_flux hf_flux_scharfetter_gummel;

/* max(x, 0) in one instruction, where fmax would call the library for the sake of NaN. */
static inline double hf_positive(double x) {
    return x > 0 ? x : 0;
}

#endif
