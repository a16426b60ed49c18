/** @file base.h
 *  Status codes, error messages and arrays: what every other module of headflow uses.
 *
 *  Conventions of the whole library. A function that can fail returns an hf_status and takes as its first
 *  argument the hf_error that receives the message. Whoever creates an object destroys it; destroy(&x)
 * accepts NULL and sets x to NULL; inputs are borrowed unless a comment says otherwise; `**out` is last and
 * NULL on failure. Create allocates, apply never does. Arrays are row-major, the last index fastest.
 */
#ifndef HEADFLOW_BASE_H
#define HEADFLOW_BASE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Every status with the exit code that the program gives it and its text. */
#define HF_STATUS_TABLE(X)                                                                                   \
    X(HF_OK, 0, "success")                                                                                   \
    X(HF_ERR_INPUT, 2, "bad call or case")                                                                   \
    X(HF_ERR_NUMERIC, 3, "numerical failure")                                                                \
    X(HF_ERR_IO, 4, "input or output failure")                                                               \
    X(HF_ERR_MEMORY, 4, "out of memory")                                                                     \
    X(HF_ERR_INTERRUPTED, 130, "interrupted by a signal")

typedef enum hf_status {
#define HF_STATUS_ENUM(code, exit_code, text) code,
    HF_STATUS_TABLE(HF_STATUS_ENUM)
#undef HF_STATUS_ENUM
} hf_status;

enum { HF_MESSAGE_MAX = 1024 };

/** The record of a failure: zero-initialise it (`hf_error error = {0};`) and pass its address down. */
typedef struct hf_error {
    hf_status status;
    char message[HF_MESSAGE_MAX]; /**< one line: what, where, what was expected */
} hf_error;

/** The exit code of the program for a status (0, 2, 3, 4, or 130, which the number of a signal may replace).
 */
int hf_status_exit_code(hf_status status);

/** The text of a status; a static string. */
const char *hf_status_text(hf_status status);

/** The version of the library, "major.minor.patch"; a static string. */
const char *hf_version(void);

/** Record a failure; use it as `return hf_raise(error, HF_ERR_INPUT, "...", ...)`.
 *  @param[out] error   receives status and message; NULL discards them
 *  @return status */
hf_status hf_raise(hf_error *error, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Forward a failure: return the status of `call` from the enclosing function unless it is HF_OK. */
#define HF_TRY(call)                                                                                         \
    do {                                                                                                     \
        hf_status hf_try_status_ = (call);                                                                   \
        if (hf_try_status_ != HF_OK)                                                                         \
            return hf_try_status_;                                                                           \
    } while (0)

/** An array of `count` zeroed doubles, aligned to 64 bytes; free it with hf_array_destroy.
 *  @return HF_ERR_MEMORY when there is no room */
hf_status hf_array_create(hf_error *error, size_t count, double **out);
void hf_array_destroy(double **array);

/** A zeroed block of `count` elements of `size` bytes; free it with free().
 *  @param[out] out  address of a pointer to elements of any type, NULL on failure
 *  @return HF_ERR_MEMORY when there is no room */
hf_status hf_allocate(hf_error *error, size_t count, size_t size, void *out);

/** Seconds of a clock that never goes back: for differences. */
double hf_seconds(void);

/** A copy of a string on the heap; free it with free(). */
hf_status hf_string_copy(hf_error *error, const char *text, char **out);

/** The candidate nearest to `word` in edit distance: what an error message offers instead of an unknown name.
 *  @param[in] count, candidates   shape (count): strings, none NULL
 *  @return one of the candidates; NULL when none is near (more than half of the letters differ) */
const char *hf_nearest(const char *word, size_t count, const char *const candidates[]);

#ifdef __cplusplus
}
#endif
#endif
