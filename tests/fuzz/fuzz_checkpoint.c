/* Checkpoints: the journal with some bytes changed or cut off, the checkpoint edited. Whoever goes on from
 * them is told what is wrong, or takes one step. */
#include "fuzz_edits.h"

#include <headflow/case.h>
#include <headflow/store.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20, CHANGES_MAX = 4, EDITS_MAX = 4 };

typedef struct file {
    char path[PATH_MAX];
    uint8_t *data;
    size_t size;
} file;

static file journal, checkpoint;
static char path[PATH_MAX];
static hf_problem *problem;
static char *text;

static void load(const char *suffix, file *f) {
    snprintf(f->path, sizeof f->path, "%.*s%s", PATH_MAX - 16, path, suffix);
    FILE *stream = fopen(f->path, "rb");
    if (stream == NULL)
        fuzz_fail("%s: cannot be read", f->path);
    f->data = malloc(BYTES_MAX);
    f->size = fread(f->data, 1, BYTES_MAX, stream);
    fclose(stream);
}

static void store(const file *f) {
    FILE *stream = fopen(f->path, "wb");
    if (stream == NULL || fwrite(f->data, 1, f->size, stream) != f->size || fclose(stream) != 0)
        fuzz_fail("%s: cannot be written", f->path);
}

static hf_status keep(hf_error *error, void *self, const hf_checkpoint *here, bool *restart) {
    (void)restart;
    HF_TRY(hf_recorder_keep(error, self, here));
    return hf_raise(error, HF_ERR_INTERRUPTED, "one checkpoint is enough");
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count, (void)arguments;
    static const char *const small[] = {"grid.cells=[6,5]", "time.outputs=40"};
    const char *folder = getenv("TMPDIR"), *cases = getenv("HEADFLOW_CASES");
    hf_error error = {0};
    hf_recorder *recorder;
    hf_flow *flow;
    char name[PATH_MAX];
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    snprintf(path, sizeof path, "%s/fuzz-checkpoint.nc", folder != NULL ? folder : "/tmp");
    snprintf(name, sizeof name, "%s/retrieval.yaml", cases != NULL ? cases : "cases");
    if (hf_case_read(&error, name, 2, small, &problem, &text) != HF_OK ||
        hf_recorder_create(&error, path, problem, text, false, &recorder) != HF_OK ||
        hf_flow_create(&error, problem, &flow) != HF_OK)
        fuzz_fail("%s", error.message);
    const hf_observer keeper = {.self = recorder, .checkpoint = keep};
    hf_observer observer = hf_recorder_observer(recorder, &keeper);
    if (hf_flow_integrate(&error, flow, &observer, NULL, NULL) != HF_ERR_INTERRUPTED)
        fuzz_fail("%s", error.message);
    hf_flow_destroy(&flow);
    hf_recorder_destroy(&recorder);
    load(".journal", &journal);
    load(".checkpoint", &checkpoint);
    return 0;
}

/* ---- going on --------------------------------------------------------------------------------------- */

static hf_status output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)self;
    if (!isfinite(record->risk) || !isfinite(rho[0]))
        fuzz_fail("t = %g: the risk %g or the density is not finite", record->time, record->risk);
    return HF_OK;
}

static hf_status logits(hf_error *error, void *self, double time, const double *z) {
    (void)error, (void)self;
    if (!isfinite(time) || !isfinite(z[0]))
        fuzz_fail("logits: not finite");
    return HF_OK;
}

static hf_status step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    (void)self, (void)time, (void)statistics;
    return hf_raise(error, HF_ERR_IO, "one step is enough");
}

static void go_on(hf_recorder *recorder) {
    hf_error error = {0};
    hf_flow *flow;
    const hf_observer to = {.output = output, .logits = logits, .step = step};
    hf_observer observer = hf_recorder_observer(recorder, &to);
    const hf_checkpoint *from = hf_recorder_checkpoint(recorder);
    hf_status status = hf_recorder_replay(&error, recorder);
    if (status == HF_OK && (from == NULL || from->rho != NULL))
        status = hf_flow_create(&error, problem, &flow);
    else
        flow = NULL;
    if (flow != NULL)
        status = hf_flow_resume(&error, flow, from, &observer, NULL, NULL);
    fuzz_check_error(&error, status);
    hf_flow_destroy(&flow);
}

static void change_bytes(fuzz_bytes *bytes) {
    file f = journal;
    size_t changes = fuzz_choice(bytes, CHANGES_MAX + 1);
    f.data = malloc(f.size);
    memcpy(f.data, journal.data, f.size);
    while (changes-- > 0) {
        size_t place = 256 * (size_t)fuzz_byte(bytes) + fuzz_byte(bytes);
        f.data[place % f.size] = fuzz_byte(bytes);
    }
    if (fuzz_choice(bytes, 4) == 1)
        f.size = (256 * (size_t)fuzz_byte(bytes) + fuzz_byte(bytes)) % f.size;
    store(&f);
    free(f.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    hf_error error = {0};
    hf_recorder *recorder;
    store(&checkpoint);
    change_bytes(&bytes);
    size_t edits = fuzz_choice(&bytes, EDITS_MAX + 1);
    if (edits > 0 && !fuzz_edit(checkpoint.path, edits, &bytes))
        return 0;
    hf_status status = hf_recorder_create(&error, path, problem, text, true, &recorder);
    fuzz_check_error(&error, status);
    if (status == HF_OK)
        go_on(recorder);
    hf_recorder_destroy(&recorder);
    return 0;
}
