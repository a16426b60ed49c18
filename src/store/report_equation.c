/* The equation of a case and its definitions, in plain HTML. docs/theory.md has the derivations. */
#include "store/report.h"

#include <string.h>

/* ---- this case -------------------------------------------------------------------------------------- */

static void write_coordinate(const hf_page *page, size_t d, bool value) {
    const hf_axis *axis = hf_grid_axis(hf_problem_grid(page->report->solved->problem), d);
    FILE *out = page->out;
    fputs("<div><dt>Coordinate ", out);
    hf_report_coordinate(page, d);
    fprintf(out, ", of the %s</dt><dd>[", value ? "value" : "attention");
    hf_html_parameter(out, axis->lower);
    fputs(", ", out);
    hf_html_parameter(out, axis->upper);
    fprintf(out, "%c</dd><dd class=\"remark\">%zu cells, %s</dd></div>\n", axis->periodic ? ')' : ']',
            axis->cells, axis->periodic ? "periodic" : "with walls");
}

static void write_number(FILE *out, const char *what, double value, const char *remark) {
    hf_report_fact_begin(out, what);
    hf_html_parameter(out, value);
    hf_report_fact_end(out, remark);
}

static void write_case(const hf_page *page) {
    const hf_problem *problem = page->report->solved->problem;
    const hf_model *model = hf_problem_model(problem);
    const hf_events *events = hf_problem_events(problem);
    const hf_limiter *limiter = hf_problem_limiter(problem);
    size_t alphas = hf_model_attention_coordinates(model);
    FILE *out = page->out;
    fputs("<h3>In this case</h3>\n<dl class=\"facts brief\">\n", out);
    for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(problem)); d++)
        write_coordinate(page, d, d >= alphas);
    write_number(out, "Events <i>E</i>", (double)hf_events_count(events), NULL);
    write_number(out, "Classes <i>C</i>", (double)hf_events_classes(events), NULL);
    write_number(out, "Ridge <i>λ</i>", hf_model_ridge(model), NULL);
    write_number(out, "Temperature <i>τ</i>", hf_problem_temperature(problem), NULL);
    hf_report_fact_begin(out, "Scheme");
    fprintf(out, "%s%s%s", hf_problem_flux(problem)->name, limiter != NULL ? ", " : "",
            limiter != NULL ? limiter->name : "");
    hf_report_fact_end(out, NULL);
    fputs("</dl>\n", out);
}

/* ---- definitions ------------------------------------------------------------------------------------ */

typedef struct definition {
    const char *symbol, *meaning, *markup;
} definition;

static const definition before[] = {
    {"<i>a</i><sub><i>s</i></sub>", "attention of an event’s query, its last token <i>x<sub>t</sub></i>",
     "softmax<sub><i>s</i></sub>( <i>x<sub>t</sub></i><sup>T</sup> <i>B</i>(<i>α</i>) <i>x<sub>s</sub></i> "
     ")"},
};
static const definition after[] = {
    {"<i>c<sub>e</sub></i>(<i>α</i>)", "context vector of event <i>e</i>",
     "Σ<sub><i>s</i></sub> <i>a<sub>s</sub></i> <i>x<sub>s</sub></i>"},
    {"<i>h<sub>e</sub></i>(<i>θ</i>)", "logits of one head <i>θ</i> = (<i>α</i>, <i>v</i>)",
     "( <i>W</i><sub>0</sub> + Σ<sub><i>j</i></sub> <i>v<sub>j</sub> W<sub>j</sub></i> ) "
     "<i>c<sub>e</sub></i>(<i>α</i>)"},
    {"<i>z<sub>e</sub></i>(<i>μ</i>)", "logits of the layer", "∫ <i>h<sub>e</sub></i> d<i>μ</i>"},
    {"<i>R</i>(<i>μ</i>)", "risk: cross-entropy, and ridge",
     "Σ<sub><i>e</i></sub> <i>w<sub>e</sub></i> [ logsumexp <i>z<sub>e</sub></i> − "
     "<i>y<sub>e</sub></i>·<i>z<sub>e</sub></i> ] + (<i>λ</i>/2) ∫ |<i>θ</i>|² d<i>μ</i>"},
    {"<i>F</i>(<i>μ</i>)", "free energy", "<i>R</i>(<i>μ</i>) + <i>τ</i> ∫ <i>ρ</i> log <i>ρ</i>"},
    {"<i>r<sub>e</sub></i>", "residual", "softmax <i>z<sub>e</sub></i> − <i>y<sub>e</sub></i>"},
    {"<i>Ψ<sub>μ</sub></i>(<i>θ</i>)", "potential: the first variation of the risk",
     "Σ<sub><i>e</i></sub> <i>w<sub>e</sub></i> <i>r<sub>e</sub></i>·<i>h<sub>e</sub></i>(<i>θ</i>) + "
     "(<i>λ</i>/2) |<i>θ</i>|²"},
    {"<i>D</i>(<i>μ</i>)", "dissipation", "∫ |∇(<i>Ψ<sub>μ</sub></i> + <i>τ</i> log <i>ρ</i>)|² d<i>μ</i>"},
};

static void write_definition(FILE *out, const definition *d) {
    fprintf(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>\n", d->symbol, d->markup,
            d->meaning);
}

/* B(alpha) by the form of the attention. */
static const char *scores(const char *form) {
    static const char *const known[][2] = {
        {"affine", "<i>B</i><sub>0</sub> + Σ<sub><i>k</i></sub> <i>α<sub>k</sub> B<sub>k</sub></i>"},
        {"product", "<i>B</i><sub>0</sub> + <i>q k B</i><sub>1</sub>"},
        {"angle", "<i>B</i><sub>0</sub> + cos <i>φ B</i><sub>1</sub> + sin <i>φ B</i><sub>2</sub>"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(form, known[i][0]) == 0)
            return known[i][1];
    return "<i>B</i><sub>0</sub> + Σ<sub><i>k</i></sub> <i>φ<sub>k</sub></i>(<i>α</i>) <i>B<sub>k</sub></i>";
}

static hf_status write_section(hf_error *error, const hf_page *page) {
    (void)error;
    FILE *out = page->out;
    const hf_heads heads = hf_model_heads(hf_problem_model(page->report->solved->problem));
    fprintf(
        out,
        "<p>In the limit of infinitely many heads, gradient descent moves their density <i>ρ</i> down the "
        "Wasserstein gradient of the %s:</p>\n"
        "<p class=\"equation\">∂<sub><i>t</i></sub><i>ρ</i> = ∇·( <i>ρ</i> ∇<i>Ψ<sub>ρ</sub></i> )%s</p>\n",
        page->facts.heated ? "free energy" : "risk", page->facts.heated ? " + <i>τ</i> Δ<i>ρ</i>" : "");
    hf_html_table_begin(out, "Definitions");
    hf_html_columns(out, 3, (const char *const[]){"symbol", "is", "what"});
    hf_html_rows(out);
    write_definition(
        out, &(definition){"<i>B</i>(<i>α</i>)", "matrix of the attention scores", scores(heads.form->name)});
    write_definition(out, before);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        write_definition(out, &after[i]);
    hf_html_table_end(out);
    write_case(page);
    return HF_OK;
}

const hf_report_section hf_section_equation = {"equation", "The equation", NULL, write_section};
