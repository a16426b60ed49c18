/* Bytes as edits of whole NetCDF files, for bytes alone would not get past the checksums of HDF5: names,
 * attributes, values and shapes are changed through the library, so that what is read is sound as a file and
 * wrong as a solution, trajectories, .. */
#ifndef HF_TESTS_FUZZ_EDITS_H
#define HF_TESTS_FUZZ_EDITS_H

#include "fuzz.h"

/* Edit a file, in place. @return whether it is to be read */
bool fuzz_edit(const char *path, size_t count, fuzz_bytes *bytes);

#endif
