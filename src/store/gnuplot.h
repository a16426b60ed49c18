/* gnuplot: the common part of every script, labels, and running it. */
#ifndef HF_STORE_GNUPLOT_H
#define HF_STORE_GNUPLOT_H

#include <headflow/grid.h>

#include <stdio.h>

/* A symbol in a label, as part of a string literal. The word joiners around it keep the spaces beside it:
 * some readers of SVG drop a space where the style changes. */
#define HF_ITALIC(symbol) "\u2060{/:Italic " symbol "}\u2060"

/* What comes before the plot commands: fonts, palette, line colours, and a loop over SVG, PDF and PNG that
 * hf_gnuplot_end closes. Line types 1 to 8 are the colours of Okabe and Ito, the palette is viridis.
 * Sizes in millimetres. */
void hf_gnuplot_begin(FILE *script, const char *name, double width, double height);
void hf_gnuplot_end(FILE *script);

/* Run NAME.gp in its folder and see that its files are whole.
 * HF_ERR_IO when gnuplot is missing or fails, with its first words. */
hf_status hf_gnuplot_run(hf_error *error, const char *folder, const char *name);

enum { HF_LABEL_MAX = 4 * HF_NAME_MAX };

/* A coordinate's name in gnuplot's markup: italic, Greek where it spells a Greek letter, what follows the
 * first underscore, or a number, as an index; further underscores, and one at the end, stay.
 * label: shape (HF_LABEL_MAX) */
void hf_gnuplot_label(const char *name, char *label);

/* What stands over a figure, with the options that make gnuplot take it as it is: the title of the case, or
 * its name where the title would not fit the width [mm]. */
void hf_gnuplot_title(FILE *script, const char *title, const char *name, double width);

/* A logarithmic y axis around the positive finite values, with ticks at decades, or at 1, 2, 3, 5, 7 where
 * there are few of them. It is there in any case: gnuplot fails on a logarithmic axis that it has no value
 * for. values: shape (count) */
void hf_gnuplot_log_axis(FILE *script, size_t count, const double *values);

#endif
