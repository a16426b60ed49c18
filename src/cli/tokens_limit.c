/* headflow limit CASE|SOLUTION, of tokens: growth of the uniform state, stationary clusters with their
 * stability and rates, extremal energies. Of a solution also how near to them it ends. */
#include "cli/solved.h"
#include "cli/tokens.h"

#include <math.h>
#include <stdlib.h>

enum { MODES = 8, DECIMALS = 15 };

/* The rates of beta I, times cos or -sin of k times the angle; real ones where it is 0. */
static void print_rates_of_modes(const hf_tokens_input *input, double beta, double angle, bool turning) {
    for (size_t k = 1; k <= MODES; k++) {
        double rate = hf_tokens_growth(input, beta, k) * (input->unnormalised ? exp(fabs(beta)) : 1);
        double part = turning ? -sin((double)k * angle) : cos((double)k * angle);
        printf(" %.6g", cli_rounded(rate * part, DECIMALS));
    }
    printf("\n");
}

static void print_growth(const hf_tokens_input *input) {
    double beta = hf_tokens_isotropy(input), size = hf_tokens_conformality(input);
    double angle = hf_tokens_rotation(input);
    if (!isnan(beta)) {
        printf("  uniform state: mode k grows at\n   ");
        print_rates_of_modes(input, beta, 0, false);
    } else if (!isnan(angle)) {
        printf("  uniform state: D turns by %.6g, mode k grows at\n   ", angle);
        print_rates_of_modes(input, size, angle, false);
        printf("    with the imaginary part of the rate\n   ");
        print_rates_of_modes(input, size, angle, true);
    } else if (!isnan(size)) {
        printf(
            "  uniform state: D is a multiple of an orthogonal matrix, rates of mode k are of modulus\n   ");
        print_rates_of_modes(input, size, 0, false);
    } else
        printf("  the uniform state is not stationary: D is no multiple of an orthogonal matrix\n");
    printf("  E/e^|D| of the uniform state  %.12g\n", hf_tokens_uniform_energy(input));
}

static const char *verdict(const hf_tokens_cluster *c) {
    static const double small = 1e-12; /* of the eigenvalue */
    bool turns = false;
    for (size_t k = 0; k < c->rate_count; k++)
        turns = turns || fabs(c->rigid[k]) <= small * fabs(c->token);
    return c->stable     ? "stable"
           : !c->neutral ? "not stable"
           : turns       ? "neutral (it can turn)"
                         : "neutral (a rate is 0)";
}

static void print_rates(const char *what, size_t count, const double *rates) {
    printf(", %s", what);
    for (size_t k = 0; k < count; k++)
        printf(" %.6g", rates[k] + 0.0); /* no -0 */
}

static void print_clusters(const hf_tokens_input *input, const hf_tokens_limit *limit) {
    for (size_t k = 0; k < limit->count; k++) {
        const hf_tokens_cluster *c = &limit->cluster[k];
        printf("  %s on (", c->pair ? "two equal antipodal clusters" : "one cluster");
        for (size_t i = 0; i < input->dim; i++)
            printf("%s%.4g", i > 0 ? ", " : "", c->axis[i]);
        printf("): %s, E/e^|D| = %.6g\n    a token comes back at %.6g", verdict(c), c->energy, c->token);
        print_rates(c->pair ? "both together at" : "the cluster at", c->rate_count, c->rigid);
        if (c->pair)
            print_rates("one against the other at", c->rate_count, c->part);
        printf("\n");
    }
}

static void print_extrema(const hf_tokens_limit *limit) {
    static const char *const names[] = {"not known", "one Dirac", "two equal antipodal Diracs",
                                        "the uniform state"};
    if (!limit->symmetric) {
        printf("  D is not symmetric: the energy has no say in where the flow goes\n");
        return;
    }
    printf("  highest E/e^|D|  %.12g: %s\n", limit->highest, names[limit->maximiser]);
    if (isnan(limit->lowest))
        printf("  lowest E/e^|D|   not known\n");
    else
        printf("  lowest E/e^|D|   %.12g: %s\n", limit->lowest, names[limit->minimiser]);
}

static void print_json(const hf_tokens_input *input, const hf_tokens_limit *limit) {
    printf("{\"model\": \"tokens\", \"clusters\": [");
    for (size_t k = 0; k < limit->count; k++) {
        const hf_tokens_cluster *c = &limit->cluster[k];
        printf("%s{\"pair\": %s, \"stable\": %s, \"neutral\": %s, ", k > 0 ? ", " : "",
               c->pair ? "true" : "false", c->stable ? "true" : "false", c->neutral ? "true" : "false");
        cli_print_json_list(stdout, "axis", input->dim, c->axis);
        printf(", ");
        cli_print_json_number(stdout, "token", c->token);
        printf(", ");
        cli_print_json_list(stdout, "rigid", c->rate_count, c->rigid);
        printf(", ");
        cli_print_json_list(stdout, "part", c->pair ? c->rate_count : 0, c->part);
        printf(", ");
        cli_print_json_number(stdout, "relative_energy", c->energy);
        printf("}");
    }
    printf("], ");
    cli_print_json_number(stdout, "uniform", hf_tokens_uniform_energy(input));
    printf(", ");
    cli_print_json_number(stdout, "highest", limit->highest);
    printf(", ");
    cli_print_json_number(stdout, "lowest", limit->lowest);
    printf("}\n");
}

static hf_status show(hf_error *error, const cli_call *call, const hf_tokens_input *input) {
    hf_tokens_limit limit;
    char rule[64];
    HF_TRY(hf_tokens_find_limit(error, input, &limit));
    if (!call->quiet) {
        cli_describe_tokens(input, sizeof rule, rule);
        printf("%s: %s\n  %s of the %s; rates are positive where what is disturbed comes back\n", input->name,
               input->title, rule, input->dim == 2 ? "circle" : "sphere");
        print_growth(input);
        print_clusters(input, &limit);
        print_extrema(&limit);
    }
    if (call->json)
        print_json(input, &limit);
    return HF_OK;
}

static void print_end(const hf_tokens_solution *s) {
    size_t last = s->count - 1;
    double length = 0;
    for (size_t i = 0; i < s->input.dim; i++)
        length = hypot(length, s->mean[last * s->input.dim + i]);
    printf("  the solution at t = %g: E/e^|D| = %.12g, power %.3g, |mean of x| = %.6g\n", s->time[last],
           s->energy[last], s->power[last], length);
}

static hf_status run_solution(hf_error *error, const cli_call *call, const char *file) {
    hf_tokens_solution solution;
    if (call->override_count > 0)
        return hf_raise(error, HF_ERR_INPUT, "option --set: %s is a solution; expected a case with it", file);
    hf_status status = hf_tokens_solution_read(error, file, &solution);
    if (status == HF_OK)
        status = show(error, call, &solution.input);
    if (status == HF_OK && !call->quiet)
        print_end(&solution);
    hf_tokens_solution_clear(&solution);
    return status;
}

static hf_status run_case(hf_error *error, const cli_call *call) {
    hf_case_tokens c;
    hf_status status = cli_read_tokens(error, call, &c);
    if (status == HF_OK)
        status = show(error, call, &c.input);
    hf_case_clear_tokens(&c);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    char *file;
    HF_TRY(cli_solution_of(error, call->argument, &file));
    hf_status status = file != NULL ? run_solution(error, call, file) : run_case(error, call);
    free(file);
    return status;
}

const cli_verb cli_tokens_limit = {
    .name = "limit", .argument = "CASE|SOLUTION", .options = CLI_SET | CLI_QUIET | CLI_JSON, .run = run};
