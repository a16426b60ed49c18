/* Bytes as a case file. What the reader accepts runs one step. */
#include "fuzz.h"

#include <headflow/case.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hf_error error = {0};
    hf_problem *problem;
    char *text;
    hf_status status = hf_case_read(&error, fuzz_file(data, size), 0, NULL, &problem, &text);
    fuzz_check_error(&error, status);
    if (status == HF_OK)
        fuzz_step(problem);
    hf_problem_destroy(&problem);
    free(text);
    return 0;
}
