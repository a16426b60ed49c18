/* What the fuzz harnesses share: inputs as files, bytes as choices, and one step of whatever was accepted.
 * A broken promise aborts: that is what libFuzzer takes down. */
#ifndef HF_TESTS_FUZZ_H
#define HF_TESTS_FUZZ_H

#include <headflow/flow.h>

#include <stdint.h>
#include <stdio.h>

/* A file with these bytes; the next call writes over it. @return its path, static */
const char *fuzz_file(const void *data, size_t size);

/* A second such file, for what a case names. @return its path, static */
const char *fuzz_other_file(const void *data, size_t size);

/* Bytes as choices: zeros when they are used up. */
typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
} fuzz_bytes;

uint8_t fuzz_byte(fuzz_bytes *bytes);
size_t fuzz_choice(fuzz_bytes *bytes, size_t count); /* 0 .. count - 1 */

/* A failure must have a status that is not HF_OK and a message of one line. */
void fuzz_check_error(const hf_error *error, hf_status status);

/* One step of a problem of moderate size: nothing that the run hands out may be other than finite. It may
 * fail, with a message. */
void fuzz_step(const hf_problem *problem);

/* Abort with a message. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *count, char ***arguments);

#endif
