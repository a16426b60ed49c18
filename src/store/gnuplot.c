/* gnuplot: the common part of every script, labels, and running it. docs/formats.md, "Figures". */
#include "store/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- scripts ---------------------------------------------------------------------------------------- */

/* viridis, van der Walt and Smith 2015, at 17 equidistant points. */
static const char *const viridis[] = {"#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d",
                                      "#2c728e", "#26828e", "#21918c", "#1fa088", "#28ae80", "#3fbc73",
                                      "#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725"};
enum { VIRIDIS_COUNT = sizeof viridis / sizeof *viridis };

/* Okabe and Ito 2008, the dark ones first. */
static const char *const lines[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#000000", "#e69f00", "#56b4e9", "#f0e442"};
enum { LINES_COUNT = sizeof lines / sizeof *lines };

static const double POINT = 8;                               /* font size [pt] */
static const double LETTER = 1.7;                            /* width of a letter [mm] */
static const double PIXEL = 96 / 25.4, PIXEL_POINT = 4. / 3; /* of a screen, a millimetre and a point */

void hf_gnuplot_begin(FILE *script, const char *name, double width, double height) {
    fprintf(script, "# %s, written by headflow %s; draw it again with: gnuplot %s.gp\n", name, hf_version(),
            name);
    fprintf(script, "set encoding utf8\nset palette defined (");
    for (int i = 0; i < VIRIDIS_COUNT; i++)
        fprintf(script, "%s%d '%s'", i == 0 ? "" : ", ", i, viridis[i]);
    fprintf(script, ")\nset palette maxcolors 0\n");
    for (int i = 0; i < LINES_COUNT; i++)
        fprintf(script, "set linetype %d linecolor rgb '%s' linewidth 1.2\n", i + 1, lines[i]);
    fprintf(script,
            "set border linewidth 0.6\n"
            "set tics nomirror scale 0.6\n"
            "set key noautotitle samplen 2\n"
            "set title offset 0,-0.5\n"
            "do for [format in 'svg pdf png'] {\n"
            "if (format eq 'svg') {\n"
            "  set terminal svg standalone enhanced size %.0f,%.0f font 'DejaVu Sans,%.5g' linewidth 1.33 "
            "background 'white'\n"
            "}\n"
            "if (format eq 'pdf') {\n"
            "  set terminal pdfcairo enhanced color size %.5gcm,%.5gcm font 'DejaVu Sans,%g' fontscale 0.75 "
            "linewidth 2\n"
            "}\n"
            "if (format eq 'png') {\n"
            "  set terminal pngcairo enhanced color size %.0f,%.0f font 'DejaVu Sans,%g' fontscale 2 "
            "linewidth 2.67\n"
            "}\n"
            "set output '%s.'.format\n",
            PIXEL * width, PIXEL * height, PIXEL_POINT * POINT, width / 10, height / 10, POINT,
            2 * PIXEL * width, 2 * PIXEL * height, POINT, name);
}

void hf_gnuplot_end(FILE *script) {
    fprintf(script, "unset output\n}\n");
}

void hf_gnuplot_title(FILE *script, const char *title, const char *name, double width) {
    const char *text = (double)strlen(title) * LETTER < width ? title : name;
    fputc('\'', script);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputc('\'', script);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, script);
    }
    fputs("' noenhanced", script);
}

