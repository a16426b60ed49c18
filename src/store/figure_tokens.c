/* Figures of a token flow: density over angle and time, the staircase of the energy, growth of modes against
 * theory, and the sphere in Mollweide's equal-area map. docs/tokens.md, section 5. */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 65;            /* [mm] */
static const double MAPS_WIDTH = 130, MAPS_HEIGHT = 85; /* of four maps */
enum { ROWS = 256, COLUMNS = 200, MAPS = 4 }; /* of a map over angle and time, at most; of the sphere */

static bool is_tokens(const hf_figure_source *source) {
    return source->tokens != NULL && source->tokens->count > 1;
}

static bool has_one_angle(const hf_figure_source *source) {
    return is_tokens(source) && source->tokens->input.axis_count == 1;
}

static bool has_two_angles(const hf_figure_source *source) {
    return is_tokens(source) && source->tokens->input.axis_count == 2;
}

/* Four ticks or fewer on an axis from 0 to `end`: at 1, 2 or 5 times a power of ten. */
static double tick_step(double end) {
    double decade = pow(10, floor(log10(end / 4))), share = end / 4 / decade;
    return decade * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
}

/* ---- the density ------------------------------------------------------------------------------------ */

/* What turns a density on the sphere into mass a coordinate, up to a factor of the whole grid. */
static double measure(const hf_tokens_solution *s, size_t cell) {
    return s->input.dim == 2 ? 1 : sin(hf_grid_center(s->grid, 0, cell / hf_grid_stride(s->grid, 0)));
}

/* A density at an output time, made non-negative where it is signed. rho: shape (cells) */
static hf_status read_density(hf_error *error, const hf_tokens_solution *s, size_t index, double *rho) {
    size_t cells = hf_grid_cells(s->grid);
    HF_TRY(hf_tokens_solution_density(error, s, index, rho));
    for (size_t i = 0; i < cells; i++)
        rho[i] *= measure(s, i);
    HF_TRY(hf_grid_make_positive(error, s->grid, rho));
    for (size_t i = 0; i < cells; i++)
        rho[i] /= measure(s, i);
    return HF_OK;
}

/* Blocks of a time each; cells side by side are averaged to at most ROWS. */
static hf_status write_block(hf_error *error, const hf_tokens_solution *s, size_t index, double *rho,
                             FILE *data) {
    size_t cells = hf_grid_cells(s->grid), together = (cells + ROWS - 1) / ROWS;
    double h = hf_grid_spacing(s->grid, 0);
    HF_TRY(read_density(error, s, index, rho));
    for (size_t first = 0; first + together <= cells; first += together) {
        double sum = 0;
        for (size_t i = first; i < first + together; i++)
            sum += rho[i];
        fprintf(data, "%.9g %.9g %.6g\n", s->time[index],
                hf_grid_center(s->grid, 0, first) + 0.5 * h * (double)(together - 1), sum / (double)together);
    }
    fputc('\n', data);
    return HF_OK;
}

static hf_status map_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_tokens_solution *s = source->tokens;
    size_t shown = s->count < COLUMNS ? s->count : COLUMNS;
    double *rho;
    HF_TRY(hf_array_create(error, hf_grid_cells(s->grid), &rho));
    fputs("# t  theta  density\n", data);
    hf_status status = HF_OK;
    for (size_t k = 0; k < shown && status == HF_OK; k++)
        status = write_block(error, s, hf_figure_snapshot(k, shown, s->count), rho, data);
    hf_array_destroy(&rho);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, s->title, s->name, WIDTH);
    fprintf(script,
            "\nset xlabel 'time " HF_ITALIC("t") "'\nset ylabel '%s " HF_ITALIC(
                "θ") "'\n"
                     "set cblabel 'density " HF_ITALIC(
                         "ρ") "'\n"
                              "set xrange [0:%.9g]\nset xtics %g\nset yrange [%s:pi]\nset ytics (%s'0' 0, "
                              "'π/2' pi/2, 'π' pi)\n"
                              "set logscale cb\nset format cb '10^{%%T}'\nset cbrange [0.01:*<100]\n"
                              "set lmargin at screen 0.2\nset rmargin at screen 0.78\n"
                              "plot 'tokens_density.dat' using 1:2:($3 > 0.01 ? $3 : 0.01) with image\n",
            s->input.dim == 2 ? "angle" : "colatitude", s->time[s->count - 1],
            tick_step(s->time[s->count - 1]), s->input.dim == 2 ? "-pi" : "0",
            s->input.dim == 2 ? "'−π' -pi, '−π/2' -pi/2, " : "");
    return status;
}

const hf_figure hf_figure_tokens_density = {"tokens_density", WIDTH, HEIGHT, has_one_angle, map_write};

/* ---- the sphere ------------------------------------------------------------------------------------- */

