/* A solution as the theory looks at it: hf_solved from a solution.nc. */
#include "cli/solved.h"

#include <headflow/case.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

hf_status cli_find_solution(hf_error *error, const char *path, char **file) {
    static const char name[] = "/solution.nc";
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return hf_string_copy(error, path, file);
    size_t size = strlen(path) + sizeof name;
    HF_TRY(hf_allocate(error, size, 1, (void **)file));
    snprintf(*file, size, "%s%s", path, name);
    return HF_OK;
}

/* By its name, or by the first letters of a NetCDF file. */
static bool is_solution(const char *argument) {
    char start[4] = "";
    const char *ending = strrchr(argument, '.');
    FILE *file = fopen(argument, "rb");
    size_t count = file != NULL ? fread(start, 1, sizeof start, file) : 0;
    if (file != NULL)
        fclose(file);
    return (ending != NULL && strcmp(ending, ".nc") == 0) ||
           (count == sizeof start && (start[0] == '\x89' || memcmp(start, "CDF", 3) == 0));
}

/* The name of a case comes before that of a folder. */
static bool is_case(const char *argument) {
    hf_error none = {0};
    struct stat info;
    char *path = NULL;
    bool found = hf_case_find(&none, argument, &path) == HF_OK;
    found = found && !(stat(path, &info) == 0 && S_ISDIR(info.st_mode));
    free(path);
    return found;
}

hf_status cli_solution_of(hf_error *error, const char *argument, char **file) {
    *file = NULL;
    if (is_solution(argument))
        return hf_string_copy(error, argument, file);
    if (is_case(argument))
        return HF_OK;
    HF_TRY(cli_find_solution(error, argument, file));
    if (strcmp(*file, argument) == 0) { /* no folder */
        free(*file);
        *file = NULL;
    }
    return HF_OK;
}

/* What differences of risks mean nothing below: the error of time integration, and at the last output that of
 * the grid where the run has estimated it. scratch: shape (count) */
static hf_status read_noise(hf_error *error, const cli_solved *s, size_t count, double *scratch,
                            double *noise) {
    const char *name = hf_problem_temperature(s->problem) > 0 ? "free_energy_error" : "risk_error";
    *noise = fmax(hf_problem_rtol(s->problem), hf_problem_atol(s->problem));
    if (!hf_solution_has(s->solution, name))
        return HF_OK;
    HF_TRY(hf_solution_series(error, s->solution, name, 1, scratch));
    *noise = fmax(*noise, scratch[count - 1]); /* the other where it is NAN */
    return HF_OK;
}

static hf_status read_series(hf_error *error, cli_solved *s) {
    size_t count, dim = hf_grid_dim(hf_problem_grid(s->problem));
    const double *time = hf_solution_times(s->solution, &count);
    HF_TRY(hf_array_create(error, count * (5 + dim + dim * dim), &s->series));
    double *risk = s->series, *dissipation = risk + count, *dissipated = dissipation + count;
    double *gap = dissipated + count, *scratch = gap + count;
    double *mean = scratch + count, *covariance = mean + count * dim;
    const char *energy = hf_problem_temperature(s->problem) > 0 ? "free_energy" : "risk";
    HF_TRY(hf_solution_series(error, s->solution, energy, 1, risk));
    HF_TRY(hf_solution_series(error, s->solution, "dissipation", 1, dissipation));
    HF_TRY(hf_solution_series(error, s->solution, "dissipated", 1, dissipated));
    HF_TRY(hf_solution_series(error, s->solution, "gap", 1, gap));
    HF_TRY(hf_solution_series(error, s->solution, "mean", dim, mean));
    HF_TRY(hf_solution_series(error, s->solution, "covariance", dim * dim, covariance));
    s->solved = (hf_solved){.problem = s->problem,
                            .course = {.count = count,
                                       .dim = dim,
                                       .time = time,
                                       .risk = risk,
                                       .dissipation = dissipation,
                                       .dissipated = dissipated,
                                       .mean = mean,
                                       .covariance = covariance},
                            .gap = gap};
    HF_TRY(hf_solution_series(error, s->solution, "wall_mass", 1, scratch));
    s->solved.wall_mass = scratch[count - 1];
    return read_noise(error, s, count, scratch, &s->solved.course.noise);
}

hf_status cli_read_solved(hf_error *error, const char *path, cli_solved *out) {
    memset(out, 0, sizeof *out);
    HF_TRY(hf_solution_read(error, path, &out->solution));
    HF_TRY(hf_solution_problem(error, out->solution, &out->problem));
    HF_TRY(read_series(error, out));
    const hf_grid *grid = hf_problem_grid(out->problem);
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), &out->rho));
    out->solved.rho = out->rho;
    return hf_solution_density(error, out->solution, out->solved.course.count - 1, out->rho);
}

void cli_clear_solved(cli_solved *solved) {
    hf_array_destroy(&solved->rho);
    hf_array_destroy(&solved->series);
    hf_problem_destroy(&solved->problem);
    hf_solution_destroy(&solved->solution);
}
