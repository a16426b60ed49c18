/* What tests/bench/run measures inside headflow: a program that reads a case, checks an answer, takes times
 * and prints one JSON object. Public headers alone, so that it measures what a caller of the library gets;
 * all choices are keys of the case file, so that one that this headflow does not know ends in the case
 * reader's own message. usage: bench VERB CASE [OPTIONS] [KEY=VALUE...], see verbs[] and options below. */
#include <headflow/case.h>
#include <headflow/flowmap.h>

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OVERRIDES_MAX = 16, SAMPLES_MAX = 4000, BURST = 4, ROUNDS_MIN = 3, TEAMS_MAX = 2 };

typedef struct request {
    const char *path;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    const char *dump; /* --dump FILE: doubles as they are in memory; NULL: nowhere */
    double seconds;   /* --seconds S: how long a rate is measured */
    size_t nodes;     /* --nodes N: of the flow map, an axis */
    double rtol;      /* --rtol R: of the flow map */
} request;

static void check(hf_status status, const hf_error *error) {
    if (status == HF_OK)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(status == HF_ERR_INPUT ? 2 : 3);
}

static hf_problem *read_problem(const request *asked) {
    hf_error error = {0};
    hf_problem *problem;
    check(hf_case_read(&error, asked->path, asked->override_count, asked->overrides, &problem, NULL), &error);
    return problem;
}

static hf_flow *create_flow(const hf_problem *problem) {
    hf_error error = {0};
    hf_flow *flow;
    check(hf_flow_create(&error, problem, &flow), &error);
    return flow;
}

static double *create_array(size_t count) {
    hf_error error = {0};
    double *array;
    check(hf_array_create(&error, count, &array), &error);
    return array;
}

static void dump(const request *asked, const char *mode, size_t count, const double *values) {
    if (asked->dump == NULL)
        return;
    FILE *file = fopen(asked->dump, mode);
    if (file == NULL || fwrite(values, sizeof *values, count, file) != count || fclose(file) != 0) {
        perror(asked->dump);
        exit(4);
    }
}

static double resident_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024 * (double)usage.ru_maxrss;
}

/* ---- rate: a right-hand side beside a copy of the density ------------------------------------------------
 */

typedef struct timings {
    size_t count;
    double seconds[SAMPLES_MAX];
} timings;

static void take(timings *samples, double start) {
    if (samples->count < SAMPLES_MAX)
        samples->seconds[samples->count++] = hf_seconds() - start;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const timings *sorted, double p) {
    double place = p * (double)(sorted->count - 1);
    size_t k = (size_t)place, next = k + 1 < sorted->count ? k + 1 : k;
    double share = place - (double)k;
    return (1 - share) * sorted->seconds[k] + share * sorted->seconds[next];
}

static void print_timings(const char *name, timings *samples) {
    qsort(samples->seconds, samples->count, sizeof *samples->seconds, by_size);
    printf("\"%s\": {\"count\": %zu, \"best\": %.6g, \"quartiles\": [%.6g, %.6g, %.6g]}", name,
           samples->count, samples->seconds[0], quantile(samples, 0.25), quantile(samples, 0.5),
           quantile(samples, 0.75));
}

/* Every thread copies its share: 8 bytes read and 8 written a cell, the traffic that no right-hand side
 * avoids. */
static void copy(size_t count, const double *from, double *to) {
#pragma omp parallel
    {
        size_t team = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        size_t first = count * me / team, end = count * (me + 1) / team;
        memcpy(to + first, from + first, (end - first) * sizeof *to);
    }
}

/* A density without symmetry or smoothness, of mass 1, so that no limiter and no branch has it easy; the same
 * in each run: Knuth's linear congruential generator. */
static void fill_rough(const hf_grid *grid, double *rho) {
    size_t cells = hf_grid_cells(grid);
    uint64_t state = 2385;
    double mass = 0;
    for (size_t i = 0; i < cells; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        rho[i] = exp(-3 + 4 * (double)(state >> 11) * 0x1p-53);
        mass += rho[i] * hf_grid_volume(grid);
    }
    for (size_t i = 0; i < cells; i++)
        rho[i] /= mass;
}

/* Risk of rho + step * rate. */
static double risk_along(hf_flow *flow, size_t cells, const double *rho, const double *rate, double step,
                         double *work) {
    for (size_t i = 0; i < cells; i++)
        work[i] = rho[i] + step * rate[i];
    return hf_flow_risk(flow, work, NULL);
}

/* The laws of docs/numerics.md, section 4, for this rate: |sum rate| / sum |rate|, and dR/dt + D_h over D_h
 * with a difference of fourth order in a step that moves the risk by about 1e-4 of itself. */