/* The letter that a word spells, or the word. */
static const char *greek(const char *word) {
    static const char *const letters[][2] = {
        {"alpha", "α"}, {"beta", "β"}, {"gamma", "γ"}, {"delta", "δ"}, {"epsilon", "ε"},
        {"zeta", "ζ"},  {"eta", "η"},  {"theta", "θ"}, {"kappa", "κ"}, {"lambda", "λ"},
        {"mu", "μ"},    {"nu", "ν"},   {"xi", "ξ"},    {"rho", "ρ"},   {"sigma", "σ"},
        {"tau", "τ"},   {"phi", "φ"},  {"chi", "χ"},   {"psi", "ψ"},   {"omega", "ω"}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (strcmp(word, letters[i][0]) == 0)
            return letters[i][1];
    return word;
}

/* Underscores as they are: gnuplot takes a bare one for a subscript. escaped: shape (2 HF_NAME_MAX) */
static void escape(const char *name, char *escaped) {
    for (; *name != '\0'; name++) {
        if (*name == '_')
            *escaped++ = '\\';
        *escaped++ = *name;
    }
    *escaped = '\0';
}

void hf_gnuplot_label(const char *name, char *label) {
    char word[HF_NAME_MAX], part[2 * HF_NAME_MAX];
    size_t stem = strcspn(name, "_0123456789");
    bool indexed = stem > 0 && stem < sizeof word && name[stem + (name[stem] == '_')] != '\0';
    if (!indexed) {
        escape(name, part);
        snprintf(label, HF_LABEL_MAX, HF_ITALIC("%s"), greek(part));
        return;
    }
    memcpy(word, name, stem);
    word[stem] = '\0';
    escape(name + stem + (name[stem] == '_'), part);
    snprintf(label, HF_LABEL_MAX, HF_ITALIC("%s") "_{%s}", greek(word), part);
}

/* Ticks of a logarithmic axis: ..., 0.7, 1, 2, 3, 5, 7, 10, ...; number 0 is 1. */
enum { DIGITS = 5 };

typedef struct tick {
    int digit, decade;
    double value;
} tick;

static tick tick_at(int n) {
    static const int digits[DIGITS] = {1, 2, 3, 5, 7};
    int decade = n >= 0 ? n / DIGITS : -((DIGITS - 1 - n) / DIGITS), digit = digits[n - DIGITS * decade];
    return (tick){digit, decade, digit * pow(10, decade)};
}

static void write_tick(FILE *script, tick at) {
    if (abs(at.decade) <= 3)
        fprintf(script, "'%g' %g", at.value, at.value);
    else if (at.digit == 1)
        fprintf(script, "'10^{%d}' %g", at.decade, at.value);
    else
        fprintf(script, "'%d·10^{%d}' %g", at.digit, at.decade, at.value);
}

void hf_gnuplot_log_axis(FILE *script, size_t count, const double *values) {
    enum { FEW = 2 * DIGITS }; /* ticks below which each is labelled: two decades */
    double lowest = DBL_MAX, highest = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] > 0 && isfinite(values[i])) {
            lowest = fmin(lowest, values[i]);
            highest = fmax(highest, values[i]);
        }
    if (highest == 0)
        lowest = highest = DBL_EPSILON;
    int first = DIGITS * (int)floor(log10(lowest)), last;
    while (tick_at(first + 1).value <= lowest)
        first++;
    for (last = first + 1; tick_at(last).value < highest; last++)
        ;
    fprintf(script, "set logscale y\nset yrange [%g:%g]\n", tick_at(first).value, tick_at(last).value);
    if (last - first > FEW) {
        fprintf(script, "set ytics autofreq\nset format y '10^{%%T}'\n");
        return;
    }
    fprintf(script, "set ytics (");
    for (int n = first; n <= last; n++) {
        fputs(n == first ? "" : ", ", script);
        write_tick(script, tick_at(n));
    }
    fprintf(script, ")\n");
}

/* ---- running ---------------------------------------------------------------------------------------- */

enum { MISSING = 127 }; /* the child's exit code when there is no gnuplot */

static void run_child(const char *folder, const char *script, int messages) {
    int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0 && chdir(folder) == 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(nothing, STDOUT_FILENO) >= 0 && dup2(messages, STDERR_FILENO) >= 0)
        execlp("gnuplot", "gnuplot", "-d", script, (char *)NULL);
    _exit(MISSING);
}

/* All that a child says; keeps the first `size` - 1 characters. */
static void listen(int messages, size_t size, char *text) {
    char rest[256];
    size_t used = 0;
    for (;;) {
        bool full = used + 1 == size;
        ssize_t got = full ? read(messages, rest, sizeof rest) : read(messages, text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += full ? 0 : (size_t)got;
    }
    text[used] = '\0';
}

/* The line that names the fault; gnuplot shows the command and a caret before it. */
static char *fault(char *text) {
    char *found = strstr(text, "line ");
    char *line = found == NULL ? text : found;
    line[strcspn(line, "\n")] = '\0';
    return line;
}

/* Whether a file ends as its format does: gnuplot succeeds even if the disk is full. */
static bool complete(const char *folder, const char *name, const char *format, const char *ending) {
    char path[PATH_MAX], tail[64] = "";
    if (snprintf(path, sizeof path, "%s/%s.%s", folder, name, format) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t length = strlen(ending), got = 0;
    if (fseek(file, -(long)sizeof tail, SEEK_END) == 0)
        got = fread(tail, 1, sizeof tail, file);
    fclose(file);
    for (size_t i = 0; i + length <= got; i++)
        if (memcmp(tail + i, ending, length) == 0)
            return true;
    return false;
}

static hf_status check_formats(hf_error *error, const char *folder, const char *name) {
    static const struct {
        const char *format, *ending;
    } formats[] = {{"svg", "</svg>"}, {"pdf", "%%EOF"}, {"png", "IEND"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!complete(folder, name, formats[i].format, formats[i].ending))
            return hf_raise(error, HF_ERR_IO, "%s/%s.%s: gnuplot left it incomplete; is the disk full?",
                            folder, name, formats[i].format);
    return HF_OK;
}

hf_status hf_gnuplot_run(hf_error *error, const char *folder, const char *name) {
    char script[64], said[4096];
    int ends[2], outcome = 0;
    snprintf(script, sizeof script, "%s.gp", name);
    if (pipe(ends) != 0)
        return hf_raise(error, HF_ERR_IO, "cannot run gnuplot: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_child(folder, script, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return hf_raise(error, HF_ERR_IO, "cannot run gnuplot: %s", strerror(errno));
    }
    listen(ends[0], sizeof said, said);
    close(ends[0]);
    while (waitpid(child, &outcome, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0)
        return check_formats(error, folder, name);
    if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == MISSING)
        return hf_raise(error, HF_ERR_IO, "cannot run gnuplot: not found; install gnuplot (gnuplot-nox)");
    return hf_raise(error, HF_ERR_IO, "%s/%s: gnuplot failed: %s", folder, script, fault(said));
}
