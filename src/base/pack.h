/* Eight doubles as one value, by the vector extension that gcc and clang share: loops written with it take
 * the widest registers of the clone they are compiled for (HF_CLONES), and sum in the same order in each. */
#ifndef HF_BASE_PACK_H
#define HF_BASE_PACK_H

#include <stdint.h>

enum { HF_PACK = 8 };

typedef double hf_pack __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t hf_pack_mask __attribute__((vector_size(64), aligned(8), may_alias));

/* A pack at any address of doubles, for reading and writing. */
#define HF_PACK_AT(address) (*(hf_pack *)(address))
#define HF_PACK_OF(address) (*(const hf_pack *)(address))

/* Sum of the lanes of eight packed numbers, always in this order. */
static inline double hf_pack_sum(const double lane[HF_PACK]) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#endif
