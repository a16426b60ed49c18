/* Loops that are compiled for several vector widths, chosen at run time. */
#ifndef HF_BASE_SIMD_H
#define HF_BASE_SIMD_H

/* On a function definition: gcc on x86-64 compiles it for AVX-512, AVX2 and the baseline. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define HF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HF_CLONES
#endif

#endif