static void print_laws(hf_flow *flow, const double *rho, const double *rate, double dissipation) {
    size_t cells = hf_grid_cells(hf_problem_grid(hf_flow_problem(flow)));
    double sum = 0, size = 0, *work = create_array(cells);
    for (size_t i = 0; i < cells; i++) {
        sum += rate[i];
        size += fabs(rate[i]);
    }
    double step = 1e-4 * hf_flow_risk(flow, rho, NULL) / fabs(dissipation), risk[5];
    for (int k = -2; k <= 2; k++)
        risk[k + 2] = risk_along(flow, cells, rho, rate, k * step, work);
    double slope = (8 * (risk[3] - risk[1]) - (risk[4] - risk[0])) / (12 * step);
    printf("\"mass_error\": %.3g, \"dissipation_error\": %.3g", fabs(sum) / size,
           fabs(slope + dissipation) / fabs(dissipation));
    hf_array_destroy(&work);
}

static void rate(const request *asked) {
    hf_problem *problem = read_problem(asked);
    hf_flow *flow = create_flow(problem);
    const hf_grid *grid = hf_problem_grid(problem);
    size_t cells = hf_grid_cells(grid);
    double dissipation, *rho = create_array(cells), *out = create_array(cells);
    fill_rough(grid, rho);
    hf_flow_rate(flow, rho, out, &dissipation);
    dump(asked, "wb", cells, rho);
    dump(asked, "ab", cells, out);
    printf("{\"cells\": %zu, \"events\": %zu, ", cells, hf_events_count(hf_problem_events(problem)));
    print_laws(flow, rho, out, dissipation);

    static timings copies[TEAMS_MAX], rates[TEAMS_MAX];
    int teams = omp_get_max_threads() < TEAMS_MAX ? omp_get_max_threads() : TEAMS_MAX;
    double end = hf_seconds() + asked->seconds;
    for (int round = 0; round < ROUNDS_MIN || hf_seconds() < end; round++)
        for (int team = 0; team < teams; team++) {
            omp_set_num_threads(team + 1);
            copy(cells, rho, out); /* makes the team, and puts the arrays where they can be */
            for (int k = 0; k < BURST; k++) {
                double start = hf_seconds();
                copy(cells, rho, out);
                take(&copies[team], start);
            }
            hf_flow_rate(flow, rho, out, &dissipation);
            for (int k = 0; k < BURST; k++) {
                double start = hf_seconds();
                hf_flow_rate(flow, rho, out, &dissipation);
                take(&rates[team], start);
            }
        }
    printf(", \"threads\": {");
    for (int team = 0; team < teams; team++) {
        printf("%s\"%d\": {", team > 0 ? ", " : "", team + 1);
        print_timings("copy", &copies[team]);
        printf(", ");
        print_timings("rate", &rates[team]);
        printf("}");
    }
    printf("}}\n");
    hf_array_destroy(&rho);
    hf_array_destroy(&out);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
}

/* ---- run: a whole run, its stages apart
 * -------------------------------------------------------------------- */

static void run(const request *asked) {
    hf_error error = {0};
    hf_statistics statistics;
    double start = hf_seconds();
    hf_problem *problem = read_problem(asked);
    double read = hf_seconds();
    hf_flow *flow = create_flow(problem);
    double built = hf_seconds();
    size_t cells = hf_grid_cells(hf_problem_grid(problem));
    double *rho = create_array(cells);
    check(hf_flow_integrate(&error, flow, NULL, rho, &statistics), &error);
    double done = hf_seconds();
    dump(asked, "wb", cells, rho);
    printf("{\"cells\": %zu, \"events\": %zu, \"risk\": %.17g, \"reading\": %.6g, \"building\": %.6g, "
           "\"seconds\": %.6g, \"steps\": %ld, \"evaluations\": %ld, \"resident\": %.6g}\n",
           cells, hf_events_count(hf_problem_events(problem)), hf_flow_risk(flow, rho, NULL), read - start,
           built - read, done - built, statistics.steps, statistics.evaluations, resident_bytes());
    hf_array_destroy(&rho);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
}

/* ---- flowmap: the reference
 * ---------------------------------------------------------------------------------- */

