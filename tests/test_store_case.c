/* Case files: what is refused, where and with which words; what the named cases and overrides become. */
#include <criterion/criterion.h>
#include <headflow/case.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS                                                                                               \
    "  events:\n"                                                                                            \
    "    - {tokens: [[1, 1], [1, 0]], label: [0.9, 0.1], weight: 2}\n"                                       \
    "    - {tokens: [[1, -1], [1, 0]], label: [0.1, 0.9]}\n"

/* Positions in the table of refusals count on these lines and columns. */
static const char good[] =
    /* 1*/ "name: example\n"
           /* 2*/ "title: An example\n"
           /* 3*/ "data:\n"
    /* 4*/ EVENTS
           /* 7*/ "heads:\n"
           /* 8*/ "  attention: {form: affine, coordinates: [a], base: [[0, 0], [0, 0]], basis: [[[1, 0], "
           "[0, 0]]]}\n"
           /* 9*/ "  value: {coordinates: [v], base: [[0, 0], [0, 0]], basis: [[[0, 0.5], [0, -0.5]]]}\n"
           /*10*/ "regularisation: {ridge: 0.1, temperature: 0}\n"
           /*11*/ "initial:\n"
           /*12*/ "  a: {bump: {center: 0.5, radius: 1.5}}\n"
           /*13*/ "  v: {normal: {mean: 0.5, sd: 1.5}}\n"
           /*14*/ "grid: {lower: [-3, -3], upper: [5, 7], cells: [16, 12]}\n"
           /*15*/ "scheme: {flux: muscl, limiter: vanleer}\n"
           /*16*/ "time: {end: 8, rtol: 1e-5, atol: 1e-8, outputs: 9, stop: 1e-7}\n"
           /*17*/ "particles: {heads: [16, 64], step: [0.1], batch: [8, full], seeds: 3}\n";

static char folder[] = "/tmp/headflow-XXXXXX";
static char file[64], table[64];

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/case.yaml", folder);
    snprintf(table, sizeof table, "%s/heads.csv", folder);
}

static void remove_folder(void) {
    remove(file);
    remove(table);
    rmdir(folder);
}

TestSuite(store_case, .init = make_folder, .fini = remove_folder);

static void write_to(const char *path, const char *bytes, size_t length) {
    FILE *stream = fopen(path, "wb");
    cr_assert_not_null(stream);
    cr_assert_eq(fwrite(bytes, 1, length, stream), length);
    cr_assert_eq(fclose(stream), 0);
}

static void write_bytes(const char *bytes, size_t length) {
    write_to(file, bytes, length);
}

/* Write the good case with one snippet replaced. */
static void write_edited(const char *from, const char *to) {
    char text[2 * sizeof good];
    const char *place = strstr(good, from);
    cr_assert_not_null(place, "no `%s` in the good case", from);
    int length = snprintf(text, sizeof text, "%.*s%s%s", (int)(place - good), good, to, place + strlen(from));
    cr_assert_lt(length, (int)sizeof text);
    write_bytes(text, (size_t)length);
}

/* Read the file and expect a refusal whose message, behind the file's name, begins with `start`. */
static void expect_refusal(hf_status expected, const char *start, const char *const fragments[],
                           size_t override_count, const char *const overrides[]) {
    hf_error error = {0};
    hf_problem *problem;
    char *text;
    hf_status status = hf_case_read(&error, file, override_count, overrides, &problem, &text);
    const char *message = error.message, *rest = message;
    if (override_count == 0) {
        cr_expect_eq(strncmp(message, file, strlen(file)), 0, "`%s` does not name its file", message);
        rest = message + strlen(file);
    }
    cr_expect_eq(status, expected, "status %d, not %d: %s", (int)status, (int)expected, message);
    cr_expect_null(problem);
    cr_expect_null(text);
    cr_expect_eq(strncmp(rest, start, strlen(start)), 0, "`%s` does not begin with `%s`", message, start);
    for (size_t k = 0; k < 3 && fragments[k]; k++)
        cr_expect_not_null(strstr(message, fragments[k]), "`%s` does not say `%s`", message, fragments[k]);
    cr_expect_null(strchr(message, '\n'), "`%s` is not one line", message);
    if (problem)
        hf_problem_destroy(&problem);
    free(text);
}

