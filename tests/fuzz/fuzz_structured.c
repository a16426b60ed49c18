/* Bytes as choices in the grammar of case files: forms, coordinates, matrices, profiles, fluxes, methods and
 * numbers from ordinary to absurd, so that most inputs get past the reader. What it accepts runs one step. */
#include "fuzz.h"

#include <headflow/case.h>

#include <stdlib.h>

enum { TEXT_MAX = 1 << 15 };

typedef struct writer {
    fuzz_bytes bytes;
    FILE *file;
    bool wild; /* numbers of any size */
    size_t width, classes;
} writer;

static const char *const ordinary[] = {"0.5", "-0.5", "1", "2.385", "-1.25", "0.1", "0", "3.5"};
static const char *const absurd[] = {"1e30",   "-1e30",  "1e15", "-1e15", "1e20", "-1e20", "1e-30",
                                     "5e-324", "1e-20",  "-0",   "1e8",   "-1e8", "700",   "-745.2",
                                     "1e300",  "1e-300", "1e5",  "1e-8",  "1e10", "-1e-5"};
#define PICK(w, list) list[fuzz_choice(&(w)->bytes, sizeof list / sizeof *list)]

static const char *number(writer *w) {
    return w->wild && fuzz_choice(&w->bytes, 4) == 0 ? PICK(w, absurd) : PICK(w, ordinary);
}

static const char *positive(writer *w) {
    const char *text = number(w);
    return text[0] == '-' ? text + 1 : text;
}

static void put_row(writer *w, size_t count, const char *(*value)(writer *)) {
    for (size_t k = 0; k < count; k++)
        fprintf(w->file, "%s%s", k ? ", " : "[", value(w));
    fputc(']', w->file);
}

static void put_matrix(writer *w, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        fputs(i ? ", " : "[", w->file);
        put_row(w, columns, number);
    }
    fputc(']', w->file);
}

static void put_matrices(writer *w, size_t count, size_t rows, size_t columns) {
    fputs("basis: [", w->file);
    for (size_t k = 0; k < count; k++) {
        fputs(k ? ", " : "", w->file);
        put_matrix(w, rows, columns);
    }
    fputs("]}\n", w->file);
}

static void put_names(writer *w, const char *letter, size_t count) {
    fputs("coordinates: [", w->file);
    for (size_t k = 0; k < count; k++)
        fprintf(w->file, "%s%s%zu", k ? ", " : "", letter, k);
    fputs("], base: ", w->file);
}

static void put_data(writer *w) {
    static const char *const generators[] = {"single", "retrieval", "opposite", "twoway"};
    static const size_t widths[] = {1, 2, 2, 3};
    size_t row = fuzz_choice(&w->bytes, 6);
    w->classes = 2;
    if (row < 4) {
        w->width = widths[row];
        fprintf(w->file, "data: {generator: %s}\n", generators[row]);
        return;
    }
    w->width = 1 + fuzz_choice(&w->bytes, 3);
    w->classes = 1 + fuzz_choice(&w->bytes, 3);
    fputs("data:\n  events:\n", w->file);
    for (size_t count = 1 + fuzz_choice(&w->bytes, 4); count > 0; count--) {
        fputs("    - {tokens: ", w->file);
        put_matrix(w, 1 + fuzz_choice(&w->bytes, 3), w->width);
        fputs(", label: ", w->file);
        put_row(w, w->classes, positive);
        fprintf(w->file, ", weight: %s}\n", positive(w));
    }
}

static void put_profile(writer *w, const char *name, bool angle) {
    fprintf(w->file, "  %s: ", name);
    switch (fuzz_choice(&w->bytes, 6)) {
    case 0:
        fprintf(w->file, "{normal: {mean: %s, sd: %s}}\n", number(w), positive(w));
        break;
    case 1:
        fprintf(w->file, "{uniform: {lower: %s, upper: %s}}\n", number(w), number(w));
        break;
    case 2:
        fprintf(w->file, "{dirac: {at: %s}}\n", number(w));
        break;
    case 3:
        fprintf(w->file, angle ? "{cosine: {kappa: %s, phase: 1}}\n" : "{bump: {center: %s, radius: 1}}\n",
                number(w));
        break;
    default:
        fprintf(w->file, "{bump: {center: %s, radius: %s}}\n", number(w), positive(w));
    }
}

