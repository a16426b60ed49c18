/* The report: escaping, numbers, formulas, drawings; and a page about a made-up case, with all its sections.
 */
#include "store/gnuplot.h"
#include "store/report_formula.h"
#include "store/report_html.h"
#include "store/report_svg.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <headflow/store.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is written -------------------------------------------------------------------------------- */

/* A stream into memory, and what came of it. */
static char *written;
static size_t written_length;

static FILE *begin(void) {
    FILE *out = open_memstream(&written, &written_length);
    cr_assert_not_null(out);
    return out;
}

static void expect(FILE *out, const char *wanted) {
    fclose(out);
    cr_expect_str_eq(written, wanted);
    free(written);
    written = NULL;
}

#define EXPECT_WRITTEN(wanted, call)                                                                         \
    do {                                                                                                     \
        FILE *out = begin();                                                                                 \
        call;                                                                                                \
        expect(out, wanted);                                                                                 \
    } while (0)

/* ---- text ------------------------------------------------------------------------------------------- */

Test(store_report, text_is_escaped) {
    EXPECT_WRITTEN("&lt;script&gt;alert(&#39;1 &amp; 2&#39;)&lt;/script&gt; &quot;q&quot;",
                   hf_html_text(out, "<script>alert('1 & 2')</script> \"q\""));
    EXPECT_WRITTEN("Łojasiewicz θ\n\tx", hf_html_text(out, "Łojasiewicz θ\r\n\tx"));
    EXPECT_WRITTEN("a\xef\xbf\xbd"
                   "b\xef\xbf\xbd",
                   hf_html_text(out, "a\x01"
                                     "b\x7f"));
    EXPECT_WRITTEN("&amp;lt;", hf_html_text(out, "&lt;"));
}

