/* headflow report PATH: one HTML page about a solved case; writes report.html. */
#include "cli/cli.h"
#include "cli/solved.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the page is made of. */
typedef struct material {
    char *solution, *chaos_path, *refinement_path, *path; /* the last: of the page */
    cli_solved solved;
    hf_rest rest;
    hf_chaos *chaos;          /* NULL: none beside the solution */
    hf_refinement refinement; /* of verify.nc, where there is one */
    bool refined;
} material;

/* FOLDER/NAME on the heap, where FOLDER is that of a file, or the given one. */
static hf_status join(hf_error *error, const char *folder, const char *file, const char *name, char **out) {
    const char *slash = strrchr(file, '/');
    int length = folder != NULL ? (int)strlen(folder) : slash != NULL ? (int)(slash - file) : 1;
    const char *home = folder != NULL ? folder : slash != NULL ? file : ".";
    size_t size = (size_t)length + strlen(name) + 2;
    HF_TRY(hf_allocate(error, size, 1, (void **)out));
    snprintf(*out, size, "%.*s/%s", length, home, name);
    return HF_OK;
}

static hf_status read_beside(hf_error *error, material *m) {
    HF_TRY(join(error, NULL, m->solution, "chaos.nc", &m->chaos_path));
    if (access(m->chaos_path, F_OK) == 0)
        HF_TRY(hf_chaos_read(error, m->chaos_path, &m->chaos));
    HF_TRY(join(error, NULL, m->solution, "verify.nc", &m->refinement_path));
    m->refined = access(m->refinement_path, F_OK) == 0;
    return m->refined ? hf_refinement_read(error, m->refinement_path, &m->refinement) : HF_OK;
}

static hf_status gather(hf_error *error, const cli_call *call, material *m) {
    HF_TRY(cli_find_solution(error, call->argument, &m->solution));
    HF_TRY(join(error, call->output, m->solution, "report.html", &m->path));
    HF_TRY(hf_output_check(error, m->path));
    HF_TRY(cli_read_solved(error, m->solution, &m->solved));
    HF_TRY(read_beside(error, m));
    const hf_rest_options options = {.progress = call->quiet ? NULL : cli_show_progress};
    hf_status status = hf_rest_measure(error, m->solved.problem, &m->solved.solved, &options, &m->rest);
    if (!call->quiet)
        cli_clear_progress();
    return status;
}

static hf_status write_page(hf_error *error, const cli_call *call, const material *m) {
    const hf_report report = {.path = m->solution,
                              .solution = m->solved.solution,
                              .solved = &m->solved.solved,
                              .rest = &m->rest,
                              .chaos = m->chaos,
                              .refinement = m->refined ? &m->refinement : NULL};
    char verdict[512];
    HF_TRY(hf_report_verdict(error, &report, sizeof verdict, verdict));
    HF_TRY(hf_report_write(error, m->path, &report));
    if (!call->quiet)
        printf("%s: %s\nwrote %s\n", hf_solution_name(report.solution), verdict, m->path);
    return HF_OK;
}

static hf_status report_solution(hf_error *error, const cli_call *call) {
    material m = {0};
    hf_status status = gather(error, call, &m);
    if (status == HF_OK)
        status = write_page(error, call, &m);
    hf_chaos_destroy(&m.chaos);
    hf_rest_clear(&m.rest);
    cli_clear_solved(&m.solved);
    free(m.path);
    free(m.chaos_path);
    free(m.refinement_path);
    free(m.solution);
    return status;
}

/* The paths.nc that an argument names: the file, or that of a folder without a solution. NULL: it names none.
 * On the heap. */
static hf_status find_paths(hf_error *error, const char *argument, char **path) {
    struct stat info;
    const char *slash = strrchr(argument, '/');
    bool folder = stat(argument, &info) == 0 && S_ISDIR(info.st_mode);
    *path = NULL;
    if (!folder)
        return strcmp(slash != NULL ? slash + 1 : argument, "paths.nc") == 0
                   ? hf_string_copy(error, argument, path)
                   : HF_OK;
    size_t size = strlen(argument) + sizeof "/solution.nc";
    HF_TRY(hf_allocate(error, size, 1, (void *)path));
    snprintf(*path, size, "%s/solution.nc", argument);
    bool solved = access(*path, F_OK) == 0;
    snprintf(*path, size, "%s/paths.nc", argument);
    if (!solved && access(*path, F_OK) == 0)
        return HF_OK;
    free(*path);
    *path = NULL;
    return HF_OK;
}

static hf_status report_paths(hf_error *error, const cli_call *call, const char *file) {
    char *page;
    HF_TRY(join(error, call->output, file, "report.html", &page));
    hf_status status = hf_paths_report_write(error, file, page);
    if (status == HF_OK && !call->quiet)
        printf("wrote %s\n", page);
    free(page);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    char *paths;
    HF_TRY(find_paths(error, call->argument, &paths));
    if (paths == NULL)
        return report_solution(error, call);
    hf_status status = report_paths(error, call, paths);
    free(paths);
    return status;
}

const cli_verb cli_report = {
    .name = "report",
    .argument = "PATH",
    .summary = "one HTML page: the theory's promises against the numbers of a run",
    .help =
        "Writes report.html beside a solution: what each theorem says of the run, promised against "
        "measured, with\n"
        "figures, the minimum of the risk, stationary measures, rates, the case and its provenance. PATH is "
        "a\n"
        "solution.nc (headflow run) or a folder with one; a chaos.nc (headflow compare) and a verify.nc "
        "(headflow\n"
        "verify) beside it are told of too. Of a paths.nc, or a folder with one alone: the order parameters "
        "and predictors\n"
        "of attention paths.",
    .options = CLI_OUTPUT | CLI_QUIET,
    .run = run,
};
