/* Status codes, messages, arrays and the search for a near word: the floor that every module stands on. */
#include <headflow/base.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { ALIGNMENT = 64, HUGE_PAGE = 1 << 21, NEAREST_MAX = 64 };

int hf_status_exit_code(hf_status status) {
    switch (status) {
#define EXIT_CODE(code, exit_code, text)                                                                     \
    case code:                                                                                               \
        return exit_code;
        HF_STATUS_TABLE(EXIT_CODE)
#undef EXIT_CODE
    }
    return 3;
}

const char *hf_status_text(hf_status status) {
    switch (status) {
#define TEXT(code, exit_code, text)                                                                          \
    case code:                                                                                               \
        return text;
        HF_STATUS_TABLE(TEXT)
#undef TEXT
    }
    return "unknown status";
}

const char *hf_version(void) {
    return HEADFLOW_VERSION;
}

hf_status hf_raise(hf_error *error, hf_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        /* what a file holds may be part of it; a message is one line */
        for (char *letter = error->message; *letter != '\0'; letter++)
            if ((unsigned char)*letter < ' ' || *letter == 0x7f)
                *letter = ' ';
        error->status = status;
    }
    return status;
}

/* Huge pages, for those of 4 KiB would each be fetched from the system on their own; all threads, for memory
 * is placed, and emptied by the system, where it is touched first. */
static void clear_large(double *array, size_t bytes) {
#ifdef __linux__
    madvise(array, bytes, MADV_HUGEPAGE);
#endif
#pragma omp parallel for schedule(static)
    for (size_t page = 0; page < bytes / HUGE_PAGE; page++)
        memset((char *)array + page * HUGE_PAGE, 0, HUGE_PAGE);
}

hf_status hf_array_create(hf_error *error, size_t count, double **out) {
    *out = NULL;
    if (count > (SIZE_MAX - ALIGNMENT) / sizeof(double))
        return hf_raise(error, HF_ERR_MEMORY, "an array of %zu numbers is too large for this machine", count);
    /* aligned_alloc wants a multiple of the alignment; one block at least, so that NULL always means failure
     */
    size_t bytes = (count * sizeof(double) / ALIGNMENT + 1) * ALIGNMENT;
    bool large = bytes >= 2 * HUGE_PAGE && bytes <= SIZE_MAX - HUGE_PAGE;
    bytes = large ? (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE : bytes;
    *out = aligned_alloc(large ? HUGE_PAGE : ALIGNMENT, bytes);
    if (*out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for an array of %zu bytes", bytes);
    if (large)
        clear_large(*out, bytes);
    else
        memset(*out, 0, bytes);
    return HF_OK;
}

void hf_array_destroy(double **array) {
    if (array == NULL)
        return;
    free(*array);
    *array = NULL;
}

hf_status hf_allocate(hf_error *error, size_t count, size_t size, void *out) {
    void *block = calloc(count > 0 ? count : 1, size);
    memcpy(out, &block, sizeof block); /* whatever type of pointer it is */
    if (block == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for %zu items of %zu bytes", count, size);
    return HF_OK;
}

double hf_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

hf_status hf_string_copy(hf_error *error, const char *text, char **out) {
    *out = strdup(text);
    if (*out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for a text of %zu bytes", strlen(text));
    return HF_OK;
}

/* Levenshtein distance of words of at most NEAREST_MAX letters. */
static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb) {
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < shift ? replace : shift;
        }
    }
    return row[nb];
}

const char *hf_nearest(const char *word, size_t count, const char *const candidates[]) {
    size_t length = strlen(word);
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (length > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > NEAREST_MAX)
            continue;
        size_t distance = edit_distance(word, length, candidates[i], other);
        size_t longer = length > other ? length : other;
        if (distance < best_distance && 2 * distance <= longer) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}
