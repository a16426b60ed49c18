/* Sentences with formulas in plain letters, typeset. */
#ifndef HF_STORE_REPORT_FORMULA_H
#define HF_STORE_REPORT_FORMULA_H

#include <stdio.h>

/* Write a text of this program's own, such as "R - R_inf <= 2.5e-14 at t = 3", as HTML: letters that stand
 * for quantities in italics, Greek ones as themselves, relations, minus signs, powers. Words stay as they
 * are. */
void hf_html_formula(FILE *out, const char *text);

#endif
