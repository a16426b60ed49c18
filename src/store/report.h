/* What the sections of a report share. docs/formats.md, "report.html". A section is a file report_NAME.c and
 * a line in the table of report.c. */
#ifndef HF_STORE_REPORT_H
#define HF_STORE_REPORT_H

#include "store/report_html.h"

#include <headflow/store.h>

/* What several sections say of a run, gathered once. */
typedef struct hf_report_facts {
    bool heated; /* there is a temperature: it is the free energy that falls, not the risk */
    bool dual;   /* a duality flux, which promises no sign of the density */
    double end, stop;
    bool stationary;                            /* it ended because the dissipation fell to `stop` */
    double first_energy, last_energy, risk;     /* R, with a temperature F, at both ends; R at the end */
    double energy_error, risk_error;            /* estimates of the grid's error at the end; NAN */
    const char *error_source;                   /* where they are from, markup; NULL */
    double gap;                                 /* at the end */
    double first_dissipation, last_dissipation; /* D */
    double mass_error, minimum, negative_mass, walled; /* the worst of all outputs */
    bool at_walls;  /* more mass is there at the end than theorems on the unbounded problem bear */
    double balance; /* the worst of all outputs; NAN before there are two */
    bool mass_kept, sign_kept, balance_kept, balance_promised;
    double least, least_gap; /* min R, with a temperature min F on the grid; how far below it may be */
    double continuum, continuum_error;          /* min F as h -> 0; NAN where it is not known */
    size_t held, contradicted, idle, undecided; /* theorems */
    size_t violated;                            /* bounds of the comparison */
} hf_report_facts;

/* The promises of every run; docs/numerics.md, section 8. */
#define HF_MASS_LIMIT 1e-12
#define HF_WALLED 1e-3 /* mass at the walls */
double hf_report_balance_limit(const hf_problem *problem);

typedef struct hf_page {
    FILE *out;
    const hf_report *report;
    hf_report_facts facts;
} hf_page;

hf_status hf_report_gather(hf_error *error, const hf_report *report, hf_report_facts *out);

/* What became of a theorem: its hypothesis held and so did its conclusion; or did not; the hypothesis did not
 * hold; the run does not decide. */
typedef enum hf_outcome { HF_HELD, HF_CONTRADICTED, HF_IDLE, HF_UNDECIDED } hf_outcome;
hf_outcome hf_report_outcome(const hf_verdict *verdict);

/* Whether the stationary measure that a run goes to has the least risk; needs both. */
bool hf_report_is_minimiser(const hf_rest *rest);

/* Whether a bound of the comparison is broken by an ensemble; the leading-order one promises nothing. */
bool hf_report_violated(const hf_chaos_group *group, size_t bound);
bool hf_report_static_violated(const hf_static_record *record);

typedef struct hf_report_section {
    const char *id, *title;
    bool (*applies)(const hf_page *page); /* NULL: always */
    hf_status (*write)(hf_error *error, const hf_page *page);
} hf_report_section;

extern const hf_report_section hf_section_numbers, hf_section_verdicts, hf_section_figures,
    hf_section_optimum, hf_section_diracs, hf_section_goal, hf_section_approach, hf_section_chaos,
    hf_section_refinement, hf_section_equation, hf_section_case, hf_section_provenance;

/* Put a page in place at once: what was there stays where that fails. */
hf_status hf_report_put(hf_error *error, const char *path, const char *text, size_t length);

/* A figure of a report: the name of its files, its title, and what stands below it, markup. */
typedef struct hf_caption {
    const char *name, *title, *markup;
} hf_caption;

/* Those figures of a file that apply, drawn in a temporary folder. captions: shape (count) */
hf_status hf_report_figures_of(hf_error *error, FILE *out, const char *path, size_t count,
                               const hf_caption captions[]);

/* The head of the page: title, what the run came to, overall verdict. */
void hf_report_write_summary(const hf_page *page);

/* The style sheet, as the content of a style element. */
extern const char *const hf_report_style;

/* The name of a coordinate, escaped and in italics; and the heads of a column for each. */
void hf_report_coordinate(const hf_page *page, size_t coordinate);
void hf_report_coordinate_columns(const hf_page *page);

/* A place as cells, one a coordinate: shorter where they are many, and 0 where rounding is all there is.
 * theta: shape (dim) */
void hf_report_place(FILE *out, size_t dim, const double *theta);

/* Atoms as a table: mass, place, and what `extra` writes in further columns of an atom.
 * digits: of the masses; columns: heads of these, shape (extras) */
void hf_report_atoms(const hf_page *page, const hf_atoms *atoms, int digits, const char *caption,
                     size_t extras, const char *const columns[],
                     void (*extra)(const hf_page *page, const void *self, size_t atom), const void *self);

/* A gap [nat] in words: rounding may leave that of a minimiser below 0. */
void hf_report_gap(FILE *out, double gap, int digits);

/* The minimum as h -> 0 with its error, and the end of its row of facts. */
void hf_report_continuum(FILE *out, double value, double error);

/* A row of a list of facts: what, then a value that the caller writes, then hf_report_fact_end with a remark
 * (markup; NULL: none). */
void hf_report_fact_begin(FILE *out, const char *what);
void hf_report_fact_end(FILE *out, const char *remark);

#endif