/* Mollweide's map: 2 t + sin 2t = pi sin(latitude), by Newton's method, which the poles slow down. */
static void mollweide(double latitude, double longitude, double *x, double *y) {
    double t = latitude, target = M_PI * sin(latitude);
    for (int i = 0; i < 60 && fabs(fabs(latitude) - M_PI / 2) > 1e-9; i++)
        t -= (2 * t + sin(2 * t) - target) / (2 + 2 * cos(2 * t));
    *x = 2 * M_SQRT2 / M_PI * longitude * cos(t);
    *y = M_SQRT2 * sin(t);
}

/* Corners of cells, row by row, each with the density of the cell above and to the right of it. */
static void write_corners(const hf_tokens_solution *s, const double *rho, FILE *data) {
    size_t rows = s->input.cells[0], columns = s->input.cells[1];
    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            double x, y, longitude = 2 * M_PI * (double)j / (double)columns - M_PI;
            mollweide(M_PI / 2 - M_PI * (double)i / (double)rows, longitude, &x, &y);
            size_t cell = (i < rows ? i : rows - 1) * columns + (j < columns ? j : columns - 1);
            fprintf(data, "%.6g %.6g %.6g\n", x, y, fmax(rho[cell], 1e-3));
        }
        fputc('\n', data);
    }
    fputc('\n', data);
}

static hf_status maps_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_tokens_solution *s = source->tokens;
    double *rho;
    HF_TRY(hf_array_create(error, hf_grid_cells(s->grid), &rho));
    fputs("# Mollweide x and y of a corner, density of its cell; a block a time\n", data);
    fprintf(script, "set multiplot layout 2,2 margins 0.02,0.86,0.06,0.88 spacing 0.02,0.07 title ");
    hf_gnuplot_title(script, s->title, s->name, MAPS_WIDTH);
    fprintf(script, "\nunset border\nunset tics\nset pm3d map corners2color c1\nset size ratio -1\n"
                    "set xrange [-2.85:2.85]\nset yrange [-1.43:1.43]\n"
                    "set logscale cb\nset format cb '10^{%%T}'\nset cbrange [0.001:30]\nunset colorbox\n");
    hf_status status = HF_OK;
    for (size_t k = 0; k < MAPS && status == HF_OK; k++) {
        size_t index = hf_figure_snapshot(k, MAPS, s->count);
        status = read_density(error, s, index, rho);
        if (status == HF_OK)
            write_corners(s, rho, data);
        fprintf(script, "set title '" HF_ITALIC("t") " = %.3g'\n", s->time[index]);
        if (k + 1 == MAPS)
            fprintf(
                script,
                "set colorbox user origin 0.89,0.2 size 0.02,0.55\nset cbtics scale 0.5\n"
                "set label 1 'density " HF_ITALIC(
                    "ρ") "' at screen 0.905,0.82 center\n"
                         "set label 2 'each map: first axis at the centre, third at the top, equal areas' "
                         "at screen 0.44,0.03 center\n");
        fprintf(script, "splot 'tokens_sphere.dat' index %zu using 1:2:3 with pm3d\n", k);
    }
    fprintf(script, "unset multiplot\n");
    hf_array_destroy(&rho);
    return status;
}

const hf_figure hf_figure_tokens_sphere = {"tokens_sphere", MAPS_WIDTH, MAPS_HEIGHT, has_two_angles,
                                           maps_write};

/* ---- the energy ------------------------------------------------------------------------------------- */

/* Runs this long pass plateaus, of which each is longer than all before it. */
static const double long_run = 100;

/* Whether it lasts, and none before it has this energy: of beta I all axes have. */
static bool is_level(const hf_tokens_limit *limit, size_t k) {
    const hf_tokens_cluster *cluster = &limit->cluster[k];
    for (size_t i = 0; i < k; i++)
        if (limit->cluster[i].pair == cluster->pair && limit->cluster[i].energy == cluster->energy)
            return false;
    return cluster->stable || cluster->neutral;
}

static void write_level(double energy, int line, const char *title, FILE *script) {
    fprintf(script, ", \\\n %.9g with lines dashtype '-' linetype %d title '%s'", energy, line, title);
}

static void write_levels(const hf_tokens_limit *limit, FILE *script) {
    for (size_t k = 0; k < limit->count; k++)
        if (is_level(limit, k))
            write_level(limit->cluster[k].energy, limit->cluster[k].pair ? 3 : 2,
                        limit->cluster[k].pair ? "two equal clusters" : "one cluster", script);
    if (limit->minimiser == HF_TOKENS_UNIFORM)
        write_level(limit->lowest, 4, "uniform", script);
}

