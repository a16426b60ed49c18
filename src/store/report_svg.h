/* SVG inside HTML. */
#ifndef HF_STORE_REPORT_SVG_H
#define HF_STORE_REPORT_SVG_H

#include <headflow/base.h>

#include <stdio.h>

/* Write the drawing of an SVG file as an element of an HTML page: without the XML prolog, as wide as its
 * container, named by `title` (text), and with `prefix` before all ids, since all drawings of a page share
 * one space of ids and gnuplot gives the same ones to each. HF_ERR_IO when the text is no drawing with a
 * viewBox. */
hf_status hf_svg_inline(hf_error *error, FILE *out, const char *svg, const char *prefix, const char *title);

/* The width of the drawing's viewBox [px]; 0 where there is none. */
double hf_svg_width(const char *svg);

#endif
