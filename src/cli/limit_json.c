/* What headflow limit found, as one JSON object. */
#include "cli/cli.h"
#include "cli/limit.h"

#include <math.h>

static const char *boolean(bool value) {
    return value ? "true" : "false";
}

static void number(const char *key, double value) {
    cli_print_json_number(stdout, key, value);
}

static void text(const char *key, const char *value) {
    printf("\"%s\": ", key);
    cli_print_json_string(stdout, value);
}

static void print_fit(const char *key, const hf_fit *fit) {
    printf("\"%s\": {", key);
    number("value", fit->value);
    printf(", ");
    number("lower", fit->lower);
    printf(", ");
    number("upper", fit->upper);
    printf(", ");
    number("first", fit->first);
    printf(", ");
    number("last", fit->last);
    printf("}");
}

static void print_stationary(const hf_stationary *s) {
    size_t dim = s->atoms.dim;
    printf("{");
    number("risk", s->risk);
    printf(", ");
    number("residual", s->residual);
    printf(", ");
    number("gap", s->gap);
    printf(", ");
    number("lowest", s->lowest);
    printf(", ");
    number("monotonicity", s->monotonicity);
    printf(", \"stability\": \"%s\", \"value_degenerate\": %s, \"inside\": %s, ",
           hf_stability_names[s->stability], boolean(s->value_degenerate), boolean(s->inside));
    cli_print_json_list(stdout, "motion_rates", s->atoms.count * dim, s->rate);
    printf(", \"atoms\": [");
    for (size_t k = 0; k < s->atoms.count; k++) {
        printf("%s{", k > 0 ? ", " : "");
        number("mass", s->atoms.mass[k]);
        printf(", ");
        cli_print_json_list(stdout, "position", dim, s->atoms.theta + k * dim);
        printf(", ");
        cli_print_json_list(stdout, "spread_rates", dim, s->spread + k * dim);
        printf(", ");
        cli_print_json_list(stdout, "A", dim * dim, s->A + k * dim * dim);
        printf(", ");
        cli_print_json_list(stdout, "B", dim * dim, s->B + k * dim * dim);
        printf("}");
    }
    printf("]}");
}

static void print_approach(const hf_approach *a) {
    printf("{");
    number("limit", a->limit);
    printf(", \"extrapolated\": %s, ", boolean(a->extrapolated));
    number("limit_error", a->limit_error);
    printf(", ");
    number("minimum", a->minimum);
    printf(", ");
    print_fit("exponent", &a->exponent);
    printf(", ");
    print_fit("rate", &a->rate);
    printf(", ");
    number("domination", a->domination);
    printf(", ");
    number("domination_limit", a->domination_limit);
    printf(", ");
    number("balance", a->balance);
    printf("}");
}

static void print_rates(const hf_rest *rest) {
    printf("[");
    for (size_t k = 0; k < rest->rates; k++) {
        const hf_local_rate *r = &rest->rate[k];
        printf("%s{\"of\": \"%s\", ", k > 0 ? ", " : "", r->mean ? "mean" : "spread");
        number("promised", r->promised);
        printf(", ");
        print_fit("measured", &r->measured);
        printf(", \"driven\": %s}", boolean(r->driven));
    }
    printf("]");
}

static void print_verdicts(const hf_rest *rest) {
    static const char *const answers[] = {"no", "yes", "open"};
    printf("[");
    for (size_t k = 0; k < rest->verdicts; k++) {
        const hf_verdict *v = &rest->verdict[k];
        printf("%s{", k > 0 ? ", " : "");
        text("theorem", v->theorem);
        printf(", ");
        text("equation", v->equation);
        printf(", ");
        text("hypothesis", v->hypothesis);
        printf(", ");
        text("conclusion", v->conclusion);
        printf(", \"assumed\": \"%s\", \"concluded\": \"%s\", ", answers[v->assumed], answers[v->concluded]);
        text("evidence", v->evidence);
        printf("}");
    }
    printf("]");
}

static void print_course(const hf_rest *rest) {
    printf(", ");
    number("spread", rest->spread);
    printf(", \"arrives\": %s, \"goal\": ", boolean(rest->arrives));
    if (rest->concentrated)
        print_stationary(&rest->goal);
    else
        printf("null");
    printf(", \"approach\": ");
    print_approach(&rest->approach);
    printf(", \"local_dirac\": ");
    if (rest->near < rest->diracs)
        printf("%zu", rest->near);
    else
        printf("null");
    printf(", \"local_rates\": ");
    print_rates(rest);
    printf(", \"verdicts\": ");
    print_verdicts(rest);
}

void limit_print_json(const hf_problem *problem, const hf_rest *rest, const char *path) {
    double minimum = rest->has_optimum ? rest->optimum.risk : rest->has_gibbs ? rest->gibbs.free_energy : NAN;
    double gap = rest->has_optimum ? rest->optimum.gap : rest->has_gibbs ? rest->gibbs.gap : NAN;
    printf("{");
    text("case", hf_problem_name(problem));
    printf(", ");
    number("temperature", hf_problem_temperature(problem));
    printf(", ");
    number("minimum", minimum);
    printf(", ");
    number("minimum_gap", gap);
    printf(", \"wall_limited\": %s, \"starts\": %zu, \"more_diracs\": %s, \"diracs\": [",
           boolean(rest->has_optimum && rest->optimum.wall_limited), rest->tried, boolean(rest->more));
    for (size_t k = 0; k < rest->diracs; k++) {
        printf("%s", k > 0 ? ", " : "");
        print_stationary(&rest->dirac[k]);
    }
    printf("]");
    if (rest->has_course)
        print_course(rest);
    printf(", ");
    text("output", path);
    printf("}\n");
}
