/** @file toy.c
 *  Data sets small enough to be listed in full: every choice of signs is one event, all of equal weight.
 *
 *  single      token (1), label (1, 0)
 *  retrieval   tokens (key, value): (k1, v1), (-k1, v2), query (kq, 0); the label is the value whose key
 * equals kq, +1 being class 0 and -1 class 1, flipped with probability `flip` opposite    retrieval with v2 =
 * -v1 twoway      tokens (key, value, position): three at positions -1, -1/2, 0, query (kq, 0, -2); one of
 * the first two has the key kq, the other two have -kq; P(class 0) = sigmoid(2 (v_match + v_last))
 */
#include "events/generators.h"

#include <assert.h>
#include <math.h>

/* The sign that a choice, a number whose bits are signs, gives to its variable of that index. */
static double sign(unsigned choice, unsigned variable) {
    return (choice >> variable & 1) != 0 ? -1 : 1;
}

hf_status hf_single_add(hf_error *error, const hf_generator_options *options, hf_events *events) {
    (void)options;
    assert(hf_events_width(events) == 1 && hf_events_classes(events) == 2);
    return hf_events_add(error, events, 1, (const double[]){1}, (const double[]){1, 0}, 1);
}

static hf_status add_retrieval(hf_error *error, double flip, double k1, double v1, double v2, double kq,
                               hf_events *events) {
    assert(hf_events_width(events) == 2 && hf_events_classes(events) == 2);
    double value = kq == k1 ? v1 : v2;
    double p = value > 0 ? 1 - flip : flip;
    const double tokens[3][2] = {{k1, v1}, {-k1, v2}, {kq, 0}};
    return hf_events_add(error, events, 3, tokens[0], (const double[]){p, 1 - p}, 1);
}

static hf_status check_flip(hf_error *error, double flip) {
    if (!(flip >= 0 && flip <= 1))
        return hf_raise(error, HF_ERR_INPUT, "data.flip is %g; expected a probability, 0 to 1", flip);
    return HF_OK;
}

hf_status hf_retrieval_add(hf_error *error, const hf_generator_options *options, hf_events *events) {
    HF_TRY(check_flip(error, options->flip));
    for (unsigned choice = 0; choice < 16; choice++)
        HF_TRY(add_retrieval(error, options->flip, sign(choice, 0), sign(choice, 1), sign(choice, 2),
                             sign(choice, 3), events));
    return HF_OK;
}

hf_status hf_opposite_add(hf_error *error, const hf_generator_options *options, hf_events *events) {
    HF_TRY(check_flip(error, options->flip));
    for (unsigned choice = 0; choice < 8; choice++)
        HF_TRY(add_retrieval(error, options->flip, sign(choice, 0), sign(choice, 1), -sign(choice, 1),
                             sign(choice, 2), events));
    return HF_OK;
}

hf_status hf_twoway_add(hf_error *error, const hf_generator_options *options, hf_events *events) {
    (void)options;
    assert(hf_events_width(events) == 3 && hf_events_classes(events) == 2);
    for (unsigned choice = 0; choice < 32; choice++) {
        double kq = sign(choice, 0);
        double first = sign(choice, 1); /* +1: the first token has the query's key; -1: the second */
        double v1 = sign(choice, 2), v2 = sign(choice, 3), v3 = sign(choice, 4);
        double match = first > 0 ? v1 : v2;
        double p = 1 / (1 + exp(-2 * (match + v3)));
        const double tokens[4][3] = {
            {first * kq, v1, -1}, {-first * kq, v2, -0.5}, {-kq, v3, 0}, {kq, 0, -2}};
        HF_TRY(hf_events_add(error, events, 4, tokens[0], (const double[]){p, 1 - p}, 1));
    }
    return HF_OK;
}
