/** @file stationary.h
 *  Where the flow comes to rest: stationary sums of Diracs, their linearisation and rates; and the course of
 * a solution towards rest, measured against what the theory promises. docs/theory.md, sections 16 and 17. */
#ifndef HEADFLOW_STATIONARY_H
#define HEADFLOW_STATIONARY_H

#include <headflow/optimum.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- stationary measures ---------------------------------------------------------------------------- */

typedef enum hf_stability {
    HF_STABLE,    /**< all rates are positive */
    HF_UNSTABLE,  /**< one is negative */
    HF_DEGENERATE /**< none is negative, one is zero: linearisation does not decide */
} hf_stability;

extern const char *const hf_stability_names[3];

/** A sum of Diracs at which the flow rests, and the flow linearised about it. docs/theory.md (53)-(57). */
typedef struct hf_stationary {
    hf_atoms atoms;
    double risk;
    double residual; /**< max |grad Psi| over the atoms */
    double *A;       /**< Hess Psi at each atom; shape (count, D, D) */
    double *B;       /**< sum_e w_e J_e^T (diag p - p p^T) J_e at each atom; shape (count, D, D) */
    double *spread;  /**< eigenvalues of each A, ascending: rates at which a group contracts; shape (count, D)
                      */
    double *spread_axis; /**< their unit eigenvectors, one a row; shape (count, D, D) */
    double *rate; /**< eigenvalues of the atoms' motion, ascending: of A + B for a Dirac; shape (count * D) */
    double *rate_axis;   /**< left eigenvectors w of the same, one a row: sum_k w_k . x_k decays at the rate,
                            x_k the displacements; sum_k |w_k|^2/mass_k = 1; shape (count * D, count, D) */
    double monotonicity; /**< min over the atoms of the smallest eigenvalue of A */
    double lowest;       /**< proved lower bound of Psi on the box */
    double gap;          /**< int Psi dmu - lowest >= R - min R */
    hf_stability stability; /**< of all rates: those of the groups and of their motion */
    bool value_degenerate;  /**< ridge 0 and a value coordinate: A has a zero or indefinite block at any Dirac
                             */
    bool inside;            /**< all atoms are in the box */
} hf_stationary;

void hf_stationary_clear(hf_stationary *stationary);

/** Linearise about given atoms, wherever they are.
 *  @param[in] atoms  copied */
hf_status hf_stationary_linearise(hf_error *error, const hf_problem *problem, const hf_atoms *atoms,
                                  hf_stationary *out);

/** Newton's method on the positions, masses fixed, then hf_stationary_linearise. Atoms that are not near rest
 * are first carried by their own flow, so that they come to the measure that it goes to; those that meet are
 * merged. docs/theory.md (58).
 *  @return HF_ERR_NUMERIC when |grad Psi| <= 1e-12 is not reached within a quarter of the box, or where the
 * stationary measures form a family: |residual| reached and distance moved are in the message */
hf_status hf_stationary_polish(hf_error *error, const hf_problem *problem, const hf_atoms *atoms,
                               hf_stationary *out);

/** All stationary Diracs in the box that a multistart search finds, saddles and maxima of R(delta_theta)
 * among them, lowest risk first. No search proves that there is no other. docs/theory.md (53).
 *  @param[in]  problem  at temperature 0
 *  @param[in]  starts   of the search, quasi-random in the box; 0: by the dimension, 64 to 512, and fewer
 * where roots repeat
 *  @param[out] tried    how many starts there were
 *  @param[out] more     whether there are more of them: one that is found stands for a curve of them, with
 * the same risk and singular A + B; or there are more than HF_DIRACS_MAX
 *  @param[out] out      shape (*count), on the heap: clear each, then free()
 *  @return HF_ERR_INPUT for a temperature */
hf_status hf_stationary_diracs(hf_error *error, const hf_problem *problem, size_t starts, size_t *tried,
                               bool *more, size_t *count, hf_stationary **out);

enum { HF_DIRACS_MAX = 64 };

/** A gap, or a distance to the least risk [nat], of at most this is taken as that of a minimiser. */
#define HF_OPTIMAL 1e-8

/** The atoms that a density has concentrated on: its groups, where each is and how much mass it has. A group
 * is what is in the basin of one minimum of the density's potential. docs/theory.md (58).
 *  @return HF_ERR_INPUT for a density that is not finite, or without mass
 *  @param[in]  rho     shape (cells), made non-negative
 *  @param[out] atoms   one a group, the largest mass first: mean and mass of the group; to be cleared
 *  @param[out] spread  root mean square distance of the density to the atom of its group */
hf_status hf_concentration(hf_error *error, const hf_problem *problem, const double *rho, hf_atoms *atoms,
                           double *spread);

/* ---- the course of a solution ----------------------------------------------------------------------- */

/** Series over the output times of a solution; all borrowed. */
typedef struct hf_course {
    size_t count, dim;
    const double *time;        /**< shape (count), increasing from 0 */
    const double *risk;        /**< R; the free energy with a temperature */
    const double *dissipation; /**< D */
    const double *dissipated;  /**< its time integral */
    const double *mean;        /**< shape (count, D) */
    const double *covariance;  /**< shape (count, D, D) */
    double noise; /**< below this, differences of risks are errors: of time integration and of the grid */
    size_t start; /**< the output that the energy balance counts from: with a temperature 1, as D(0) may be
                     infinite; hf_rest_measure sets it by the problem */
} hf_course;

