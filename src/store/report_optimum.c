/* The minimum of a report: the atoms of least risk, or with a temperature the Gibbs density. */
#include "store/report.h"

#include <math.h>

/* ---- atoms ------------------------------------------------------------------------------------------ */

void hf_report_coordinate(const hf_page *page, size_t coordinate) {
    const hf_grid *grid = hf_problem_grid(page->report->solved->problem);
    fputs("<i>", page->out);
    hf_html_text(page->out, hf_grid_axis(grid, coordinate)->name);
    fputs("</i>", page->out);
}

void hf_report_coordinate_columns(const hf_page *page) {
    for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(page->report->solved->problem)); d++) {
        fputs("<th scope=\"col\" class=\"n\">", page->out);
        hf_report_coordinate(page, d);
        fputs("</th>", page->out);
    }
}

void hf_report_place(FILE *out, size_t dim, const double *theta) {
    static const double rounding = 1e-13;
    for (size_t d = 0; d < dim; d++)
        hf_html_cell(out, fabs(theta[d]) < rounding ? 0 : theta[d], dim > 3 ? 8 : 10);
}

void hf_report_atoms(const hf_page *page, const hf_atoms *atoms, int digits, const char *caption,
                     size_t extras, const char *const columns[],
                     void (*extra)(const hf_page *page, const void *self, size_t atom), const void *self) {
    FILE *out = page->out;
    hf_html_table_begin(out, caption);
    hf_html_columns(out, 1, (const char *const[]){"#mass"});
    hf_report_coordinate_columns(page);
    hf_html_columns(out, extras, columns);
    hf_html_rows(out);
    for (size_t k = 0; k < atoms->count; k++) {
        fputs("<tr>", out);
        hf_html_cell(out, atoms->mass[k], digits);
        hf_report_place(out, atoms->dim, atoms->theta + k * atoms->dim);
        extra(page, self, k);
        fputs("</tr>\n", out);
    }
    hf_html_table_end(out);
}

/* ---- temperature 0 ---------------------------------------------------------------------------------- */

/* Which walls hold an atom. */
static void write_walls(const hf_page *page, const int *wall, size_t dim) {
    bool held = false;
    fputs("<td>", page->out);
    for (size_t d = 0; d < dim; d++)
        if (wall[d] != 0) {
            fputs(held ? ", " : "", page->out);
            hf_report_coordinate(page, d);
            fputs(wall[d] < 0 ? " at its lower wall" : " at its upper wall", page->out);
            held = true;
        }
    fputs(held ? "</td>" : "–</td>", page->out);
}

/* Psi - min Psi, |grad Psi| and the walls. */
static void write_support(const hf_page *page, const void *self, size_t atom) {
    const hf_optimum *optimum = self;
    size_t dim = optimum->atoms.dim;
    double square = 0;
    for (size_t d = 0; d < dim; d++)
        square += optimum->slope[atom * dim + d] * optimum->slope[atom * dim + d];
    hf_html_cell(page->out, optimum->excess[atom], 2);
    hf_html_cell(page->out, sqrt(square), 2);
    write_walls(page, optimum->wall + atom * dim, dim);
}

static void write_atoms(const hf_page *page) {
    static const char *const columns[] = {"#<i>Ψ</i> − min <i>Ψ</i> [nat]", "#|∇<i>Ψ</i>|", "held by a wall"};
    const hf_optimum *optimum = &page->report->rest->optimum;
    FILE *out = page->out;
    fputs("<p>Over all probability measures on the box, min <i>R</i> = ", out);
    hf_html_known(out, optimum->risk, optimum->gap, 6);
    fputs(" nat, certified from below to ", out);
    hf_report_gap(out, optimum->gap, 2);
    fprintf(out,
            " after %zu iteration%s of fully corrective conditional gradients. A measure is a minimiser "
            "exactly if <i>Ψ</i> has its least value, here ",
            optimum->iterations, optimum->iterations == 1 ? "" : "s");
    hf_html_number(out, optimum->lowest, 8);
    fputs(" nat, on all of its support.</p>\n", out);
    hf_report_atoms(page, &optimum->atoms, 8, "The atoms of the minimiser and the support condition", 3,
                    columns, write_support, optimum);
    if (hf_optimum_mismatch(page->report->solved->problem, optimum) < HF_MATCHED)
        fputs("<p class=\"note\">All label distributions are matched: <i>Ψ</i> vanishes on the box, and the "
              "minimisers are many. These atoms are one of them.</p>\n",
              out);
    if (optimum->wall_limited)
        fputs("<p class=\"note\"><strong>Limited by the box.</strong> An atom is held by a wall: this is the "
              "minimum over the box and no minimiser of the unbounded problem.</p>\n",
              out);
}

/* ---- with a temperature ----------------------------------------------------------------------------- */

static void write_energy(FILE *out, const char *what, double value, double error, const char *remark) {
    hf_report_fact_begin(out, what);
    hf_html_known(out, value, error, 8);
    fputs(" <span class=\"unit\">nat</span>", out);
    hf_report_fact_end(out, remark);
}

static void write_gibbs(const hf_page *page) {
    const hf_gibbs *gibbs = &page->report->rest->gibbs;
    FILE *out = page->out;
    fprintf(out,
            "<p>The minimiser of the free energy is the density that is its own Gibbs density, <i>ρ</i> = "
            "exp(−<i>Ψ<sub>ρ</sub></i>/<i>τ</i>)/<i>Z</i>; here on the grid of the run, after %zu "
            "iteration%s.</p>\n<dl class=\"facts\">\n",
            gibbs->iterations, gibbs->iterations == 1 ? "" : "s");
    write_energy(out, "Free energy <i>F</i>, least on this grid", gibbs->free_energy, gibbs->gap, NULL);
    hf_report_fact_begin(out, "Certificate <i>τ</i> KL(<i>ρ</i> | Gibbs)");
    hf_report_gap(out, gibbs->gap, 2);
    hf_report_fact_end(out, "≥ <i>F</i> − min <i>F</i>, on this grid");
    write_energy(out, "Risk <i>R</i> of it", gibbs->risk, NAN, NULL);
    hf_report_fact_begin(out, "Entropy ∫<i>ρ</i> log <i>ρ</i>");
    hf_html_number(out, gibbs->entropy, 8);
    hf_report_fact_end(out, NULL);
    hf_report_fact_begin(out, "Free energy for <i>h</i> → 0");
    hf_report_continuum(out, gibbs->continuum, gibbs->continuum_error);
    fputs("</dl>\n", out);
}

/* ---- the section ------------------------------------------------------------------------------------ */

static bool applies(const hf_page *page) {
    return page->report->rest->has_optimum || page->report->rest->has_gibbs;
}

static hf_status write_section(hf_error *error, const hf_page *page) {
    (void)error;
    if (page->report->rest->has_optimum)
        write_atoms(page);
    if (page->report->rest->has_gibbs)
        write_gibbs(page);
    return HF_OK;
}

const hf_report_section hf_section_optimum = {"optimum", "The minimum", applies, write_section};