static hf_status staircase_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_tokens_solution *s = source->tokens;
    hf_tokens_limit limit;
    HF_TRY(hf_tokens_find_limit(error, &s->input, &limit));
    double end = s->time[s->count - 1];
    bool logarithmic = end > long_run;
    fputs("# t  E e^{-|D|}\n", data);
    for (size_t i = 0; i < s->count; i++)
        fprintf(data, "%.9g %.12g\n", s->time[i], s->energy[i]);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, s->title, s->name, WIDTH);
    fprintf(script,
            "\nset xlabel 'time " HF_ITALIC("t") "'\nset ylabel 'energy " HF_ITALIC("E") " e^{−|" HF_ITALIC(
                "D") "|}'\nset xrange [%.9g:%.9g]\n%sset key %s\nset yrange [*:*]\nset offsets 0, 0, graph "
                     "0.03, 0\n"
                     "plot 'tokens_energy.dat' using 1:2 with lines linetype 1",
            logarithmic ? s->time[1] : 0, end, logarithmic ? "set logscale x\nset format x '10^{%T}'\n" : "",
            logarithmic ? "at graph 0.55, graph 0.8" : "bottom right");
    write_levels(&limit, script);
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_tokens_energy = {"tokens_energy", WIDTH, HEIGHT, is_tokens, staircase_write};

/* ---- growth ----------------------------------------------------------------------------------------- */

enum { SHOWN = 6, LEAST_OUTPUTS = 6 };

/* What linear theory makes of a mode, counted from 0; NAN where the start has none to speak of, since it is
 * the others that make it grow. */
static double predicted(const hf_tokens_solution *s, size_t mode, double time) {
    static const double least = 1e-3; /* of the largest */
    double scale = s->input.unnormalised ? exp(s->norm) : 1, largest = 0;
    for (size_t k = 0; k < SHOWN; k++)
        largest = fmax(largest, s->amplitude[k]);
    return s->amplitude[mode] < least * largest
               ? NAN
               : s->amplitude[mode] *
                     exp(scale * hf_tokens_growth(&s->input, hf_tokens_isotropy(&s->input), mode + 1) * time);
}

/* Outputs up to when theory has a mode at 1, where it is long over. */
static size_t linear_outputs(const hf_tokens_solution *s) {
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < SHOWN; k++)
            if (predicted(s, k, s->time[i]) > 1)
                return i;
    return s->count;
}

static bool grows(const hf_figure_source *source) {
    return is_tokens(source) && !isnan(hf_tokens_isotropy(&source->tokens->input)) &&
           linear_outputs(source->tokens) >= LEAST_OUTPUTS;
}

/* Amplitudes, and behind them what theory makes of the first. */
static void write_amplitudes(const hf_tokens_solution *s, size_t count, FILE *data) {
    fputs("# t, amplitudes of modes 1 to 6, then the same by linear theory\n", data);
    for (size_t i = 0; i < count; i++) {
        fprintf(data, "%.9g", s->time[i]);
        for (size_t k = 0; k < SHOWN; k++)
            fprintf(data, " %.6g", s->amplitude[i * HF_TOKENS_AMPLITUDES + k]);
        for (size_t k = 0; k < SHOWN; k++)
            fprintf(data, " %.6g", predicted(s, k, s->time[i]));
        fputc('\n', data);
    }
}

static hf_status growth_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_tokens_solution *s = source->tokens;
    const char *index = s->input.dim == 2 ? "k" : "l";
    size_t count = linear_outputs(s);
    double end = s->time[count - 1];
    write_amplitudes(s, count, data);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, s->title, s->name, WIDTH);
    fprintf(script,
            "\nset datafile missing 'nan'\nset xlabel 'time " HF_ITALIC(
                "t") "'\n"
                     "set ylabel 'amplitude of mode " HF_ITALIC(
                         "%s") "'\nset xrange [0:%.9g]\nset xtics %g\n"
                               "set yrange [*:*]\nset logscale y\nset format y '10^{%%T}'\n"
                               "set lmargin at screen 0.17\nset rmargin at screen 0.76\nset key outside "
                               "right center samplen 1.5\nplot",
            index, end, tick_step(end));
    for (size_t k = 0; k < SHOWN; k++)
        fprintf(script,
                " 'tokens_growth.dat' using 1:($%zu > 1e-12 ? $%zu : 1/0) every %zu with points pointtype 7 "
                "pointsize 0.3 linetype %zu title '" HF_ITALIC("%s") " = %zu', ",
                k + 2, k + 2, count / 24 + 1, k + 1, index, k + 1);
    for (size_t k = 0; k < SHOWN; k++)
        if (!isnan(predicted(s, k, 0)))
            fprintf(script, "'' using 1:%zu with lines linetype %zu linewidth 0.6 notitle, ", k + 2 + SHOWN,
                    k + 1);
    fprintf(script, "1/0 with lines linewidth 0.6 linecolor rgb 'black' title 'theory'\n");
    return HF_OK;
}

const hf_figure hf_figure_tokens_growth = {"tokens_growth", WIDTH, HEIGHT, grows, growth_write};
