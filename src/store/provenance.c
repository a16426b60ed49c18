/* What every file of headflow says of itself: docs/formats.md, section 3. */
#include "store/provenance.h"

#include "store/build.h"
#include "store/commit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "2026-01-31T12:00:00Z: written by headflow 0.1.0" */
static void history(bool dated, size_t size, char *text) {
    char stamp[32];
    if (!dated) {
        snprintf(text, size, "written by headflow %s", hf_version());
        return;
    }
    time_t now = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(text, size, "%s: written by headflow %s", stamp, hf_version());
}

hf_status hf_provenance_write(hf_error *error, hf_dataset *dataset, const char *name, const char *title,
                              const char *case_text, bool dated) {
    char line[256];
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "Conventions", "CF-1.10"));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "name", name));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "title", title));
    if (case_text != NULL)
        HF_TRY(hf_dataset_set_text(error, dataset, NULL, "case", case_text));
    snprintf(line, sizeof line, "headflow %s", hf_version());
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "source", line));
    history(dated, sizeof line, line);
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "history", line));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "commit", HEADFLOW_COMMIT));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "build", HEADFLOW_BUILD));
    return hf_dataset_set_text(error, dataset, NULL, "libraries", HEADFLOW_LIBRARIES);
}
