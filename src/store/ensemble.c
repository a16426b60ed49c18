/* What an ensemble is called in files. */
#include "store/ensemble.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void hf_ensemble_name(const hf_ensemble *ensemble, char name[HF_ENSEMBLE_NAME_MAX]) {
    char step[32] = "unknown", batch[32] = "unknown";
    for (int digits = 1; digits <= 17 && !isnan(ensemble->step); digits++) {
        snprintf(step, sizeof step, "%.*g", digits, ensemble->step);
        if (strtod(step, NULL) == ensemble->step)
            break;
    }
    if (ensemble->batch == HF_BATCH_FULL)
        snprintf(batch, sizeof batch, "full");
    else if (ensemble->batch != HF_BATCH_UNKNOWN)
        snprintf(batch, sizeof batch, "%zu", ensemble->batch);
    snprintf(name, HF_ENSEMBLE_NAME_MAX, "N%zu_step%s_batch%s", ensemble->heads, step, batch);
}
