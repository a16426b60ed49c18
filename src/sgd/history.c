/* The logits of the limit between the times at which they are kept. docs/numerics.md (19). */
#include <headflow/sgd.h>

/* The last index whose time is not after t; 0 where there is none. */
static size_t find(const hf_history *history, double t) {
    size_t low = 0, high = history->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (history->time[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void hf_history_logits(const hf_history *history, double time, double *logits) {
    enum { POINTS = 4 };
    size_t n = history->count < POINTS ? history->count : POINTS, first = find(history, time);
    double last = history->time[history->count - 1], weight[POINTS];
    first = first > 0 ? first - 1 : 0;
    first = first + n > history->count ? history->count - n : first;
    time = time < history->time[0] ? history->time[0] : time > last ? last : time;
    for (size_t j = 0; j < n; j++) {
        weight[j] = 1;
        for (size_t k = 0; k < n; k++)
            if (k != j)
                weight[j] *=
                    (time - history->time[first + k]) / (history->time[first + j] - history->time[first + k]);
    }
    const double *z = history->logits + first * history->width;
    for (size_t i = 0; i < history->width; i++) {
        logits[i] = 0;
        for (size_t j = 0; j < n; j++)
            logits[i] += weight[j] * z[j * history->width + i];
    }
}