static const struct refusal {
    const char *from, *to, *start, *fragments[3];
} refusals[] = {
    /* keys and types */
    {"title:", "tilte:", ":2:1: tilte: ", {"unknown key", "did you mean `title`", "expected one of name"}},
    {"cells:", "cell:", ":14:40: grid.cell: ", {"unknown key", "did you mean `cells`"}},
    {"title: An example\n", "", ":1:1: ", {"`title` is missing", "expected text"}},
    {"lower: [-3, -3], ", "", ":14:7: grid: ", {"`lower` is missing"}},
    {"end: 8, ", "", ":16:7: time: ", {"`end` is missing", "expected a number > 0"}},
    {"grid: {lower", "time: {lower", ":16:1: time: ", {"twice", "first in line 14"}},
    {"ridge: 0.1,", "ridge: 0.1, ridge: 1,", ":10:30: regularisation.ridge: ", {"twice"}},
    {"title: An example", "title: [An]", ":2:8: title: ", {"a list of 1", "expected text"}},
    {"title: An example", "title:", ":2:7: title: ", {"nothing", "expected text"}},
    {"name: example", "name: ../example", ":1:7: name: ", {"`../example`", "letters, digits, - and _"}},
    {"title:",
     "model: tokens\ntitle:",
     ":2:8: model: ",
     {"a case of tokens; expected one of heads", "expected one of heads"}},
    {"title:",
     "model: paths\ntitle:",
     ":2:8: model: ",
     {"a case of paths; expected one of heads", "expected one of heads"}},
    {"title:", "model: path\ntitle:", ":2:8: model: ", {"unknown model `path`", "did you mean `paths`"}},
    {"{lower: [-3, -3], upper: [5, 7], cells: [16, 12]}", "12", ":14:7: grid: ", {"`12`", "a mapping"}},
    {"[16, 12]", "128", ":14:47: grid.cells: ", {"`128`", "a list of 2"}},
    {"[16, 12]", "[16]", ":14:47: grid.cells: ", {"a list of 1", "a list of 2, one a coordinate"}},
    /* numbers */
    {"ridge: 0.1", "ridge: 2.5abc", ":10:25: regularisation.ridge: ", {"`2.5abc`", "expected a number >= 0"}},
    {"ridge: 0.1", "ridge: 1.2.3", ":10:25: regularisation.ridge: ", {"`1.2.3`", "expected a number"}},
    {"ridge: 0.1", "ridge: .nan", ":10:25: regularisation.ridge: ", {"`.nan`", "expected a number"}},
    {"ridge: 0.1", "ridge: nan", ":10:25: regularisation.ridge: ", {"`nan`", "expected a number"}},
    {"ridge: 0.1", "ridge: inf", ":10:25: regularisation.ridge: ", {"`inf`", "expected a number"}},
    {"ridge: 0.1", "ridge: 1e999", ":10:25: regularisation.ridge: ", {"`1e999`", "expected a number"}},
    {"ridge: 0.1",
     "ridge: 1.1e30",
     ":10:25: regularisation.ridge: ",
     {"`1.1e30`", "expected a number >= 0, at most 1e30"}},
    {"ridge: 0.1", "ridge: 0x10", ":10:25: regularisation.ridge: ", {"`0x10`", "expected a number"}},
    {"ridge: 0.1", "ridge: '0.1'", ":10:25: regularisation.ridge: ", {"in quotes", "expected a number"}},
    {"ridge: 0.1", "ridge: -0.1", ":10:25: regularisation.ridge: ", {"`-0.1`", "expected a number >= 0"}},
    {"temperature: 0", "temperature: -1", ":10:43: regularisation.temperature: ", {"expected a number >= 0"}},
    {"[16, 12]", "[16, 12.5]", ":14:52: grid.cells[1]: ", {"`12.5`", "expected an integer"}},
    {"[16, 12]", "[16, 99999999999999999999]", ":14:52: grid.cells[1]: ", {"expected an integer"}},
    {"[16, 12]", "[16, -4]", ":14:52: grid.cells[1]: ", {"`-4`", "expected an integer"}},
    {"end: 8",
     "end: 0.9e-30",
     ":16:13: time.end: ",
     {"`0.9e-30`", "expected a number > 0, from 1e-30 to 1e30"}},
    {"end: 8", "end: 0", ":16:13: time.end: ", {"`0`", "expected a number > 0"}},
    {"rtol: 1e-5", "rtol: 2", ":16:22: time.rtol: ", {"expected less than 1"}},
    {"outputs: 9", "outputs: 1", ":16:49: time.outputs: ", {"expected at least 2"}},
    /* data */
    {"[[1, -1], [1, 0]], label",
     "[[1, -1], [1]], label",
     ":6:26: data.events[1].tokens[1]: ",
     {"a list of 1", "a list of 2"}},
    {"[[1, 1], [1, 0]], label",
     "[[1, 1], 1], label",
     ":5:25: data.events[0].tokens[1]: ",
     {"`1`", "a list of 2"}},
    {"[[1, 1], [1, 0]], label", "[], label", ":5:16: data.events[0].tokens: ", {"a list of 0", "not empty"}},
    {"[0.9, 0.1]", "[1.1, -0.1]", ":5:47: data.events[0].label[1]: ", {"`-0.1`", "expected a number >= 0"}},
    {"[0.1, 0.9]", "[0, 0.0]", ":6:42: data.events[1].label: ", {"sums to zero", "expected a sum > 0"}},
    {"[0.1, 0.9]", "[0.1, 0.2, 0.7]", ":6:42: data.events[1].label: ", {"a list of 3", "a list of 2"}},
    {"weight: 2", "weight: 0", ":5:61: data.events[0].weight: ", {"expected a number > 0"}},
    {EVENTS, "  events: []\n", ":4:11: data.events: ", {"a list of 0", "not empty"}},
    {EVENTS,
     "  generator: retreival\n",
     ":4:14: data.generator: ",
     {"`retreival`", "did you mean `retrieval`"}},
    {EVENTS, "  generator: twoway\n  flip: 0.2\n", ":5:3: data.flip: ", {"generator twoway does not use it"}},
    {EVENTS, "  generator: words\n", ":4:3: data: ", {"`file` is missing", "words reads"}},
    {EVENTS, "  flip: 0.1\n", ":4:3: data: ", {"no source", "exactly one of events, generator, file"}},
    {"data:\n",
     "data:\n  generator: retrieval\n",
     ":4:3: data: ",
     {"several", "exactly one of events, generator, file"}},
    {"data:\n", "data:\n  flip: 0.1\n", ":4:3: data.flip: ", {"without a generator"}},
    /* heads */
    {"form: affine", "form: afine", ":8:21: heads.attention.form: ", {"`afine`", "did you mean `affine`"}},
    {"base: [[0, 0], [0, 0]], basis: [[[1",
     "base: [[0, 0]], basis: [[[1",
     ":8:53: heads.attention.base: ",
     {"a list of 1", "a 2 x 2 matrix"}},
    {"[[[1, 0], [0, 0]]]",
     "[[[1, 0], [0]]]",
     ":8:88: heads.attention.basis[0][1]: ",
     {"a 2 x 2 matrix (width x width"}},
    {"[[[1, 0], [0, 0]]]", "[]", ":8:78: heads.attention.basis: ", {"affine", "expected"}},
    {"form: affine", "form: product", ":8:79: heads.attention.basis: ", {"product", "expected"}},
    {"[[[0, 0.5], [0, -0.5]]]",
     "[[[0, 0.5], [0, x]]]",
     ":9:76: heads.value.basis[0][1][1]: ",
     {"`x`", "expected a number"}},
    {"[[[0, 0.5], [0, -0.5]]]", "[]", ":9:60: heads.value.basis: ", {"a list of 0", "a list of 1"}},
    {"coordinates: [v]",
     "coordinates: [a]",
     ":9:25: heads.value.coordinates[0]: ",
     {"second coordinate `a`"}},
    {"coordinates: [v]",
     "coordinates: [time]",
     ":9:25: heads.value.coordinates[0]: ",
     {"`time`", "another name"}},
    {"coordinates: [v]",
     "coordinates: [2v]",
     ":9:25: heads.value.coordinates[0]: ",
     {"`2v`", "expected a letter"}},
    {"coordinates: [v]", "coordinates: [v, w, x, y]", ":9:24: heads.value.coordinates: ", {"at most 3"}},
    /* initial */
    {"center: 0.5", "center: 4", ":12:13: initial.a.bump: ", {"0.5 beyond the box", "within [-3, 5]"}},
    {"radius: 1.5", "radius: 0", ":12:35: initial.a.bump.radius: ", {"expected a number > 0"}},
    {"bump: {center: 0.5, radius: 1.5}", "bmup: {}", ":12:7: initial.a.bmup: ", {"did you mean `bump`"}},
    {"bump: {center: 0.5, radius: 1.5}", "", ":12:6: initial.a: ", {"exactly one of bump"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "uniform: {lower: 1, upper: 1}",
     ":12:16: initial.a.uniform: ",
     {"lower < upper"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "uniform: {lower: 1, upper: 9}",
     ":12:16: initial.a.uniform: ",
     {"4 beyond the box"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "cosine: {kappa: 0.5, phase: 0}",
     ":12:15: initial.a.cosine: ",
     {"no angle"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "dirac: {at: 5.5}",
     ":12:14: initial.a.dirac: ",
     {"0.5 beyond the box", "within [-3, 5]"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "dirac: {at: -3.00001}",
     ":12:14: initial.a.dirac: ",
     {"1e-05 beyond the box"}},
    {"bump: {center: 0.5, radius: 1.5}", "dirac: {}", ":12:14: initial.a.dirac: ", {"`at` is missing"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "dirac: {at: 0, sd: 1}",
     ":12:22: initial.a.dirac.sd: ",
     {"unknown key", "expected one of at"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "dirac: {at: nan}",
     ":12:19: initial.a.dirac.at: ",
     {"`nan`", "expected a number"}},
    {"bump: {center: 0.5, radius: 1.5}",
     "dirac: {at: 0}, bump: {center: 0, radius: 1}",
     ":12:6: initial.a: ",
     {"2 densities", "exactly one of bump, normal, uniform, cosine, dirac"}},
    {"mean: 0.5", "mean: 1e4", ":13:15: initial.v.normal: ", {"no mass in the box"}},
    {"  v: {normal: {mean: 0.5, sd: 1.5}}\n", "", ":12:3: initial: ", {"`v` is missing"}},
    {"  a: {bump", "  heads: some.csv\n  a: {bump", ":13:3: initial.a: ", {"unknown key", "one of heads"}},
    {"  a: {bump", "  heads: {file: x}\n  a: {bump", ":12:10: initial.heads: ", {"expected text"}},
    {"  a: {bump: {center: 0.5, radius: 1.5}}\n  v: {normal: {mean: 0.5, sd: 1.5}}\n",
     "  heads: [some.csv]\n",
     ":12:10: initial.heads: ",
     {"a list of 1", "expected text"}},
    {"  a: {bump: {center: 0.5, radius: 1.5}}\n  v: {normal: {mean: 0.5, sd: 1.5}}\n",
     "  heads:\n",
     ":12:9: initial.heads: ",
     {"nothing", "expected text"}},
    {"  a: {bump", "  haeds: some.csv\n  a: {bump", ":12:3: initial.haeds: ", {"did you mean `heads`"}},
    /* grid and method */
    {"upper: [5, 7]", "upper: [5, -3]", ":14:36: grid.upper[1]: ", {"from -3 to -3", "lower < upper"}},
    {"[16, 12]", "[16, 2]", ":14:52: grid.cells[1]: ", {"2 cells", "at least 3"}},
    {"[16, 12]", "[1000000, 1000000]", ":14:47: grid.cells: ", {"memory"}},
    {"[16, 12]",
     "[16, 12], periodic: [true, false]",
     ":14:68: grid.periodic[0]: ",
     {"no angle", "expected false"}},
    {"[16, 12]", "[16, 12], periodic: [no, no]", ":14:68: grid.periodic[0]: ", {"`no`", "true or false"}},
    {"flux: muscl", "flux: muscle", ":15:16: scheme.flux: ", {"`muscle`", "did you mean `muscl`"}},
    {"limiter: vanleer", "limiter: vanlear", ":15:32: scheme.limiter: ", {"did you mean `vanleer`"}},
    {"limiter: vanleer",
     "table_tolerance: 0.02385",
     ":15:40: scheme.table_tolerance: ",
     {"0.02385; expected at most 0.01"}},
    {"flux: muscl", "flux: upwind", ":15:33: scheme.limiter: ", {"upwind", "takes none", "muscl"}},
    {"limiter: vanleer", "table_tolerance: 0", ":15:40: scheme.table_tolerance: ", {"0"}},
    {"limiter: vanleer", "table_tolerance: -1e-9", ":15:40: scheme.table_tolerance: ", {"-1e-9"}},
    {"temperature: 0",
     "temperature: 1",
     ":15:16: scheme.flux: ",
     {"muscl with temperature 1", "with diffusion"}},
    {"{end: 8", "{method: dopry5, end: 8", ":16:16: time.method: ", {"`dopry5`", "did you mean `dopri5`"}},
    {"flux: muscl", "flux: scharfetter-gummel", ":15:16: scheme.flux: ", {"without diffusion"}},
    {"[8, full]", "[8, none]", ":17:54: particles.batch[1]: ", {"`none`", "full"}},
    {", seeds: 3", "", ":17:12: particles: ", {"`seeds` is missing"}},
    /* YAML */
    {"title: An example", "title: &anchor An example", ":2:8: title: ", {"anchor"}},
    {"title: An example", "title: *anchor", ":2:8: title: ", {"alias"}},
    {"title: An example", "title: !!str An example", ":2:8: title: ", {"tag"}},
    {"title: An example", "? [title]\n: An example", ":2:3: ", {"key that is a collection"}},
    {"title: An example", "title: \"\\0\"", ":2:8: title: ", {"NUL"}},
    {"title: An example", "title: \xff\xfe", ":2:8: ", {"expected UTF-8"}},
    {"title: An example", "---\ntitle: An example", ":2:1: ", {"second document"}},
    {"[16, 12]}", "[16, 12]", ":15:1: grid: ", {"expected YAML"}},
};

Test(store_case, good_case_reads) {
    hf_error error = {0};
    hf_problem *problem;
    char *text;
    write_edited("name", "name");
    cr_assert_eq(hf_case_read(&error, file, 0, NULL, &problem, &text), HF_OK, "%s", error.message);
    cr_expect_str_eq(text, good);
    cr_expect_str_eq(hf_problem_name(problem), "example");
    cr_expect_str_eq(hf_problem_title(problem), "An example");
    cr_expect_eq(hf_events_count(hf_problem_events(problem)), 2);
    cr_expect_float_eq(hf_events_weight(hf_problem_events(problem), 0), 2. / 3, 1e-15);
    cr_expect_eq(hf_model_ridge(hf_problem_model(problem)), 0.1);
    const hf_axis *axis = hf_grid_axis(hf_problem_grid(problem), 1);
    cr_expect_str_eq(axis->name, "v");
    cr_expect(axis->lower == -3 && axis->upper == 7 && axis->cells == 12 && !axis->periodic);
    size_t count;
    const hf_component *component = hf_problem_components(problem, &count);
    cr_expect_eq(count, 1);
    cr_expect_eq(component->profile[0].kind, HF_PROFILE_BUMP);
    cr_expect(component->profile[1].kind == HF_PROFILE_NORMAL && component->profile[1].b == 1.5);
    cr_expect_str_eq(hf_problem_flux(problem)->name, "muscl");
    cr_expect_str_eq(hf_problem_limiter(problem)->name, "vanleer");
    cr_expect(hf_problem_end(problem) == 8 && hf_problem_rtol(problem) == 1e-5);
    cr_expect(hf_problem_atol(problem) == 1e-8 && hf_problem_stop(problem) == 1e-7);
    cr_expect_eq(hf_problem_outputs(problem), 9);
    const hf_particles *particles = hf_problem_particles(problem);
    cr_expect(particles->heads_count == 2 && particles->heads[1] == 64 && particles->step[0] == 0.1);
    cr_expect(particles->batch[0] == 8 && particles->batch[1] == 0 && particles->seeds == 3);
    hf_problem_destroy(&problem);
    free(text);
}

Test(store_case, refusals_say_where_and_what) {
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        write_edited(refusals[k].from, refusals[k].to);
        expect_refusal(HF_ERR_INPUT, refusals[k].start, refusals[k].fragments, 0, NULL);
    }
}

/* ---- overrides --------------------------------------------------------------------------------------- */

Test(store_case, explicit_methods_take_no_temperature) {
    static const char *const overrides[] = {"regularisation.temperature=0.2385",
                                            "scheme={flux: scharfetter-gummel}", "time.method=erk"};
    hf_error error = {0};
    hf_problem *problem;
    char *text;
    write_edited("name", "name");
    cr_assert_eq(hf_case_read(&error, file, 3, overrides, &problem, &text), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "time.method: the time method erk with temperature 0.2385"),
                       "%s", error.message);
}

Test(store_case, overrides_take_effect) {
    static const char *const overrides[] = {
        "grid.cells=[8, 20]",
        "regularisation.ridge=0.5",
        "grid.cells=[10,20]",
        "time={end: 3, method: dopri5}",
        "scheme={flux: upwind}",
        "title=\"quoted: title\"",
        "data.events=[{tokens: [[1, 0]], label: [1, 1]}]",
    };
    enum { COUNT = sizeof overrides / sizeof *overrides };
    hf_error error = {0};
    hf_problem *problem;
    char *text;
    write_edited("regularisation: {ridge: 0.1, temperature: 0}\n", "");
    cr_assert_eq(hf_case_read(&error, file, COUNT, overrides, &problem, &text), HF_OK, "%s", error.message);
    cr_expect_eq(hf_grid_cells(hf_problem_grid(problem)), 200);
    cr_expect_eq(hf_model_ridge(hf_problem_model(problem)), 0.5);
    cr_expect_eq(hf_problem_end(problem), 3);
    cr_expect_str_eq(hf_problem_method(problem)->name, "dopri5");
    cr_expect_eq(hf_problem_outputs(problem), 33);
    cr_expect_str_eq(hf_problem_flux(problem)->name, "upwind");
    cr_expect_str_eq(hf_problem_title(problem), "quoted: title");
    cr_expect_eq(hf_events_count(hf_problem_events(problem)), 1);
    cr_expect_not_null(strstr(text, "\n# --set grid.cells=[8, 20]\n# --set regularisation.ridge=0.5\n"));
    hf_problem_destroy(&problem);
    free(text);
}

Test(store_case, override_refusals_name_the_override) {
    static const struct {
        const char *override, *start, *fragments[3];
    } wrong[] = {
        {"grid.cells", "--set grid.cells: ", {"no key before `=`", "expected KEY=VALUE"}},
        {"=3", "--set =3: ", {"expected KEY=VALUE"}},
        {"grid.cells=", "--set grid.cells=: ", {"expected KEY=VALUE"}},
        {"grid.cells=[8, 2]", "--set grid.cells=[8, 2]: grid.cells[1]: ", {"2 cells", "at least 3"}},
        {"grid.cells=[8", "--set grid.cells=[8: ", {"expected YAML"}},
        {"grid.cell=[8, 8]", "--set grid.cell=[8, 8]: grid.cell: ", {"did you mean `cells`"}},
        {"gird.cells=[8, 8]", "--set gird.cells=[8, 8]: gird: ", {"did you mean `grid`"}},
        {"grid.cells.x=8", "--set grid.cells.x=8: grid.cells: ", {"a list of 2", "expected a mapping"}},
        {"time.end=soon", "--set time.end=soon: time.end: ", {"`soon`", "expected a number > 0"}},
        {"time.end=*a", "--set time.end=*a: ", {"alias"}},
        {"time.end=3\ntime: 4", "--set time.end=3: ", {"line break"}},
        {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1", "--set a.a", {"too deep"}},
    };
    write_edited("name", "name");
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        expect_refusal(HF_ERR_INPUT, wrong[k].start, wrong[k].fragments, 1, &wrong[k].override);
}

/* ---- files ------------------------------------------------------------------------------------------- */

static void expect_file_refusal(const char *path, const char *first, const char *second) {
    hf_error error = {0};
    hf_problem *problem;
    cr_expect_eq(hf_case_read(&error, path, 0, NULL, &problem, NULL), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, path), "%s", error.message);
    cr_expect_not_null(strstr(error.message, first), "%s", error.message);
    cr_expect_not_null(strstr(error.message, second), "%s", error.message);
}

Test(store_case, files_that_are_no_cases) {
    char path[128];
    expect_file_refusal(file, "No such file", "expected a case file");
    expect_file_refusal(folder, "Is a directory", "expected a case file");
    write_bytes("", 0);
    expect_file_refusal(file, ":1:1: nothing there", "expected the sections of a case");
    write_bytes("# only a comment\n", 17);
    expect_file_refusal(file, ":1:1: nothing there", "expected the sections of a case");
    write_bytes("- a list\n", 9);
    expect_file_refusal(file, ":1:1: found a list of 1", "expected a mapping of name, title");
    write_bytes("name: a\nb\0c: 1\n", 16);
    expect_file_refusal(file, ":2:2: ", "expected UTF-8 text");
    write_bytes("\xc3\xa9\xc3\xa9: \xc3\n", 8);
    expect_file_refusal(file, ":1:6: ", "expected UTF-8 text");
    snprintf(path, sizeof path, "%s/below.yaml", file);
    expect_file_refusal(path, "Not a directory", "expected a case file");
    if (geteuid() != 0) { /* root reads everything */
        cr_assert_eq(chmod(file, 0), 0);
        expect_file_refusal(file, "Permission denied", "expected a case file");
    }
}

Test(store_case, size_depth_and_keys_are_bounded) {
    enum { LARGE = (1 << 20) + 1 };
    char *large = malloc(LARGE), deep[256] = "name: ";
    cr_assert_not_null(large);
    memset(large, '[', LARGE);
    write_bytes(large, LARGE);
    expect_file_refusal(file, "larger than 1 MiB", "expected a case file");
    write_bytes(large, LARGE - 1);
    expect_file_refusal(file, ":1:33: ", "expected at most 32 levels");
    free(large);
    memset(deep + 6, '[', 31);
    memset(deep + 37, ']', 31);
    write_bytes(deep, strlen(deep));
    expect_file_refusal(file, ":1:7: name: found a list of 1", "expected text");
    FILE *stream = fopen(file, "w");
    cr_assert_not_null(stream);
    for (int k = 0; k < 65; k++)
        fprintf(stream, "key%d: 0\n", k);
    fclose(stream);
    expect_file_refusal(file, ":65:1: ", "expected at most 64 keys");
}

Test(store_case, data_files) {
    static const char *const lost[] = {":4:9: data.file: ", "lost.csv", NULL};
    hf_error error = {0};
    hf_problem *problem;
    write_edited(EVENTS, "  file: lost.csv\n");
    expect_refusal(HF_ERR_IO, lost[0], lost + 1, 0, NULL);
    cr_assert_eq(hf_case_read(&error, SOURCE_ROOT "/tests/data/corpus.yaml", 0, NULL, &problem, NULL), HF_OK,
                 "%s", error.message);
    const hf_events *events = hf_problem_events(problem);
    cr_expect(hf_events_count(events) == 4 && hf_events_width(events) == 2 && hf_events_classes(events) == 2);
    cr_expect_float_eq(hf_events_label(events, 0)[1], 0.1, 1e-15);
    size_t count;
    const hf_component *components = hf_problem_components(problem, &count);
    cr_expect(count == 2 && components[0].weight == 0.75 &&
              components[1].profile[0].kind == HF_PROFILE_UNIFORM);
    hf_problem_destroy(&problem);
}

/* ---- given heads -------------------------------------------------------------------------------------- */

#define PRODUCT "  a: {bump: {center: 0.5, radius: 1.5}}\n  v: {normal: {mean: 0.5, sd: 1.5}}\n"

/* The good case with another initial section, and with overrides. */
static hf_problem *read_initial(const char *initial, size_t override_count, const char *const overrides[]) {
    hf_error error = {0};
    hf_problem *problem;
    write_edited(PRODUCT, initial);
    cr_assert_eq(hf_case_read(&error, file, override_count, overrides, &problem, NULL), HF_OK, "%s",
                 error.message);
    return problem;
}

static void expect_dirac(const hf_component *component, double weight, double a, double v) {
    const hf_profile *profile = component->profile;
    cr_expect_float_eq(component->weight, weight, 1e-15, "%.17g, not %.17g", component->weight, weight);
    cr_expect(profile[0].kind == HF_PROFILE_DIRAC && profile[1].kind == HF_PROFILE_DIRAC);
    cr_expect(profile[0].a == a && profile[1].a == v, "at %.17g %.17g, not %.17g %.17g", profile[0].a,
              profile[1].a, a, v);
    cr_expect(profile[0].b == 0 && profile[1].b == 0);
}

/* The initial mass in the cell (i, j) of the good case's 16 x 12 cells, and in all. */
static double mass_of_cell(const hf_problem *problem, size_t i, size_t j, double *total) {
    const hf_grid *grid = hf_problem_grid(problem);
    double rho[16 * 12];
    *total = 0;
    cr_assert_eq(hf_grid_cells(grid), sizeof rho / sizeof *rho);
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (size_t k = 0; k < sizeof rho / sizeof *rho; k++)
        *total += rho[k] * hf_grid_volume(grid);
    return rho[12 * i + j] * hf_grid_volume(grid);
}

Test(store_case, dirac_profiles) {
    hf_problem *problem = read_initial("  a: {dirac: {at: 0.3}}\n  v: {dirac: {at: -3}}\n", 0, NULL);
    size_t count;
    double total;
    const hf_component *components = hf_problem_components(problem, &count);
    cr_assert_eq(count, 1);
    expect_dirac(components, 1, 0.3, -3);
    cr_expect_float_eq(mass_of_cell(problem, 6, 0, &total), 1, 1e-14);
    cr_expect_float_eq(total, 1, 1e-14);
    hf_problem_destroy(&problem);

    problem = read_initial("  - {weight: 1, a: {dirac: {at: 5}}, v: {uniform: {lower: -3, upper: 7}}}\n"
                           "  - {weight: 3, v: {dirac: {at: 1}}, a: {dirac: {at: -1}}}\n",
                           0, NULL);
    components = hf_problem_components(problem, &count);
    cr_assert_eq(count, 2);
    cr_expect(components[0].weight == 0.25 && components[0].profile[0].a == 5);
    cr_expect(components[0].profile[1].kind == HF_PROFILE_UNIFORM);
    expect_dirac(&components[1], 0.75, -1, 1);
    hf_problem_destroy(&problem);
}

/* What misses the box by rounding is in the cell at the wall and not lost. */
Test(store_case, diracs_on_the_bounds) {
    static const char text[] = "a,v\n-3.0000000000001,7.0000000000001\n";
    static const char *const initial[] = {
        "  a: {dirac: {at: -3.0000000000001}}\n  v: {dirac: {at: 7.0000000000001}}\n",
        "  heads: heads.csv\n"};
    write_to(table, text, sizeof text - 1);
    for (size_t k = 0; k < 2; k++) {
        size_t count;
        double total;
        hf_problem *problem = read_initial(initial[k], 0, NULL);
        expect_dirac(hf_problem_components(problem, &count), 1, -3, 7);
        cr_expect_float_eq(mass_of_cell(problem, 0, 11, &total), 1, 1e-14);
        cr_expect_float_eq(total, 1, 1e-14);
        hf_problem_destroy(&problem);
    }
}

Test(store_case, heads_files) {
    static const char text[] = "\xef\xbb\xbfv, mass ,\"a\"\r\n"
                               "7,1,-3\r\n"
                               "\n"
                               "-0.75 , 5e-1,\" 2.25\"\n"
                               "+1e0,2.5,5";
    char absolute[128];
    snprintf(absolute, sizeof absolute, "  heads: %s\n", table);
    const char *const initial[] = {"  heads: heads.csv\n", absolute};
    write_to(table, text, sizeof text - 1);
    for (size_t k = 0; k < 2; k++) {
        hf_problem *problem = read_initial(initial[k], 0, NULL);
        size_t count;
        double total;
        const hf_component *components = hf_problem_components(problem, &count);
        cr_assert_eq(count, 3);
        expect_dirac(&components[0], 0.25, -3, 7);
        expect_dirac(&components[1], 0.125, 2.25, -0.75);
        expect_dirac(&components[2], 0.625, 5, 1);
        cr_expect_float_eq(mass_of_cell(problem, 10, 2, &total), 0.125, 1e-14);
        cr_expect_float_eq(total, 1, 1e-14);
        hf_problem_destroy(&problem);
    }
}

/* Many heads of equal mass, to the last bit; named on the command line. */
Test(store_case, many_heads) {
    enum { HEADS = 1025 };
    static const char *const overrides[] = {"initial={heads: heads.csv}"};
    double theta[HEADS][2];
    FILE *stream = fopen(table, "w");
    cr_assert_not_null(stream);
    fprintf(stream, "a,v\n");
    for (size_t k = 0; k < HEADS; k++) {
        theta[k][0] = -3 + 8 * (double)k / HEADS;
        theta[k][1] = 7 - 10 * (double)(k * k % HEADS) / HEADS;
        fprintf(stream, "%.17g,%.17g\n", theta[k][0], theta[k][1]);
    }
    cr_assert_eq(fclose(stream), 0);
    hf_problem *problem = read_initial(PRODUCT, 1, overrides);
    size_t count;
    const hf_component *components = hf_problem_components(problem, &count);
    cr_assert_eq(count, HEADS);
    for (size_t k = 0; k < HEADS; k++)
        expect_dirac(&components[k], 1. / HEADS, theta[k][0], theta[k][1]);
    hf_problem_destroy(&problem);
}

Test(store_case, a_coordinate_may_be_called_heads) {
    static const char *const names[] = {"heads.value.coordinates=[heads]"};
    static const char text[] = "heads,a\n2,1\n";
    size_t count;
    hf_problem *problem = read_initial("  a: {dirac: {at: 1}}\n  heads: {dirac: {at: 2}}\n", 1, names);
    expect_dirac(hf_problem_components(problem, &count), 1, 1, 2);
    hf_problem_destroy(&problem);
    write_to(table, text, sizeof text - 1);
    problem = read_initial("  heads: heads.csv\n", 1, names);
    expect_dirac(hf_problem_components(problem, &count), 1, 1, 2);
    hf_problem_destroy(&problem);
}

Test(store_case, refusals_of_heads_files) {
    static const struct {
        const char *text, *place, *what;
    } wrong[] = {
        {"", ": ", "empty; expected the header a,v,mass"},
        {"a,v\n", ": ", "no rows; expected heads below the header"},
        {"a,v,weight\n", ":1: ", "header: unknown column 'weight'; expected a, v or mass"},
        {"a,v,masse\n", ":1: ", "header: unknown column 'masse'; expected mass"},
        {"a,v,a\n", ":1: ", "header: column a twice; expected it once"},
        {"a,v,mass,mass\n", ":1: ", "header: column mass twice; expected it once"},
        {"v,mass\n", ":1: ", "header: no column a; expected a,v,mass"},
        {"\na\n", ":2: ", "header: no column v; expected a,v,mass"},
        {"a,\"v\n", ":1: ", "header: quotes that do not enclose a field"},
        {"a,v\n1\n", ":2: ", "row: too few fields; expected 2 as in the header"},
        {"a,v\n1,2\n\n1,2,3\n", ":4: ", "row: too many fields; expected 2 as in the header"},
        {"a,v,mass\n1,2\n", ":2: ", "row: too few fields; expected 3 as in the header"},
        {"v,a\n1,\"2\n", ":2: ", "a: quotes that do not enclose the field"},
        {"v,a\n1,two\n", ":2: ", "a: 'two'; expected a finite decimal number"},
        {"a,v\n1,0x2\n", ":2: ", "v: '0x2'; expected a finite decimal number"},
        {"a,v\n1,nan\n", ":2: ", "v: 'nan'; expected a finite decimal number"},
        {"a,v\n-inf,1\n", ":2: ", "a: '-inf'; expected a finite decimal number"},
        {"a,v\n1e999,1\n", ":2: ", "a: '1e999'; expected a finite decimal number"},
        {"a,v\n-1.1e30,1\n", ":2: ", "a: '-1.1e30'; expected a finite decimal number, at most 1e30"},
        {"a,v\n1,\n", ":2: ", "v: ''; expected one number"},
        {"a,v\n1 2,3\n", ":2: ", "a: '1 2'; expected one number"},
        {"a,v\n1;2,3\n", ":2: ", "a: '1;2'; expected one number"},
        {"a,v\n5,7\n5.5,7\n", ":3: ", "a: 5.5 lies 0.5 beyond the box; expected it within [-3, 5]"},
        {"v,a\n-4,1\n", ":2: ", "v: -4 lies 1 beyond the box; expected it within [-3, 7]"},
        {"v,a\n7.00001,1\n", ":2: ", "v: 7.00001 lies 1e-05 beyond the box; expected it within [-3, 7]"},
        {"a,v,mass\n1,2,0\n", ":2: ", "mass: '0'; expected one number > 0"},
        {"a,mass,v\n1,2,3\n1,-2,3\n", ":3: ", "mass: '-2'; expected one number > 0"},
        {"a,v,mass\n1,2,\n", ":2: ", "mass: ''; expected one number > 0"},
        {"a,v,mass\n1,2,inf\n", ":2: ", "mass: 'inf'; expected a finite decimal number"},
    };
    char start[256];
    write_edited(PRODUCT, "  heads: heads.csv\n");
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const char *const fragments[3] = {NULL};
        snprintf(start, sizeof start, ":12:10: initial.heads: %s%s%s", table, wrong[k].place, wrong[k].what);
        write_to(table, wrong[k].text, strlen(wrong[k].text));
        expect_refusal(HF_ERR_INPUT, start, fragments, 0, NULL);
    }
}

Test(store_case, heads_files_that_cannot_be_read) {
    static const char *const lost[3] = {"lost.csv: cannot open: No such file"};
    static const char *const directory[3] = {"cannot read: Is a directory"};
    static const char *const override = "initial={heads: lost.csv}";
    write_edited(PRODUCT, "  heads: lost.csv\n");
    expect_refusal(HF_ERR_IO, ":12:10: initial.heads: ", lost, 0, NULL);
    expect_refusal(HF_ERR_IO, "--set initial={heads: lost.csv}: initial.heads: ", lost, 1, &override);
    write_edited(PRODUCT, "  heads: .\n");
    expect_refusal(HF_ERR_IO, ":12:10: initial.heads: ", directory, 0, NULL);
}