static void put_grid(writer *w, size_t dim, bool angle) {
    static const size_t cells_max[] = {0, 40, 16, 10, 7};
    static const char *const bounds[][2] = {{"-4", "4"},     {"-3", "5"},       {"-6", "6.5"},
                                            {"-1e8", "1e8"}, {"-1e30", "1e30"}, {"0", "1e-30"}};
    size_t row[4] = {0};
    for (size_t k = 0; k < dim; k++)
        row[k] = fuzz_choice(&w->bytes, w->wild ? 6 : 3);
    for (size_t side = 0; side < 2; side++) {
        fputs(side ? "], upper: [" : "grid: {lower: [", w->file);
        for (size_t k = 0; k < dim; k++)
            fprintf(w->file, "%s%s", k ? ", " : "",
                    angle && k == 0 ? side ? "pi" : "-pi" : bounds[row[k]][side]);
    }
    fputs("], cells: [", w->file);
    for (size_t k = 0; k < dim; k++)
        fprintf(w->file, "%s%zu", k ? ", " : "", 3 + fuzz_choice(&w->bytes, cells_max[dim] - 2));
    fputs("]}\n", w->file);
}

static void put_method(writer *w) {
    static const char *const fluxes[] = {"upwind", "muscl", "scharfetter-gummel", "duality5", "duality7"};
    static const char *const limiters[] = {"vanleer", "minmod"};
    static const char *const ends[] = {"1", "0.01", "100", "1e-300", "1e300", "1e20"};
    size_t methods, warm = fuzz_choice(&w->bytes, 2);
    const hf_method *method = hf_methods(&methods);
    method += fuzz_choice(&w->bytes, methods);
    fprintf(w->file, "regularisation: {ridge: %s, temperature: %s}\n", positive(w), warm ? positive(w) : "0");
    switch (fuzz_choice(&w->bytes, 4)) {
    case 0:
        break;
    case 1:
        fprintf(w->file, "scheme: {flux: muscl, limiter: %s}\n", PICK(w, limiters));
        break;
    default:
        fprintf(w->file, "scheme: {flux: %s}\n", PICK(w, fluxes));
    }
    fprintf(w->file, "time: {end: %s, outputs: %zu, rtol: 1e-%zu, atol: 1e-%zu",
            w->wild ? PICK(w, ends) : "1", 2 + fuzz_choice(&w->bytes, 4), 2 + fuzz_choice(&w->bytes, 10),
            2 + fuzz_choice(&w->bytes, 12));
    fprintf(w->file, method->warm || !warm ? ", method: %s}\n" : "}\n", method->name);
}

static void put_case(writer *w) {
    static const char *const forms[] = {"affine", "product", "angle"};
    size_t form = fuzz_choice(&w->bytes, 3), basis = form == 2 ? 2 : 1;
    size_t alpha = form == 1 ? 2 : 1, v = fuzz_choice(&w->bytes, 3);
    if (form == 0) {
        alpha = basis = fuzz_choice(&w->bytes, 3);
        v += alpha + v == 0;
    }
    w->wild = fuzz_choice(&w->bytes, 2) == 1;
    fputs("name: generated\ntitle: Generated\n", w->file);
    put_data(w);
    fprintf(w->file, "heads:\n  attention: {form: %s, ", forms[form]);
    put_names(w, "a", alpha);
    put_matrix(w, w->width, w->width);
    fputs(", ", w->file);
    put_matrices(w, basis, w->width, w->width);
    fputs("  value: {", w->file);
    put_names(w, "v", v);
    put_matrix(w, w->classes, w->width);
    fputs(", ", w->file);
    put_matrices(w, v, w->classes, w->width);
    put_method(w);
    put_grid(w, alpha + v, form == 2);
    fputs("initial:\n", w->file);
    for (size_t k = 0; k < alpha + v; k++) {
        char name[3] = {k < alpha ? 'a' : 'v', (char)('0' + (k < alpha ? k : k - alpha)), '\0'};
        put_profile(w, name, form == 2 && k == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[TEXT_MAX];
    writer w = {.bytes = {data, size}, .file = fmemopen(text, sizeof text, "w")};
    put_case(&w);
    size_t length = (size_t)ftell(w.file);
    fclose(w.file);
    if (getenv("HEADFLOW_FUZZ_PRINT") != NULL)
        fwrite(text, 1, length, stdout);
    hf_error error = {0};
    hf_problem *problem;
    hf_status status = hf_case_read(&error, fuzz_file(text, length), 0, NULL, &problem, NULL);
    fuzz_check_error(&error, status);
    if (getenv("HEADFLOW_FUZZ_PRINT") != NULL)
        printf("# %s\n", status == HF_OK ? "accepted" : error.message);
    if (status == HF_OK)
        fuzz_step(problem);
    hf_problem_destroy(&problem);
    return 0;
}
