/* Residuals from differences of logits to those of the last class, theory (7), in blocks of events: softmax
 * sees differences only, and residuals add up to zero, so that the last class need not be carried along. */
#include <headflow/risk.h>

#include "base/simd.h"
#include "base/team.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = HF_EVENT_BLOCK, BLOCKS_MIN = 4 }; /* as in the table, whose threads have the same events */

struct hf_risk {
    size_t blocks, others; /* classes but the last */
    double *weight;        /* w_e: shape (blocks, BLOCK), zero behind the last event */
    double *label;         /* w_e y_e: shape (blocks, others, BLOCK) */
};

hf_status hf_risk_create(hf_error *error, const hf_events *events, hf_risk **out) {
    *out = NULL;
    hf_risk *risk;
    HF_TRY(hf_allocate(error, 1, sizeof *risk, &risk));
    size_t count = hf_events_count(events);
    risk->blocks = (count + BLOCK - 1) / BLOCK;
    risk->others = hf_events_classes(events) - 1;
    hf_status status = hf_array_create(error, risk->blocks * BLOCK, &risk->weight);
    if (status == HF_OK)
        status = hf_array_create(error, risk->blocks * risk->others * BLOCK, &risk->label);
    if (status != HF_OK) {
        hf_risk_destroy(&risk);
        return status;
    }
    for (size_t e = 0; e < count; e++) {
        risk->weight[e] = hf_events_weight(events, e);
        for (size_t c = 0; c < risk->others; c++)
            risk->label[(e / BLOCK * risk->others + c) * BLOCK + e % BLOCK] =
                risk->weight[e] * hf_events_label(events, e)[c];
    }
    *out = risk;
    return HF_OK;
}

void hf_risk_destroy(hf_risk **risk) {
    if (risk == NULL || *risk == NULL)
        return;
    hf_array_destroy(&(*risk)->weight);
    hf_array_destroy(&(*risk)->label);
    free(*risk);
    *risk = NULL;
}

/* A block of events, relative to the largest logit: no overflow. z, r: shape (others, BLOCK), may be one */
HF_CLONES static void block_residual(size_t others, const double *restrict weight,
                                     const double *restrict label, const double *z, double *r) {
    double top[BLOCK] = {0}, total[BLOCK];
    for (size_t c = 0; c < others; c++)
        for (size_t i = 0; i < BLOCK; i++)
            top[i] = z[c * BLOCK + i] > top[i] ? z[c * BLOCK + i] : top[i];
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++)
        total[i] = exp(-top[i]);
    for (size_t c = 0; c < others; c++) {
        double share[BLOCK];
#pragma omp simd
        for (size_t i = 0; i < BLOCK; i++)
            share[i] = exp(z[c * BLOCK + i] - top[i]);
        for (size_t i = 0; i < BLOCK; i++) {
            total[i] += share[i];
            r[c * BLOCK + i] = share[i];
        }
    }
    for (size_t i = 0; i < BLOCK; i++)
        total[i] = weight[i] / total[i];
    for (size_t c = 0; c < others; c++)
        for (size_t i = 0; i < BLOCK; i++)
            r[c * BLOCK + i] = r[c * BLOCK + i] * total[i] - label[c * BLOCK + i];
}

/* The same of two classes, with one exponential in place of two: the other is exp(0). */
HF_CLONES static void block_residual_of_two(const double *restrict weight, const double *restrict label,
                                            const double *z, double *r) {
    double less[BLOCK]; /* share of the class of the smaller logit, the other's being 1 */
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++)
        less[i] = exp(-fabs(z[i]));
    for (size_t i = 0; i < BLOCK; i++)
        r[i] = (z[i] > 0 ? 1 : less[i]) * (weight[i] / (1 + less[i])) - label[i];
}

void hf_risk_differences_team(const hf_risk *risk, const double *differences, double *residual) {
    size_t chunks = hf_chunks(risk->blocks, BLOCKS_MIN), first, last;
    hf_team_chunks(chunks, &first, &last);
    for (size_t b = hf_chunk_first(risk->blocks, chunks, first);
         b < hf_chunk_first(risk->blocks, chunks, last); b++) {
        size_t at = b * risk->others * BLOCK;
        if (risk->others == 1)
            block_residual_of_two(risk->weight + b * BLOCK, risk->label + at, differences + at,
                                  residual + at);
        else
            block_residual(risk->others, risk->weight + b * BLOCK, risk->label + at, differences + at,
                           residual + at);
    }
}
