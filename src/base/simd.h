/* Loops that are compiled for several vector widths, chosen at run time. */
#ifndef HF_BASE_SIMD_H
#define HF_BASE_SIMD_H

/* On a function definition: gcc on x86-64 compiles it for AVX-512, AVX2 and the baseline. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define HF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HF_CLONES
#endif

/* Loops that read a short piece of several arrays in turn ask for what lies HF_AHEAD numbers further on: no
 * piece is long enough for the hardware to see a stream in it. Past an end nothing is read. */
enum { HF_AHEAD = 512, HF_CACHE_LINE = 8 };

static inline void hf_ask_ahead(const double *here) {
    __builtin_prefetch((const char *)here + HF_AHEAD * sizeof *here);
}

/* exp in such loops: glibc has a vector version (4 ulp), which its headers offer with -ffast-math alone. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#include <math.h>
#ifdef __GLIBC__
__attribute__((__simd__("notinbranch"))) double exp(double);
#endif
#endif

#endif