static void flowmap(const request *asked) {
    hf_error error = {0};
    hf_problem *problem = read_problem(asked);
    hf_flowmap_record record;
    hf_flowmap *map;
    double start = hf_seconds();
    check(hf_flowmap_create(&error, problem, asked->nodes, asked->rtol, &map), &error);
    check(hf_flowmap_advance(&error, map, hf_problem_end(problem)), &error);
    hf_flowmap_measure(map, &record);
    printf("{\"nodes\": %zu, \"risk\": %.17g, \"seconds\": %.6g}\n", hf_flowmap_count(map), record.risk,
           hf_seconds() - start);
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* ---- describe: the problem for the peers
 * --------------------------------------------------------------------- */

static void print_array(const char *name, size_t count, const double *values, const char *end) {
    printf("\"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        printf("%s%.17g", i > 0 ? ", " : "", values[i]);
    printf("]%s", end);
}

static void print_heads(const hf_model *model, size_t width, size_t classes) {
    hf_heads heads = hf_model_heads(model);
    printf("\"form\": \"%s\", \"attention_coordinates\": %zu, \"value_coordinates\": %zu, ", heads.form->name,
           heads.attention_coordinates, heads.value_coordinates);
    print_array("attention_base", width * width, heads.attention_base, ", ");
    print_array("attention_basis", heads.attention_basis_count * width * width, heads.attention_basis, ", ");
    print_array("value_base", classes * width, heads.value_base, ", ");
    print_array("value_basis", heads.value_coordinates * classes * width, heads.value_basis, ", ");
}

static void print_axes(const hf_problem *problem) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t components;
    const hf_component *component = hf_problem_components(problem, &components);
    printf("\"axes\": [");
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        const hf_profile *profile = &component->profile[d];
        if (components != 1 || profile->kind != HF_PROFILE_BUMP) {
            fprintf(stderr, "the peers start from one bump a coordinate\n");
            exit(2);
        }
        printf("%s{\"lower\": %.17g, \"upper\": %.17g, \"cells\": %zu, \"center\": %.17g, \"radius\": %.17g}",
               d > 0 ? ", " : "", axis->lower, axis->upper, axis->cells, profile->a, profile->b);
    }
    printf("], ");
}

static void describe(const request *asked) {
    hf_error error = {0};
    hf_problem *problem = read_problem(asked);
    const hf_events *events = hf_problem_events(problem);
    size_t width = hf_events_width(events), classes = hf_events_classes(events);
    size_t cells = hf_grid_cells(hf_problem_grid(problem));
    double *rho = create_array(cells);
    check(hf_problem_initial(&error, problem, rho), &error);
    dump(asked, "wb", cells, rho);
    printf("{\"name\": \"%s\", \"end\": %.17g, \"rtol\": %.17g, \"atol\": %.17g, \"ridge\": %.17g, ",
           hf_problem_name(problem), hf_problem_end(problem), hf_problem_rtol(problem),
           hf_problem_atol(problem), hf_model_ridge(hf_problem_model(problem)));
    printf("\"width\": %zu, \"classes\": %zu, ", width, classes);
    print_heads(hf_problem_model(problem), width, classes);
    print_axes(problem);
    printf("\"events\": [");
    for (size_t e = 0; e < hf_events_count(events); e++) {
        printf("%s{\"weight\": %.17g, ", e > 0 ? ",\n" : "\n", hf_events_weight(events, e));
        print_array("label", classes, hf_events_label(events, e), ", ");
        print_array("tokens", width * hf_events_length(events, e), hf_events_tokens(events, e), "}");
    }
    printf("]}\n");
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

/* ---- the command line
 * ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*measure)(const request *asked);
} verbs[] = {{"rate", rate}, {"run", run}, {"flowmap", flowmap}, {"describe", describe}};

static void refuse(const char *what) {
    fprintf(stderr,
            "bench: %s\nusage: bench rate|run|flowmap|describe CASE [--dump FILE] [--seconds S] "
            "[--nodes N] [--rtol R] [KEY=VALUE...]\n",
            what);
    exit(2);
}

static request parse(int count, char **arguments) {
    request asked = {.path = arguments[0], .seconds = 1, .nodes = 16, .rtol = 1e-12};
    for (int k = 1; k < count; k++) {
        const char *word = arguments[k];
        if (strncmp(word, "--", 2) != 0) {
            if (asked.override_count == OVERRIDES_MAX)
                refuse("too many keys");
            asked.overrides[asked.override_count++] = word;
            continue;
        }
        const char *value = ++k < count ? arguments[k] : "";
        if (strcmp(word, "--dump") == 0)
            asked.dump = value;
        else if (strcmp(word, "--seconds") == 0)
            asked.seconds = strtod(value, NULL);
        else if (strcmp(word, "--nodes") == 0)
            asked.nodes = (size_t)strtoul(value, NULL, 10);
        else if (strcmp(word, "--rtol") == 0)
            asked.rtol = strtod(value, NULL);
        else
            refuse(word);
    }
    return asked;
}

int main(int count, char **arguments) {
    if (count < 3)
        refuse("a verb and a case are needed");
    request asked = parse(count - 2, arguments + 2);
    for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
        if (strcmp(arguments[1], verbs[k].name) == 0) {
            verbs[k].measure(&asked);
            return 0;
        }
    refuse(arguments[1]);
    return 2;
}
