/* headflow run CASE, of tokens: integrates the density, writes solution.nc, and says what it kept. */
#include "cli/tokens.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const double mass_limit = 1e-12, least_balance = 1e-12;

typedef struct report {
    const hf_tokens_input *input;
    hf_tokens_writer *writer;
    bool quiet, terminal, line_open, monotone;
    double last_line;
    size_t outputs;
    hf_tokens_record first, last;
    double mass_error, minimum, negative_mass, balance, setback; /* the worst of all outputs */
} report;

hf_status cli_read_tokens(hf_error *error, const cli_call *call, hf_case_tokens *out) {
    char *path;
    *out = (hf_case_tokens){0};
    HF_TRY(hf_case_find(error, call->argument, &path));
    hf_status status = hf_case_read_tokens(error, path, call->override_count, call->overrides, out);
    free(path);
    return status;
}

void cli_describe_tokens(const hf_tokens_input *input, size_t size, char *text) {
    snprintf(text, size, "%s attention, %s", input->unnormalised ? "unnormalised" : "softmax",
             input->descent ? "descent" : "ascent");
}

/* ---- on the way ------------------------------------------------------------------------------------- */

static double sign(const report *r) {
    return r->input->descent ? -1 : 1;
}

static hf_status output(hf_error *error, void *self, const hf_tokens_record *record, const double *g) {
    report *r = self;
    if (r->outputs++ == 0)
        r->first = r->last = *record;
    r->mass_error = cli_worse(r->mass_error, fabs(record->mass - 1));
    r->minimum = -cli_worse(-r->minimum, -record->minimum);
    r->negative_mass = cli_worse(r->negative_mass, record->negative_mass);
    r->balance = cli_worse(r->balance, fabs(record->energy - r->first.energy - record->gained));
    r->setback = cli_worse(r->setback, sign(r) * (r->last.energy - record->energy));
    r->last = *record;
    return hf_tokens_writer_output(error, r->writer, record, g);
}

static hf_status step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    (void)error;
    report *r = self;
    if (r->quiet || statistics->seconds - r->last_line < (r->terminal ? 0.2 : 5))
        return HF_OK;
    r->last_line = statistics->seconds;
    fprintf(stderr, "%st = %.4g of %.4g, E/e^|D| %.6g, %ld steps, %.0f s left%s", r->terminal ? "\r" : "",
            time, r->input->end, r->last.energy, statistics->steps,
            statistics->seconds * (r->input->end - time) / time, r->terminal ? "\033[K" : "\n");
    r->line_open = r->terminal;
    return HF_OK;
}

/* ---- at the end ------------------------------------------------------------------------------------- */

static double balance_limit(const hf_tokens_input *input) {
    return fmax(input->rtol, least_balance);
}

static void print_summary(const report *r, const hf_tokens *tokens, const hf_statistics *s,
                          const char *path) {
    const hf_tokens_input *input = r->input;
    char rule[64];
    double scale = exp(hf_tokens_norm(tokens));
    bool dual = input->flux->dual && !input->transport;
    cli_describe_tokens(input, sizeof rule, rule);
    printf("%s: %s\n  %zu", input->name, input->title, input->cells[0]);
    if (input->axis_count == 2)
        printf(" x %zu", input->cells[1]);
    printf(" cells of the %s%s, %s, %s, t = %g\n", input->dim == 2 ? "circle" : "sphere",
           input->dim == 3 && input->axis_count == 1 ? " (axisymmetric)" : "", rule,
           hf_tokens_flux_name(tokens), s->time);
    if (input->axis_count == 2 && hf_tokens_axisymmetric(input))
        printf(
            "  the data are symmetric about the third axis: grid.cells=[%zu] solves them in one dimension\n",
            input->cells[0]);
    printf("  energy E         %.12g (%.12g at t = 0)\n", scale * r->last.energy, scale * r->first.energy);
    printf("  E/e^|D|          %.12g\n", r->last.energy);
    printf("  mean of x       ");
    for (size_t i = 0; i < input->dim; i++)
        printf(" %.9g", r->last.mean[i]);
    printf("\n  energy balance   %.2g (promised %.2g)\n", r->balance, balance_limit(input));
    printf("  monotone         %s by %.2g%s\n",
           r->setback > balance_limit(input) ? "no: E steps back" : "yes, but", fmax(r->setback, 0),
           r->monotone ? "" : " (not promised by this scheme)");
    printf("  mass error       %.2g (promised %.2g)\n", r->mass_error, mass_limit);
    if (dual)
        printf("  negative mass    %.2g\n", r->negative_mass);
    else
        printf("  minimum density  %.2g\n", r->minimum);
    printf("  %ld steps of %s, %ld right-hand sides, %.3g s\n", s->steps, input->method->name, s->evaluations,
           s->seconds);
    printf("  wrote %s\n", path);
    if (!dual)
        printf("  for ten digits, and for clusters that fit into a cell: --set scheme.flux=duality7\n");
}

