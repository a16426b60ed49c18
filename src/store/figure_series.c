/* Figures over time: the risk with the gap, and the dissipation with the balance of energy. Two panels, one
 * above the other. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 95; /* [mm] */

/* A curve needs two times; a run that starts stationary has one. */
static bool applies(const hf_figure_source *source) {
    size_t times = 0;
    if (source->solution != NULL)
        hf_solution_times(source->solution, &times);
    return times > 1;
}

/* What is shown: the upper and the lower panel over the same times. */
typedef struct stack {
    size_t count;
    const double *time;    /* shape (count) */
    double *upper, *lower; /* shape (count) */
} stack;

static hf_status panels_create(hf_error *error, const hf_solution *solution, stack *out) {
    out->time = hf_solution_times(solution, &out->count);
    HF_TRY(hf_array_create(error, 2 * out->count, &out->upper));
    out->lower = out->upper + out->count;
    return HF_OK;
}

static void panels_write(const stack *panels, const char *upper, const char *lower, FILE *data) {
    fprintf(data, "# t  %s  %s\n", upper, lower);
    for (size_t i = 0; i < panels->count; i++)
        fprintf(data, "%.9g %.9g %.9g\n", panels->time[i], panels->upper[i], panels->lower[i]);
}

/* The frame that both panels share. */
static void script_begin(const hf_solution *solution, FILE *script) {
    size_t count;
    const double *time = hf_solution_times(solution, &count);
    fprintf(script, "set multiplot layout 2,1 margins 0.22,0.96,0.13,0.92 spacing 0,0.05 title ");
    hf_gnuplot_title(script, hf_solution_title(solution), hf_solution_name(solution), WIDTH);
    fprintf(script,
            "\nset xrange [0:%.9g]\nset format x ''\nunset label 2\n"
            "set label 1 at screen 0.035, graph 0.5 center rotate\n",
            time[count - 1]);
}

static void script_time_axis(FILE *script) {
    fprintf(script,
            "set format x '%%g'\nset label 2 'time " HF_ITALIC("t") "' at graph 0.5, screen 0.03 center\n");
}

/* ---- risk and gap ----------------------------------------------------------------------------------- */

static hf_status risk_fill(hf_error *error, const hf_solution *solution, stack *panels, FILE *data,
                           FILE *script) {
    bool thermal = hf_solution_temperature(solution) > 0;
    const char *upper = thermal ? "free_energy" : "risk";
    HF_TRY(hf_solution_series(error, solution, upper, 1, panels->upper));
    HF_TRY(hf_solution_series(error, solution, "gap", 1, panels->lower));
    panels_write(panels, upper, "gap", data);
    script_begin(solution, script);
    fprintf(script,
            "set label 1 '%s [nat]'\n"
            "unset logscale y\nset ytics autofreq\nset format y '%%g'\nset yrange [*:*]\n"
            "plot 'risk.dat' using 1:2 with lines linetype 1\n",
            thermal ? "free energy " HF_ITALIC("F") : "risk " HF_ITALIC("R"));
    script_time_axis(script);
    hf_gnuplot_log_axis(script, panels->count, panels->lower);
    fprintf(script, "set label 1 'gap [nat]'\n"
                    "plot 'risk.dat' using 1:3 with lines linetype 2\n"
                    "unset multiplot\n");
    return HF_OK;
}

static hf_status risk_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    stack panels;
    HF_TRY(panels_create(error, source->solution, &panels));
    hf_status status = risk_fill(error, source->solution, &panels, data, script);
    hf_array_destroy(&panels.upper);
    return status;
}

const hf_figure hf_figure_risk = {"risk", WIDTH, HEIGHT, applies, risk_write};

/* ---- dissipation and balance ------------------------------------------------------------------------ */

/* |F(t_0) - F(t) - int_{t_0}^t D|: zero but for the errors of time integration. With a temperature and a
 * density of compact support D(0) is infinite, and t_0 is the first output after 0. lower: F in, balance out
 */
static void balance(size_t first, size_t count, const double *dissipated, double *energy) {
    double start = energy[first] + dissipated[first];
    for (size_t i = 0; i < count; i++)
        energy[i] = i <= first ? NAN : fabs(start - energy[i] - dissipated[i]);
}

static hf_status energy_fill(hf_error *error, const hf_solution *solution, stack *panels, FILE *data,
                             FILE *script) {
    bool thermal = hf_solution_temperature(solution) > 0;
    size_t first = thermal && panels->count > 1 ? 1 : 0;
    HF_TRY(hf_solution_series(error, solution, "dissipated", 1, panels->upper));
    HF_TRY(hf_solution_series(error, solution, "free_energy", 1, panels->lower));
    balance(first, panels->count, panels->upper, panels->lower);
    HF_TRY(hf_solution_series(error, solution, "dissipation", 1, panels->upper));
    panels_write(panels, "dissipation", "energy_balance", data);
    script_begin(solution, script);
    hf_gnuplot_log_axis(script, panels->count, panels->upper);
    fprintf(script,
            "set label 1 'dissipation " HF_ITALIC("D") " [nat]'\n"
                                                       "plot 'energy.dat' using 1:2 with lines linetype 1\n");
    script_time_axis(script);
    hf_gnuplot_log_axis(script, panels->count, panels->lower);
    fprintf(script,
            "set label 1 '|" HF_ITALIC("%s") "(%s) − " HF_ITALIC("%s") "(" HF_ITALIC("t") ") − ∫" HF_ITALIC(
                "D") "| [nat]'\n"
                     "plot 'energy.dat' using 1:3 with lines linetype 2\n"
                     "unset multiplot\n",
            thermal ? "F" : "R", first == 0 ? "0" : HF_ITALIC("t") "_0", thermal ? "F" : "R");
    return HF_OK;
}

static hf_status energy_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    stack panels;
    HF_TRY(panels_create(error, source->solution, &panels));
    hf_status status = energy_fill(error, source->solution, &panels, data, script);
    hf_array_destroy(&panels.upper);
    return status;
}

const hf_figure hf_figure_energy = {"energy", WIDTH, HEIGHT, applies, energy_write};
