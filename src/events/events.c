/** @file events.c
 *  The store of events, docs/theory.md (1): contexts in one ragged array, found again by a hash of their
 * tokens.
 *
 *  A new context is first written behind the last one, looked up where it stands, and kept only if it is new.
 *  The hash table is open-addressed with linear probing. It has two slots for every event there is room for,
 * so that it is at most half full and grows with the other arrays: adding is amortised O(tokens).
 */
#include <headflow/events.h>

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXTENT_MAX = 1 << 20, /* of width and classes: far beyond any case, and their products cannot overflow */
    FIRST_CAPACITY = 16   /* a power of two, as the probing mask needs */
};

struct hf_events {
    size_t width, classes;
    size_t count;          /* events */
    size_t capacity;       /* room for events; a power of two, or 0 */
    size_t token_capacity; /* room for tokens */
    size_t *start;         /* (capacity + 1): first token of each event, and the end of the last */
    double *tokens;        /* (token_capacity, width) */
    double *weight;        /* (capacity): as added, not normalised */
    double *label_sum;     /* (capacity, classes): weighted labels as added; whole counts stay exact */
    double *label;         /* (capacity, classes): label_sum / weight */
    size_t *slot;          /* (2 capacity): an event + 1, or 0 for a free slot */
    double total;          /* sum of weight */
};

hf_status hf_events_create(hf_error *error, size_t width, size_t classes, hf_events **out) {
    *out = NULL;
    if (width < 1 || width > EXTENT_MAX)
        return hf_raise(error, HF_ERR_INPUT, "token width is %zu; expected 1 to %d", width, EXTENT_MAX);
    if (classes < 1 || classes > EXTENT_MAX)
        return hf_raise(error, HF_ERR_INPUT, "number of classes is %zu; expected 1 to %d", classes,
                        EXTENT_MAX);
    void *block;
    HF_TRY(hf_allocate(error, 1, sizeof(hf_events), &block));
    *out = block;
    (*out)->width = width;
    (*out)->classes = classes;
    return HF_OK;
}

void hf_events_destroy(hf_events **events) {
    if (events == NULL || *events == NULL)
        return;
    free((*events)->start);
    free((*events)->tokens);
    free((*events)->weight);
    free((*events)->label_sum);
    free((*events)->label);
    free((*events)->slot);
    free(*events);
    *events = NULL;
}

/* Hash of n doubles by their bits: multiply and fold a word at a time, then the finaliser of SplitMix64
   (Steele, Lea and Flood 2014), for tokens such as +1 and -1 differ in their top bits only. */
static uint64_t hash(size_t n, const double *values) {
    uint64_t state = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t word;
        memcpy(&word, &values[i], sizeof word);
        state = (state ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        state ^= state >> 32;
    }
    state = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    state = (state ^ (state >> 27)) * UINT64_C(0x94d049bb133111eb);
    return state ^ (state >> 31);
}

/* The slot of the event with this context, or the free slot where it belongs. */
static size_t *find(const hf_events *events, size_t count, const double *tokens) {
    size_t n = count * events->width;
    size_t mask = 2 * events->capacity - 1;
    size_t i = (size_t)hash(n, tokens) & mask;
    for (; events->slot[i] != 0; i = (i + 1) & mask) {
        size_t event = events->slot[i] - 1;
        if (hf_events_length(events, event) == count &&
            memcmp(hf_events_tokens(events, event), tokens, n * sizeof *tokens) == 0)
            break;
    }
    return &events->slot[i];
}

static hf_status resize(hf_error *error, void *block, size_t count, size_t size, void **out) {
    *out = reallocarray(block, count, size);
    if (*out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "out of memory for %zu elements of %zu bytes", count, size);
    return HF_OK;
}

/* Double the room for events. On failure the set is as it was: an array may be longer than it need be. */
static hf_status grow(hf_error *error, hf_events *events) {
    size_t capacity = events->capacity == 0 ? FIRST_CAPACITY : 2 * events->capacity;
    size_t labels = capacity * events->classes;
    void *block;
    HF_TRY(resize(error, events->start, capacity + 1, sizeof *events->start, &block));
    events->start = block;
    HF_TRY(resize(error, events->weight, capacity, sizeof *events->weight, &block));
    events->weight = block;
    HF_TRY(resize(error, events->label_sum, labels, sizeof *events->label_sum, &block));
    events->label_sum = block;
    HF_TRY(resize(error, events->label, labels, sizeof *events->label, &block));
    events->label = block;
    HF_TRY(hf_allocate(error, 2 * capacity, sizeof *events->slot, &block));
    free(events->slot);
    events->slot = block;
    events->capacity = capacity;
    events->start[0] = 0;
    for (size_t e = 0; e < events->count; e++)
        *find(events, hf_events_length(events, e), hf_events_tokens(events, e)) = e + 1;
    return HF_OK;
}