static void print_json(const report *r, const hf_tokens *tokens, const hf_statistics *s, const char *path) {
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"time", s->time},
                   {"energy", exp(hf_tokens_norm(tokens)) * r->last.energy},
                   {"relative_energy", r->last.energy},
                   {"power", r->last.power},
                   {"energy_balance", r->balance},
                   {"setback", r->setback},
                   {"mass_error", r->mass_error},
                   {"minimum", r->minimum},
                   {"negative_mass", r->negative_mass},
                   {"seconds", s->seconds}};
    printf("{\"case\": ");
    cli_print_json_string(stdout, r->input->name);
    printf(", \"model\": \"tokens\", \"flux\": \"%s\"", hf_tokens_flux_name(tokens));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        printf(", ");
        cli_print_json_number(stdout, numbers[i].key, numbers[i].value);
    }
    printf(", ");
    cli_print_json_list(stdout, "mean", r->input->dim, r->last.mean);
    printf(", \"stationary\": %s, \"steps\": %ld, \"right_hand_sides\": %ld, \"output\": ",
           s->stationary ? "true" : "false", s->steps, s->evaluations);
    cli_print_json_string(stdout, path);
    printf("}\n");
}

static hf_status check_promises(hf_error *error, const report *r) {
    double limit = balance_limit(r->input);
    if (r->mass_error > mass_limit)
        return hf_raise(error, HF_ERR_NUMERIC, "mass error %.3g; promised <= %.3g", r->mass_error,
                        mass_limit);
    if (r->balance > limit)
        return hf_raise(error, HF_ERR_NUMERIC, "energy balance %.3g; promised <= %.3g: lower time.rtol",
                        r->balance, limit);
    if (r->monotone && r->setback > limit)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "the energy steps back by %.3g, which the scheme forbids: lower "
                        "time.rtol",
                        r->setback);
    return HF_OK;
}

static hf_status integrate(hf_error *error, const cli_call *call, hf_tokens *tokens, const char *text,
                           const char *path) {
    hf_statistics statistics = {0};
    report r = {.input = hf_tokens_input_of(tokens),
                .quiet = call->quiet,
                .terminal = isatty(STDERR_FILENO),
                .minimum = INFINITY};
    r.monotone = hf_tokens_symmetric(r.input) && !r.input->transport && !r.input->flux->dual;
    hf_tokens_observer observer = {.self = &r, .output = output, .step = step};
    HF_TRY(hf_tokens_writer_create(error, path, tokens, text, &r.writer));
    hf_status status = hf_tokens_integrate(error, tokens, &observer, NULL, &statistics);
    if (r.line_open)
        cli_clear_progress();
    if (status == HF_OK)
        status = hf_tokens_writer_finish(error, r.writer, &statistics);
    hf_tokens_writer_destroy(&r.writer);
    HF_TRY(status);
    if (!call->quiet)
        print_summary(&r, tokens, &statistics, path);
    if (call->json)
        print_json(&r, tokens, &statistics, path);
    return check_promises(error, &r);
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_case_tokens c;
    hf_tokens *tokens = NULL;
    char *path = NULL;
    hf_status status = cli_read_tokens(error, call, &c);
    if (status == HF_OK)
        status = hf_tokens_create(error, &c.input, &tokens);
    if (status == HF_OK)
        status = cli_output_of(error, call, c.name, "solution.nc", &path);
    if (status == HF_OK)
        status = integrate(error, call, tokens, c.text, path);
    free(path);
    hf_tokens_destroy(&tokens);
    hf_case_clear_tokens(&c);
    return status;
}

const cli_verb cli_tokens_run = {.name = "run",
                                 .argument = "CASE",
                                 .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON,
                                 .interruptible = true,
                                 .run = run};