/** A fitted number: the slope of a line over a window, and how far it moves with the window. */
typedef struct hf_fit {
    double value, lower, upper; /**< NAN where there is nothing to fit */
    double first, last;         /**< the window [time] */
} hf_fit;

/** How the risk comes to rest. docs/theory.md (59)-(63). */
typedef struct hf_approach {
    double limit;       /**< R_inf */
    bool extrapolated;  /**< from the course itself, else given */
    double limit_error; /**< how far two ways to extrapolate it differ, and how far it had to be moved into
                           [min R, R(T)]; of a given one how far the course's own extrapolation is from it, 0
                           where there is none */
    double minimum;     /**< min R as given; NAN */
    hf_fit exponent;    /**< slope of log D against log(R - R_inf): 2 theta of Lojasiewicz's inequality */
    hf_fit rate;        /**< of the exponential decay of R - R_inf */
    double domination;  /**< inf D/(R - min R) over the course: the rate that gradient domination promises */
    double domination_limit; /**< the same against R_inf */
    double balance; /**< max |R(s) - R(t) - int D| over the course from its start s; 0 of a single output */
} hf_approach;

/** @param[in] limit    R of the stationary measure that the solution goes to; NAN: extrapolate
 *  @param[in] minimum  min R; NAN: not known */
hf_status hf_approach_measure(hf_error *error, const hf_course *course, double limit, double minimum,
                              hf_approach *out);

/** The rate at which the projection of mean or covariance on a direction about a point changes: -d log|u .
 * (m - centre)|/dt, or -1/2 d log(u . C u)/dt. Positive: decays. Of the windows in which the local rates
 * agree to 1 %, or to twice the least range that there is, the one where the projection is smallest is taken;
 * `lower` and `upper` are the range of its local rates. NAN where less than 4 outputs, or a change by less
 * than e^(1/2), are above the noise. docs/theory.md (63).
 *  @param[in] direction  u, shape (D)
 *  @param[in] centre     shape (D); NULL: the covariance */
hf_fit hf_course_rate(const hf_course *course, const double *direction, const double *centre);

/* ---- all of it, with verdicts ----------------------------------------------------------------------- */

typedef enum hf_answer { HF_NO, HF_YES, HF_OPEN } hf_answer;

enum { HF_EVIDENCE_MAX = 256, HF_VERDICTS_MAX = 16, HF_RATES_MAX = 16 };

/** What a theorem says, and what was seen of it. Texts are static but for the evidence. */
typedef struct hf_verdict {
    const char *theorem;                 /**< its name */
    const char *equation;                /**< where docs/theory.md has it, e.g. "(14)" */
    const char *hypothesis, *conclusion; /**< in words */
    hf_answer assumed, concluded;        /**< seen to hold on this run, seen not to hold, or not decided */
    char evidence[HF_EVIDENCE_MAX];      /**< the numbers: promised against measured */
} hf_verdict;

/** A rate of the linearised flow about a Dirac beside that of the solution. */
typedef struct hf_local_rate {
    bool mean;       /**< of the mean, an eigenvalue of A + B; else of the spread, an eigenvalue of A */
    double promised; /**< positive: decays */
    hf_fit measured;
    bool driven; /**< of the mean, and faster than twice the spread: that drives it, at second order */
} hf_local_rate;

/** A solution, as its file has it; all borrowed. */
typedef struct hf_solved {
    const hf_problem *problem;
    hf_course course;
    const double *gap; /**< shape (course.count) */
    const double *rho; /**< the last density, as the solver left it; shape (cells) */
    double wall_mass;  /**< of the last density, as hf_record has it */
} hf_solved;

/** Where a case, or a solution of it, comes to rest. Zero members where there is nothing to say. */
typedef struct hf_rest {
    size_t tried, diracs; /**< starts of the search for stationary Diracs, and how many were found */
    bool more;            /**< there is a continuum of them */
    hf_stationary *dirac; /**< shape (diracs) */

    bool has_optimum; /**< temperature 0 */
    hf_optimum optimum;
    bool has_gibbs; /**< a temperature */
    hf_gibbs gibbs;

    bool has_course; /**< from here on: of a solution */
    hf_approach approach;
    double spread;      /**< root mean square distance of the last density to the atoms of its groups */
    bool concentrated;  /**< a stationary measure was found beside its groups */
    bool arrives;       /**< that is where the solution goes: most of the way in risk is behind it */
    hf_stationary goal; /**< that measure */
    char missing[HF_EVIDENCE_MAX]; /**< else why not */
    size_t near;                   /**< the Dirac that the local rates are about; `diracs` if none */
    size_t rates;
    hf_local_rate rate[HF_RATES_MAX];
    size_t verdicts;
    hf_verdict verdict[HF_VERDICTS_MAX];
} hf_rest;

/** How it is found; zero fields take the defaults. */
typedef struct hf_rest_options {
    size_t starts;                      /**< of the search for stationary Diracs; 0: by the dimension */
    void (*progress)(const char *what); /**< told what is about to be done; may be NULL */
} hf_rest_options;

/** @param[in] solved   NULL: of the case alone
 *  @param[in] options  may be NULL
 *  @return HF_ERR_INPUT where a series or the density of `solved` is not finite; HF_ERR_NUMERIC when a search
 * fails; HF_ERR_MEMORY */
hf_status hf_rest_measure(hf_error *error, const hf_problem *problem, const hf_solved *solved,
                          const hf_rest_options *options, hf_rest *out);
void hf_rest_clear(hf_rest *rest);

#ifdef __cplusplus
}
#endif
#endif