Test(store_report, formulas_are_typeset) {
    EXPECT_WRITTEN("<i>R</i> − <i>R</i><sub>∞</sub> ≤ 2.5 × 10<sup>−14</sup>, a fall",
                   hf_html_formula(out, "R - R_inf <= 2.5e-14, a fall"));
    EXPECT_WRITTEN("<i>D</i> ≥ <i>C</i> (<i>R</i>)<sup>2 <i>θ</i></sup> near rest",
                   hf_html_formula(out, "D >= C (R)^(2 theta) near rest"));
    EXPECT_WRITTEN("<i>t</i><sup>−1/(2 <i>θ</i> − 1)</sup>", hf_html_formula(out, "t^(-1/(2 theta - 1))"));
    EXPECT_WRITTEN("root-finding, 3.17 × 10<sup>12</sup> &amp; x&lt;y",
                   hf_html_formula(out, "root-finding, 3.17e+12 & x<y"));
    EXPECT_WRITTEN("<i>λ</i><sub>min</sub>(<i>A</i>) &lt; 0 at the Dirac: −5.6 %",
                   hf_html_formula(out, "lambda_min(A) < 0 at the Dirac: -5.6 %"));
    EXPECT_WRITTEN("5 eV, (<sup>(</sup>", hf_html_formula(out, "5 eV, (^("));
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

Test(store_report, numbers_keep_their_digits) {
    EXPECT_WRITTEN("<data value=\"2.3849999999999998\">2.3850</data>", hf_html_number(out, 2.385, 5));
    EXPECT_WRITTEN("<data value=\"-0.0023860000000000001\">−0.00239</data>",
                   hf_html_number(out, -0.002386, 3));
    EXPECT_WRITTEN("<data value=\"-1.7e-05\">−1.7 × 10<sup>−5</sup></data>", hf_html_number(out, -1.7e-5, 2));
    EXPECT_WRITTEN("<data value=\"23850000\">2.385 × 10<sup>7</sup></data>", hf_html_number(out, 2.385e7, 4));
    EXPECT_WRITTEN("<data value=\"23857\">23857</data>", hf_html_number(out, 23857, 3));
    EXPECT_WRITTEN("<data value=\"9.9990000000000006\">10.0</data>", hf_html_number(out, 9.999, 3));
    EXPECT_WRITTEN("<data value=\"0\">0</data>", hf_html_number(out, 0, 6));
    EXPECT_WRITTEN("<span class=\"none\">–</span>", hf_html_number(out, NAN, 6));
    EXPECT_WRITTEN("−∞", hf_html_number(out, -INFINITY, 6));
    EXPECT_WRITTEN("<data value=\"1e-10\">1 × 10<sup>−10</sup></data>", hf_html_parameter(out, 1e-10));
    EXPECT_WRITTEN("<data value=\"-3.25\">−3.25</data>", hf_html_parameter(out, -3.25));
}

Test(store_report, an_error_ends_the_digits) {
    EXPECT_WRITTEN("<data value=\"0.48482210398100001\">0.4848221</data>",
                   hf_html_known(out, 0.484822103981, 3.1e-8, 6));
    EXPECT_WRITTEN("<data value=\"0.48482210398100001\">0.484822104</data>",
                   hf_html_known(out, 0.484822103981, 1e-9, 6));
    EXPECT_WRITTEN("<data value=\"0.48482210398100001\">0.484822</data>",
                   hf_html_known(out, 0.484822103981, NAN, 6));
    EXPECT_WRITTEN("<data value=\"0.25\">0.250000000000000</data>", hf_html_known(out, 0.25, 0, 6));
    EXPECT_WRITTEN("<data value=\"23.850000000000001\">24</data>", hf_html_known(out, 23.85, 31, 6));
    EXPECT_WRITTEN("<data value=\"2.5\">2.5</data> <span class=\"range\">[<data value=\"2.25\">2.2</data>, "
                   "<data value=\"2.875\">2.9</data>]</span>",
                   hf_html_interval(out, 2.5, 2.25, 2.875, 2));
    EXPECT_WRITTEN("<data value=\"2.5\">2.5</data>", hf_html_interval(out, 2.5, NAN, NAN, 2));
}

/* ---- labels of figures ------------------------------------------------------------------------------ */

static void expect_label(const char *name, const char *wanted) {
    char label[HF_LABEL_MAX];
    hf_gnuplot_label(name, label);
    cr_expect_str_eq(label, wanted);
}

Test(store_report, only_the_first_underscore_of_a_label_starts_an_index) {
    expect_label("theta", HF_ITALIC("θ"));
    expect_label("v2", HF_ITALIC("v") "_{2}");
    expect_label("alpha_key", HF_ITALIC("α") "_{key}");
    expect_label("v_a_b", HF_ITALIC("v") "_{a\\_b}");
    expect_label("risk_", HF_ITALIC("risk\\_"));
    expect_label("_x", HF_ITALIC("\\_x"));
}

/* ---- drawings --------------------------------------------------------------------------------------- */

static const char drawing[] =
    "<?xml version=\"1.0\"?>\n<svg \n width=\"321\" viewBox=\"0 0 321.5 60\"\n xmlns=\"x\">\n\n"
    "<title>Gnuplot</title>\n<desc>Produced</desc>\n"
    "<g id=\"canvas\" fill='url(#box)'><circle id='dot' idle='1'/><use xlink:href='#dot'/>"
    "<text>id='dot' href='#dot'</text></g>\n</svg>\n";

Test(store_report, drawings_are_set_in) {
    hf_error error = {0};
    cr_expect_eq(hf_svg_width(drawing), 321.5);
    EXPECT_WRITTEN(
        "<svg role=\"img\" aria-labelledby=\"f-title\" viewBox=\"0 0 321.5 60\">\n"
        "<title id=\"f-title\">A &amp; B</title>\n"
        "<g id=\"f-canvas\" fill='url(#f-box)'><circle id='f-dot' idle='1'/><use xlink:href='#f-dot'/>"
        "<text>id='dot' href='#dot'</text></g>\n</svg>\n",
        cr_expect_eq(hf_svg_inline(&error, out, drawing, "f-", "A & B"), HF_OK));
    FILE *out = begin();
    cr_expect_eq(hf_svg_inline(&error, out, "<html></html>", "f-", "none"), HF_ERR_IO);
    cr_expect_eq(hf_svg_inline(&error, out, "<svg width=\"3\"><g viewBox=\"0 0 1 1\"/></svg>", "f-", "none"),
                 HF_ERR_IO);
    cr_expect_eq(hf_svg_inline(&error, out, "<svg viewBox='0 0 3 3'><g/>", "f-", "cut"), HF_ERR_IO);
    fclose(out);
    free(written);
}

/* ---- a page about a made-up case -------------------------------------------------------------------- */

enum { PATH = 256, CELLS = 24, TIMES = 5 };

static const char title[] = "<b>Stable</b> & \"bold\"";
static const char case_text[] = "name: stable\n# <i>not italic</i> & \"quoted\"\n# --set title='it''s'";
static char folder[] = "/tmp/headflow-XXXXXX";
static char solution_path[PATH], page_path[PATH], drawn_folder[PATH];

/* What a page is about. */
typedef struct subject {
    hf_problem *problem;
    hf_solution *solution;
    double time[TIMES], series[5][TIMES], mean[2 * TIMES], covariance[4 * TIMES];
    hf_solved solved;
    hf_rest rest;
    hf_report report;
} subject;

static void solve(subject *s) {
    hf_error error = {0};
    hf_solution_writer *writer;
    hf_flow *flow;
    hf_statistics statistics;
    toy stable = toy_find("stable");
    stable.input.title = title;
    stable.input.axes[0].cells = stable.input.axes[1].cells = CELLS;
    stable.input.end = 1.5;
    stable.input.outputs = TIMES;
    s->problem = toy_create(&stable);
    cr_assert_eq(hf_solution_writer_create(&error, solution_path, s->problem, case_text, &writer), HF_OK);
    hf_observer observer = hf_solution_writer_observer(writer);
    cr_assert_eq(hf_flow_create(&error, s->problem, &flow), HF_OK);
    cr_assert_eq(hf_flow_integrate(&error, flow, &observer, NULL, &statistics), HF_OK);
    cr_assert_eq(hf_solution_writer_finish(&error, writer, &statistics), HF_OK);
    hf_solution_writer_destroy(&writer);
    hf_flow_destroy(&flow);
    cr_assert_eq(hf_solution_read(&error, solution_path, &s->solution), HF_OK);
}

static void read_course(subject *s) {
    static const char *const names[] = {"risk", "dissipation", "dissipated", "gap"};
    size_t count;
    const double *time = hf_solution_times(s->solution, &count);
    cr_assert_eq(count, TIMES);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(hf_solution_series(NULL, s->solution, names[i], 1, s->series[i]), HF_OK);
    cr_assert_eq(hf_solution_series(NULL, s->solution, "mean", 2, s->mean), HF_OK);
    cr_assert_eq(hf_solution_series(NULL, s->solution, "covariance", 4, s->covariance), HF_OK);
    s->solved = (hf_solved){.problem = s->problem,
                            .course = {.count = TIMES,
                                       .dim = 2,
                                       .time = time,
                                       .risk = s->series[0],
                                       .dissipation = s->series[1],
                                       .dissipated = s->series[2],
                                       .mean = s->mean,
                                       .covariance = s->covariance,
                                       .noise = 1.25e-9},
                            .gap = s->series[3]};
}

static void add_verdict(hf_rest *rest, hf_answer assumed, hf_answer concluded) {
    rest->verdict[rest->verdicts++] = (hf_verdict){.theorem = "Descent",
                                                   .equation = "(14)",
                                                   .hypothesis = "D >= 0",
                                                   .conclusion = "the risk <never> rises",
                                                   .assumed = assumed,
                                                   .concluded = concluded,
                                                   .evidence = "least D = 2.385e-5"};
}

/* Numbers that occur nowhere else on the page. */
static void make_rest(hf_rest *rest) {
    static double theta[] = {0.1612345678, 0.4823456789}, mass[] = {1}, spread[] = {0.18431234, 0.35231234},
                  rate[] = {0.21341234, 0.38521234}, excess[] = {3.25e-17}, slope[] = {3e-15, 4e-15};
    static int wall[] = {0, 1};
    const hf_atoms atoms = {1, 2, theta, mass};
    static hf_stationary dirac;
    dirac = (hf_stationary){.atoms = atoms,
                            .risk = 0.6606123456,
                            .residual = 2.75e-16,
                            .spread = spread,
                            .rate = rate,
                            .monotonicity = spread[0],
                            .gap = 0.0123,
                            .stability = HF_UNSTABLE,
                            .value_degenerate = true,
                            .inside = true};
    *rest = (hf_rest){.tried = 321,
                      .diracs = 1,
                      .dirac = &dirac,
                      .has_optimum = false,
                      .has_course = false,
                      .concentrated = false};
    rest->optimum = (hf_optimum){.atoms = atoms,
                                 .risk = 0.66051234567,
                                 .lowest = 0.51234321,
                                 .gap = 4.76e-11,
                                 .excess = excess,
                                 .slope = slope,
                                 .wall = wall,
                                 .wall_limited = true,
                                 .iterations = 17};
}

static void make_subject(subject *s) {
    solve(s);
    read_course(s);
    make_rest(&s->rest);
    s->report =
        (hf_report){.path = solution_path, .solution = s->solution, .solved = &s->solved, .rest = &s->rest};
}

static void clear_subject(subject *s) {
    hf_solution_destroy(&s->solution);
    hf_problem_destroy(&s->problem);
}

static void make_folders(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(solution_path, sizeof solution_path, "%s/solution.nc", folder);
    snprintf(page_path, sizeof page_path, "%s/new/report.html", folder);
    snprintf(drawn_folder, sizeof drawn_folder, "%s/tmp", folder);
    cr_assert_eq(mkdir(drawn_folder, 0777), 0);
    setenv("TMPDIR", drawn_folder, 1);
}

static void remove_folders(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_report_page, .init = make_folders, .fini = remove_folders);

static char *read_page(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *in = fopen(page_path, "r");
    cr_assert_not_null(in);
    cr_assert(getdelim(&text, &size, '\0', in) > 0);
    fclose(in);
    return text;
}

static size_t count_files(const char *path) {
    size_t count = 0;
    DIR *directory = opendir(path);
    cr_assert_not_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void expect_on(const char *page, const char *what) {
    cr_expect_not_null(strstr(page, what), "the page lacks %s", what);
}

Test(store_report_page, tells_of_everything_that_is_there) {
    hf_error error = {0};
    subject s = {0};
    make_subject(&s);
    add_verdict(&s.rest, HF_YES, HF_YES);
    add_verdict(&s.rest, HF_NO, HF_OPEN);
    add_verdict(&s.rest, HF_OPEN, HF_NO);
    cr_assert_eq(hf_report_write(&error, page_path, &s.report), HF_OK, "%s", error.message);
    char *page = read_page(), risk[64];
    snprintf(risk, sizeof risk, "<data value=\"%.17g\">", s.series[0][TIMES - 1]);
    const char *const wanted[] = {
        "<h1>&lt;b&gt;Stable&lt;/b&gt; &amp; &quot;bold&quot;</h1>",
        "# &lt;i&gt;not italic&lt;/i&gt; &amp; &quot;quoted&quot;",
        "--set &#39;title=&#39;\\&#39;&#39;it&#39;\\&#39;&#39;&#39;\\&#39;&#39;s",
        risk,
        "the risk &lt;never&gt;",
        "2.385 × 10<sup>−5</sup>",
        "The one theorem whose hypothesis holds on this run is confirmed by it; 1 does "
        "not apply; 1 is not decided.",
        "0.1612345678",
        "0.4823456789",
        "0.6606123456",
        "0.18431234",
        "0.38521234",
        "unstable",
        "321 starts",
        "<figure class=\"wide\">",
        "id='risk-gpPt0'"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        expect_on(page, wanted[i]);
    cr_expect_null(strstr(page, "<script"));
    cr_expect_null(strstr(page, "<b>Stable"));
    cr_expect_null(strstr(page, "id=\"minimum\""));
    cr_expect_eq(count_files(drawn_folder), 0);
    free(page);
    clear_subject(&s);
}

/* One verdict a page: its badge, the words of its statements, and the badge of the whole page. */
static void expect_colours(hf_answer assumed, hf_answer concluded, const char *badge, const char *hypothesis,
                           const char *conclusion, const char *overall) {
    hf_error error = {0};
    subject s = {0};
    make_subject(&s);
    add_verdict(&s.rest, assumed, concluded);
    cr_assert_eq(hf_report_write(&error, page_path, &s.report), HF_OK, "%s", error.message);
    char *page = read_page();
    const char *row = strstr(page, "<td data-label=\"Verdict\">"), *head = strstr(page, "class=\"badge ");
    cr_assert(row != NULL && head != NULL && head < row);
    cr_expect_eq(strncmp(head + strlen("class=\"badge "), overall, strlen(overall)), 0, "%.40s", head);
    const char *const wanted[] = {badge, hypothesis, conclusion};
    for (size_t i = 0; i < 3; i++) { /* in this order, each after the other */
        row = strstr(row, wanted[i]);
        cr_assert_not_null(row, "no %s, in its place, on a page of %d, %d", wanted[i], assumed, concluded);
        row += strlen(wanted[i]);
    }
    cr_expect_null(strstr(row, "class=\"seen "), "three statements in a row");
    free(page);
    clear_subject(&s);
}

Test(store_report_page, colours_and_words_agree) {
    static const char *const yes = "class=\"seen yes\">seen to hold<",
                             *const no = "class=\"seen no\">seen not to hold<",
                             *const open = "class=\"seen open\">not decided<";
    expect_colours(HF_YES, HF_YES, "<span class=\"badge good\"><span aria-hidden=\"true\">✓</span> holds<",
                   yes, yes, "good");
    expect_colours(HF_YES, HF_NO,
                   "<span class=\"badge bad\"><span aria-hidden=\"true\">✗</span> contradicted<", yes, no,
                   "bad");
    expect_colours(HF_NO, HF_OPEN,
                   "<span class=\"badge grey\"><span aria-hidden=\"true\">○</span> does not apply<", no, open,
                   "grey");
    expect_colours(HF_OPEN, HF_YES,
                   "<span class=\"badge grey\"><span aria-hidden=\"true\">○</span> not decided<", open, yes,
                   "grey");
}

/* The words of a report's verdict. */
static void expect_verdict(const subject *s, const char *wanted) {
    hf_error error = {0};
    char text[512];
    cr_assert_eq(hf_report_verdict(&error, &s->report, sizeof text, text), HF_OK);
    cr_expect_str_eq(text, wanted);
}

Test(store_report_page, the_verdict_counts) {
    subject s = {0};
    make_subject(&s);
    expect_verdict(&s, "No theorem's hypothesis is seen to hold on this run.");
    add_verdict(&s.rest, HF_YES, HF_YES);
    add_verdict(&s.rest, HF_YES, HF_YES);
    add_verdict(&s.rest, HF_YES, HF_OPEN);
    add_verdict(&s.rest, HF_NO, HF_NO);
    add_verdict(&s.rest, HF_NO, HF_YES);
    expect_verdict(
        &s, "All 2 theorems whose hypotheses hold on this run are confirmed by it; 2 do not apply; 1 is "
            "not decided.");
    add_verdict(&s.rest, HF_YES, HF_NO);
    expect_verdict(&s,
                   "1 of 3 theorems whose hypotheses hold on this run is contradicted; 2 do not apply; 1 is "
                   "not decided.");
    s.solved.wall_mass = 2.385e-3;
    expect_verdict(&s,
                   "1 of 3 theorems whose hypotheses hold on this run is contradicted; 2 do not apply; 1 is "
                   "not decided; mass at the walls: the box is too small.");
    s.solved.wall_mass = 0;
    s.series[2][TIMES - 1] += 2.5e-3;
    expect_verdict(&s,
                   "1 of 3 theorems whose hypotheses hold on this run is contradicted; 2 do not apply; 1 is "
                   "not decided; the solver broke a promise: see the key numbers.");
    clear_subject(&s);
}

Test(store_report_page, the_minimum_has_atoms_walls_and_a_certificate) {
    hf_error error = {0};
    subject s = {0};
    make_subject(&s);
    double logits[16 * 2] = {0};
    s.rest.optimum.logits = logits;
    s.rest.has_optimum = true;
    cr_assert_eq(hf_report_write(&error, page_path, &s.report), HF_OK, "%s", error.message);
    char *page = read_page();
    const char *const wanted[] = {
        ">0.6605123457</data>", ">4.8 × 10<sup>−11</sup></data>", ">0.51234321</data>",
        "17 iterations",        ">5.0 × 10<sup>−15</sup></data>", "<i>v</i> at its upper wall",
        "Limited by the box"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        expect_on(page, wanted[i]);
    free(page);
    clear_subject(&s);
}

Test(store_report_page, a_failure_leaves_the_page_that_was_there) {
    hf_error error = {0};
    subject s = {0};
    make_subject(&s);
    cr_assert_eq(hf_report_write(&error, page_path, &s.report), HF_OK);
    s.report.path = "/nowhere/solution.nc";
    cr_expect_eq(hf_report_write(&error, page_path, &s.report), HF_ERR_IO);
    cr_expect_not_null(strstr(error.message, "/nowhere/solution.nc"), "%s", error.message);
    char *page = read_page();
    cr_expect_not_null(strstr(page, "</html>"));
    free(page);
    cr_expect_eq(count_files(drawn_folder), 0);
    s.report.path = solution_path;
    cr_expect_eq(hf_report_write(&error, "/proc/no/report.html", &s.report), HF_ERR_IO);
    snprintf(page_path, sizeof page_path, "%s/taken", folder);
    cr_assert_eq(mkdir(page_path, 0777), 0);
    cr_expect_eq(hf_report_write(&error, page_path, &s.report), HF_ERR_IO);
    cr_expect_eq(count_files(folder), 4); /* the solution, two folders, and the first page's */
    setenv("TMPDIR", "/proc", 1);
    cr_expect_eq(hf_report_write(&error, page_path, &s.report), HF_ERR_IO);
    cr_expect_not_null(strstr(error.message, "temporary folder"), "%s", error.message);
    clear_subject(&s);
}
