/** @file generators.c
 *  The table of data sets that headflow makes itself. */
#include "events/generators.h"

#include <string.h>

static const hf_generator generators[] = {
    {"single", "one token, always the first class", 1, 2, 0, hf_single_add},
    {"retrieval", "the value stored under the queried key", 2, 2, HF_GENERATOR_FLIP, hf_retrieval_add},
    {"opposite", "retrieval between two opposite values", 2, 2, HF_GENERATOR_FLIP, hf_opposite_add},
    {"twoway", "the value under the queried key and the latest value together", 3, 2, 0, hf_twoway_add},
    {"words", "vowel, consonant or end of word after the letters so far", 3, 3,
     HF_GENERATOR_FILE | HF_GENERATOR_WINDOW, hf_words_add},
};

const hf_generator *hf_generators(size_t *count) {
    *count = sizeof generators / sizeof *generators;
    return generators;
}

const hf_generator *hf_generator_find(const char *name) {
    for (size_t i = 0; i < sizeof generators / sizeof *generators; i++)
        if (strcmp(generators[i].name, name) == 0)
            return &generators[i];
    return NULL;
}
