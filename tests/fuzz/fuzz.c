#include "fuzz.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELLS_MAX = 4096, EVENTS_MAX = 256 }; /* of what is run: a step then takes milliseconds */

_Noreturn void fuzz_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* ---- inputs ----------------------------------------------------------------------------------------- */

/* Files in the folder TMPDIR, which tests/fuzz/run removes: HDF5 opens none that have no name. */
static const char *write_file(const char *name, char path[PATH_MAX], const void *data, size_t size) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/fuzz-%d-%s", folder != NULL ? folder : "/tmp", (int)getpid(), name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        fuzz_fail("%s: cannot be written", path);
    return path;
}

const char *fuzz_file(const void *data, size_t size) {
    static char path[PATH_MAX];
    return write_file("input", path, data, size);
}

const char *fuzz_other_file(const void *data, size_t size) {
    static char path[PATH_MAX];
    return write_file("other", path, data, size);
}

uint8_t fuzz_byte(fuzz_bytes *bytes) {
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

size_t fuzz_choice(fuzz_bytes *bytes, size_t count) {
    return fuzz_byte(bytes) % count;
}

/* ---- promises --------------------------------------------------------------------------------------- */

void fuzz_check_error(const hf_error *error, hf_status status) {
    if (status != HF_OK && (error->message[0] == '\0' || strpbrk(error->message, "\n\r") != NULL))
        fuzz_fail("status %d with the message '%s'; expected one line", (int)status, error->message);
}

static void check_finite(const char *what, size_t count, const double *values) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            fuzz_fail("%s: number %zu of %zu is %g", what, i, count, values[i]);
}

typedef struct course {
    const hf_problem *problem;
    long steps;
} course;

static hf_status output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error;
    const course *c = self;
    const hf_grid *grid = hf_problem_grid(c->problem);
    size_t dim = hf_grid_dim(grid);
    const double scalars[] = {record->time,      record->risk,          record->free_energy,
                              record->mass,      record->dissipated,    record->minimum,
                              record->wall_mass, record->negative_mass, record->sigma2,
                              record->gap,       record->dissipation,   record->one_sided_lipschitz};
    check_finite("record", sizeof scalars / sizeof *scalars, scalars);
    check_finite("mean", dim, record->mean);
    check_finite("covariance", dim * dim, record->covariance);
    check_finite("density", hf_grid_cells(grid), rho);
    return HF_OK;
}

static hf_status logits(hf_error *error, void *self, double time, const double *z) {
    (void)error;
    const course *c = self;
    const hf_events *events = hf_problem_events(c->problem);
    check_finite("time of logits", 1, &time);
    check_finite("logits", hf_events_count(events) * hf_events_classes(events), z);
    return HF_OK;
}

static hf_status step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    (void)time, (void)statistics;
    course *c = self;
    c->steps++;
    return hf_raise(error, HF_ERR_IO, "one step is enough");
}

void fuzz_step(const hf_problem *problem) {
    course c = {.problem = problem};
    hf_observer observer = {.self = &c, .output = output, .logits = logits, .step = step};
    if (hf_grid_cells(hf_problem_grid(problem)) > CELLS_MAX ||
        hf_events_count(hf_problem_events(problem)) > EVENTS_MAX)
        return;
    hf_error error = {0};
    hf_flow *flow;
    hf_status status = hf_flow_create(&error, problem, &flow);
    fuzz_check_error(&error, status);
    if (status != HF_OK)
        return;
    status = hf_flow_integrate(&error, flow, &observer, NULL, NULL);
    fuzz_check_error(&error, status);
    hf_flow_destroy(&flow);
}