/* Make room for one more event of `count` tokens. */
static hf_status reserve(hf_error *error, hf_events *events, size_t count) {
    if (events->count == events->capacity)
        HF_TRY(grow(error, events));
    size_t needed = hf_events_tokens_total(events) + count;
    if (needed > events->token_capacity) {
        void *block;
        HF_TRY(resize(error, events->tokens, 2 * needed, events->width * sizeof *events->tokens, &block));
        events->tokens = block;
        events->token_capacity = 2 * needed;
    }
    return HF_OK;
}

/* Check one prediction; on success *share is the weight of one unit of its label. */
static hf_status check(hf_error *error, const hf_events *events, size_t count, const double *tokens,
                       const double *label, double weight, double *share) {
    if (count < 1)
        return hf_raise(error, HF_ERR_INPUT, "tokens: none; expected at least one, the last is the query");
    for (size_t i = 0; i < count * events->width; i++)
        if (!isfinite(tokens[i]))
            return hf_raise(error, HF_ERR_INPUT,
                            "tokens: component %zu of token %zu is %g; expected a finite number",
                            i % events->width + 1, i / events->width + 1, tokens[i]);
    double sum = 0;
    for (size_t c = 0; c < events->classes; c++) {
        if (!(label[c] >= 0 && isfinite(label[c])))
            return hf_raise(error, HF_ERR_INPUT, "label: class %zu has %g; expected a finite number >= 0", c,
                            label[c]);
        sum += label[c];
    }
    if (!(sum > 0 && isfinite(sum)))
        return hf_raise(error, HF_ERR_INPUT, "label: sums to %g; expected a positive finite sum", sum);
    if (!(weight > 0 && isfinite(weight)))
        return hf_raise(error, HF_ERR_INPUT, "weight: %g; expected a positive finite number", weight);
    if (!isfinite(events->total + weight))
        return hf_raise(error, HF_ERR_INPUT, "weight: %g makes the sum of weights infinite", weight);
    *share = weight / sum;
    if (!isnormal(*share))
        return hf_raise(error, HF_ERR_INPUT, "label: sums to %g under weight %g; expected nearer magnitudes",
                        sum, weight);
    return HF_OK;
}

hf_status hf_events_add(hf_error *error, hf_events *events, size_t count, const double *tokens,
                        const double *label, double weight) {
    double share = 0;
    HF_TRY(check(error, events, count, tokens, label, weight, &share));
    HF_TRY(reserve(error, events, count));

    size_t end = events->start[events->count];
    double *candidate = &events->tokens[end * events->width];
    for (size_t i = 0; i < count * events->width; i++)
        candidate[i] = tokens[i] + 0.0; /* -0 becomes 0, so that equal tokens have equal bits */

    size_t *slot = find(events, count, candidate);
    size_t event = *slot == 0 ? events->count : *slot - 1;
    double *label_sum = &events->label_sum[event * events->classes];
    if (event == events->count) {
        events->weight[event] = 0;
        memset(label_sum, 0, events->classes * sizeof *label_sum);
        events->start[event + 1] = end + count;
        events->count++;
        *slot = event + 1;
    }
    events->weight[event] += weight;
    events->total += weight;
    for (size_t c = 0; c < events->classes; c++) {
        label_sum[c] += share * label[c];
        events->label[event * events->classes + c] = label_sum[c] / events->weight[event];
    }
    return HF_OK;
}

size_t hf_events_count(const hf_events *events) {
    return events->count;
}
size_t hf_events_width(const hf_events *events) {
    return events->width;
}
size_t hf_events_classes(const hf_events *events) {
    return events->classes;
}
double hf_events_total(const hf_events *events) {
    return events->total;
}

size_t hf_events_tokens_total(const hf_events *events) {
    return events->count == 0 ? 0 : events->start[events->count];
}

size_t hf_events_length(const hf_events *events, size_t event) {
    assert(event < events->count);
    return events->start[event + 1] - events->start[event];
}

const double *hf_events_tokens(const hf_events *events, size_t event) {
    assert(event < events->count);
    return &events->tokens[events->start[event] * events->width];
}

double hf_events_weight(const hf_events *events, size_t event) {
    assert(event < events->count);
    return events->weight[event] / events->total;
}

const double *hf_events_label(const hf_events *events, size_t event) {
    assert(event < events->count);
    return &events->label[event * events->classes];
}
