/* How a solution comes to rest: risk and dissipation over time on a logarithmic axis, with the decay that is
 * fitted and the one that gradient domination promises; and the dissipation against the risk, with
 * Lojasiewicz's exponent. docs/theory.md (59)-(62), docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 85; /* [mm] */

/* A curve needs two times, and a limit. */
static bool applies(const hf_figure_source *source) {
    return source->settling != NULL && source->settling->count > 1 &&
           isfinite(source->settling->approach.limit);
}

static double excess(const hf_settling *s, size_t n) {
    return s->risk[n] - s->approach.limit;
}

/* "R", or with a temperature "F", in italics. */
static const char *energy(const hf_settling *s) {
    return s->temperature > 0 ? HF_ITALIC("F") : HF_ITALIC("R");
}

/* The output nearest to the middle of a window: where a fitted line is put through. */
static size_t middle(const hf_settling *s, const hf_fit *fit) {
    double time = 0.5 * (fit->first + fit->last);
    size_t best = 0;
    for (size_t n = 1; n < s->count; n++)
        if (fabs(s->time[n] - time) < fabs(s->time[best] - time))
            best = n;
    return best;
}

static bool is_fitted(const hf_settling *s, const hf_fit *fit) {
    return isfinite(fit->value) && excess(s, middle(s, fit)) > 0;
}

/* What is not positive has no logarithm: NaN. Returns what the axis must hold of both. */
static void write_rows(const hf_settling *s, FILE *data, hf_extent *risk, hf_extent *dissipation) {
    fprintf(data, "# t  %s - limit (%.15g)  dissipation\n", s->temperature > 0 ? "free energy" : "risk",
            s->approach.limit);
    for (size_t n = 0; n < s->count; n++) {
        double above = excess(s, n), rate = s->dissipation[n];
        hf_extent_add(risk, above);
        hf_extent_add(dissipation, rate);
        fprintf(data, "%.9g %.9g %.9g\n", s->time[n], above > 0 ? above : NAN, rate > 0 ? rate : NAN);
    }
}

/* ---- over time -------------------------------------------------------------------------------------- */

static hf_status approach_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_settling *s = source->settling;
    const hf_approach *a = &s->approach;
    hf_extent extent = {0};
    bool fitted = is_fitted(s, &a->rate), promised = a->domination_limit > 0 && excess(s, 0) > 0;
    write_rows(s, data, &extent, &extent);
    hf_figure_frame(script, s->title, s->name, HEIGHT, 2 + (size_t)fitted + (size_t)promised, NULL);
    hf_extent_axis(script, &extent);
    fprintf(script,
            "set xrange [0:%.9g]\nset xlabel 'time " HF_ITALIC(
                "t") "'\n"
                     "set label 2 'nat' at screen 0.035, graph 0.5 center rotate\nset samples 500\nplot %s",
            s->time[s->count - 1], fitted || promised ? "sample " : "");
    if (promised)
        fprintf(
            script,
            "[0:%.9g] %.9g*exp(-%.9g*x) with lines linewidth 1 linecolor rgb '#808080' dashtype '-' title "
            "'promised, rate %.3g', \\\n ",
            s->time[s->count - 1], excess(s, 0), a->domination_limit, a->domination_limit);
    if (fitted) { /* a band beneath the curve that it follows */
        size_t at = middle(s, &a->rate);
        fprintf(script,
                "[%.9g:%.9g] %.9g*exp(-%.9g*(x-%.9g)) with lines linewidth 5 linecolor rgb '#b8d8ea' title "
                "'fitted, rate %.3g', \\\n ",
                a->rate.first, a->rate.last, excess(s, at), a->rate.value, s->time[at], a->rate.value);
    }
    fprintf(script,
            "'approach.dat' using 1:2 with lines linetype 1 linewidth 1.6 title '%s − %s_∞', \\\n"
            " '' using 1:3 with lines linetype 2 linewidth 1.6 title '" HF_ITALIC("D") "'",
            energy(s), energy(s));
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_approach = {"approach", WIDTH, HEIGHT, applies, approach_write};

/* ---- one against the other -------------------------------------------------------------------------- */

/* R - R_inf at the ends of the window of a fit. */
static void window(const hf_settling *s, const hf_fit *fit, hf_extent *out) {
    for (size_t n = 0; n < s->count; n++)
        if (s->time[n] >= fit->first && s->time[n] <= fit->last)
            hf_extent_add(out, excess(s, n));
}

static void write_excess_axis(const hf_settling *s, const hf_extent *risk, FILE *script) {
    fprintf(script,
            "set logscale x\nset format x '10^{%%T}'\nset xrange [%.9g:%.9g]\nset xlabel '%s − %s_∞ [nat]'\n"
            "set label 2 '" HF_ITALIC("D") " [nat]' at screen 0.035, graph 0.5 center rotate\n",
            risk->lowest / HF_BESIDE, risk->highest * HF_BESIDE, energy(s), energy(s));
}

static hf_status lojasiewicz_write(hf_error *error, const hf_figure_source *source, FILE *data,
                                   FILE *script) {
    (void)error;
    const hf_settling *s = source->settling;
    const hf_approach *a = &s->approach;
    hf_extent risk = {0}, dissipation = {0}, fit = {0};
    bool fitted = is_fitted(s, &a->exponent), dominated = a->domination_limit > 0;
    write_rows(s, data, &risk, &dissipation);
    hf_figure_frame(script, s->title, s->name, HEIGHT, 1 + (size_t)fitted + (size_t)dominated, NULL);
    hf_extent_axis(script, &dissipation);
    if (risk.highest == 0) /* gnuplot fails on a logarithmic axis without values */
        hf_extent_add(&risk, 1);
    write_excess_axis(s, &risk, script);
    fprintf(script, "plot ");
    if (dominated)
        fprintf(script,
                "%.9g*x with lines linewidth 1 linecolor rgb '#808080' dashtype '-' title '%.3g (%s − "
                "%s_∞)', \\\n ",
                a->domination_limit, a->domination_limit, energy(s), energy(s));
    fprintf(script,
            "'lojasiewicz.dat' using 2:3 with points linetype 1 pointtype 7 pointsize 0.4*size title 'at the "
            "outputs'");
    if (fitted) {
        size_t at = middle(s, &a->exponent);
        window(s, &a->exponent, &fit);
        fprintf(
            script, ", \\\n [%.9g:%.9g] %.9g*(x/%.9g)**%.9g with lines linetype 2 title 'fitted, slope %.4g'",
            fit.lowest, fit.highest, s->dissipation[at], excess(s, at), a->exponent.value, a->exponent.value);
    }
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_lojasiewicz = {"lojasiewicz", WIDTH, HEIGHT, applies, lojasiewicz_write};
