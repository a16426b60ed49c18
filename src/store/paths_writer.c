/* Writing paths.nc while a study runs. docs/paths.md, section 4. */
#include "store/dataset.h"
#include "store/provenance.h"

#include <headflow/store.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct hf_paths_writer {
    hf_dataset *dataset;
    const hf_paths_study *study;
    size_t heads, steps; /* steps: of pruning, with the first where all heads speak */
};

static const hf_variable variables[] = {
    {"width", {"network", "place"}, "1", "widths N_1 .. N_L, N_a; infinite for the Gaussian limit", 0, false},
    {"heads", {"layer"}, "1", "heads of the layer", 0, true},
    {"variance_prior",
     {"map"},
     "1",
     "prior variances of the first map, the layers and the readout",
     0,
     false},
    {"train_label", {"seed", "train"}, "1", "labels of the training examples", 0, false},
    {"test_label", {"seed", "test"}, "1", "labels of the test examples", 0, false},
    {"order_parameter_1", {"seed", "network", "path", "path_column"}, "1", "order parameter U_1", 0, false},
    {"readout_variance", {"seed", "network"}, "1", "order parameter u_a", 0, false},
    {"entropy", {"seed", "network"}, "1", "entropy of the action", 0, false},
    {"energy", {"seed", "network"}, "1", "energy of the action", 0, false},
    {"residual",
     {"seed", "network"},
     "1",
     "largest derivative of the action by relative changes of U, over the largest of widths and examples",
     0,
     false},
    {"evaluations", {"seed", "network"}, "1", "evaluations of the gradient; 0 for the limit", 0, true},
    {"start_spread",
     {"seed", "network"},
     "1",
     "relative difference of U between minima of the starts",
     0,
     false},
    {"kernel",
     {"seed", "network", "train", "train_column"},
     "1",
     "kernel of the training examples",
     0,
     false},
    {"eigenvalue", {"seed", "network", "train"}, "1", "eigenvalues of the kernel, largest first", 0, false},
    {"alignment", {"seed", "network", "train"}, "1", "eigenvectors against labels", 0, false},
    {"mean", {"seed", "network", "test"}, "1", "mean of the predictor", 0, false},
    {"variance", {"seed", "network", "test"}, "1", "variance of the predictor", 0, false},
    {"accuracy",
     {"seed", "network"},
     "1",
     "share of test examples whose sign is predicted; nan unless all labels are +-1",
     0,
     false},
    {"error", {"seed", "network"}, "1", "mean square of prediction less label", 0, false},
    {"score", {"seed", "network", "head"}, "1", "share of the order parameter that a head carries", 0, false},
    {"head_layer", {"head"}, "1", "layer of the head, from 1", 0, true},
    {"head_number", {"head"}, "1", "number of the head in its layer, from 1", 0, true},
};
static const hf_variable pruning_variables[] = {
    {"pruned_head", {"seed", "network", "silenced"}, "1", "head silenced last, from 0; -1: none", 0, true},
    {"pruned_accuracy", {"seed", "network", "silenced"}, "1", "accuracy with the heads silenced", 0, false},
};

/* ---- definitions ------------------------------------------------------------------------------------ */

/* U_l of a layer after the first. */
static hf_status define_block(hf_error *error, hf_dataset *dataset, const hf_paths_network *network,
                              size_t layer) {
    char name[64], row[64], column[64];
    snprintf(name, sizeof name, "order_parameter_%zu", layer + 1);
    snprintf(row, sizeof row, "path_%zu", layer + 1);
    snprintf(column, sizeof column, "path_%zu_column", layer + 1);
    HF_TRY(hf_dataset_dimension(error, dataset, row, hf_paths_rows(network, layer)));
    HF_TRY(hf_dataset_dimension(error, dataset, column, hf_paths_rows(network, layer)));
    const hf_variable variable = {name, {"seed", "network", row, column},
                                  "1",  "order parameter U_l: of paths from layer l on",
                                  0,    false};
    return hf_dataset_define(error, dataset, &variable);
}

static hf_status define(hf_error *error, const hf_paths_writer *w) {
    const hf_paths_study *study = w->study;
    const hf_paths_network *network = study->network;
    size_t train, test, M = hf_paths_rows(network, 0), L = network->layers;
    hf_paths_study_sizes(study, &train, &test);
    const struct {
        const char *name;
        size_t length;
    } dims[] = {{"seed", study->seeds},
                {"network", study->networks + 1},
                {"place", L + 1},
                {"layer", L},
                {"map", L + 2},
                {"train", train},
                {"train_column", train},
                {"test", test},
                {"path", M},
                {"path_column", M},
                {"head", w->heads},
                {"silenced", w->steps}};
    for (size_t k = 0; k < sizeof dims / sizeof *dims; k++)
        HF_TRY(hf_dataset_dimension(error, w->dataset, dims[k].name, dims[k].length));
    for (size_t k = 0; k < sizeof variables / sizeof *variables; k++)
        HF_TRY(hf_dataset_define(error, w->dataset, &variables[k]));
    for (size_t k = 0; study->prune && k < sizeof pruning_variables / sizeof *pruning_variables; k++)
        HF_TRY(hf_dataset_define(error, w->dataset, &pruning_variables[k]));
    for (size_t l = 1; l < L; l++)
        HF_TRY(define_block(error, w->dataset, network, l));
    return HF_OK;
}

/* What does not depend on seeds. */
static hf_status write_networks(hf_error *error, const hf_paths_writer *w) {
    const hf_paths_study *study = w->study;
    const hf_paths_network *network = study->network;
    double limit[HF_PATHS_LAYERS_MAX + 1];
    for (size_t l = 0; l <= network->layers; l++)
        limit[l] = INFINITY;
    for (size_t k = 0; k <= study->networks; k++)
        HF_TRY(hf_dataset_put(error, w->dataset, "width", k, 1,
                              k < study->networks ? study->network[k].widths : limit));
    HF_TRY(hf_dataset_put(error, w->dataset, "variance_prior", 0, network->layers + 2, network->variances));
    for (size_t l = 0, head = 0; l < network->layers; l++) {
        HF_TRY(hf_dataset_put(error, w->dataset, "heads", l, 1, &(double){(double)network->heads[l]}));
        for (size_t h = 0; h < network->heads[l]; h++, head++) {
            HF_TRY(hf_dataset_put(error, w->dataset, "head_layer", head, 1, &(double){(double)(l + 1)}));
            HF_TRY(hf_dataset_put(error, w->dataset, "head_number", head, 1, &(double){(double)(h + 1)}));
        }
    }
    HF_TRY(hf_dataset_set_number(error, w->dataset, "temperature", network->temperature));
    HF_TRY(hf_dataset_set_text(error, w->dataset, NULL, "readout", hf_paths_readout_names[study->readout]));
    HF_TRY(hf_dataset_set_integer(error, w->dataset, "minimisation_starts", (long)study->starts));
    return hf_dataset_set_number(error, w->dataset, "tolerance", HF_PATHS_TOLERANCE);
}

static hf_status begin(hf_error *error, const char *path, hf_paths_writer *w) {
    const hf_paths_study *study = w->study;
    HF_TRY(hf_dataset_create(error, path, &w->dataset));
    HF_TRY(hf_provenance_write(error, w->dataset, study->name, study->title, study->text, true));
    HF_TRY(hf_dataset_set_text(error, w->dataset, NULL, "model", "paths"));
    HF_TRY(define(error, w));
    return write_networks(error, w);
}

hf_status hf_paths_writer_create(hf_error *error, const char *path, const hf_paths_study *study,
                                 hf_paths_writer **out) {
    HF_TRY(hf_allocate(error, 1, sizeof **out, (void *)out));
    (*out)->study = study;
    (*out)->heads = hf_paths_heads(study->network);
    (*out)->steps = (*out)->heads - study->network->layers + 1;
    hf_status status = begin(error, path, *out);
    if (status != HF_OK)
        hf_paths_writer_destroy(out);
    return status;
}

/* ---- outcomes --------------------------------------------------------------------------------------- */

static hf_status write_pruning(hf_error *error, const hf_paths_writer *w, const hf_paths_outcome *o) {
    double *heads;
    HF_TRY(hf_array_create(error, 2 * w->steps, &heads));
    double *accuracy = heads + w->steps;
    for (size_t k = 0; k < w->steps; k++) {
        heads[k] = k == 0 || o->pruned == NULL ? -1 : (double)o->pruning[k - 1];
        accuracy[k] = o->pruned == NULL ? NAN : o->pruned[k];
    }
    hf_status status = hf_dataset_put_within(error, w->dataset, "pruned_head", o->seed, o->network, 1, heads);
    if (status == HF_OK)
        status =
            hf_dataset_put_within(error, w->dataset, "pruned_accuracy", o->seed, o->network, 1, accuracy);
    hf_array_destroy(&heads);
    return status;
}

static hf_status write_outcome(hf_error *error, void *self, const hf_paths_outcome *o) {
    const hf_paths_writer *w = self;
    const hf_paths_network *network = w->study->network;
    bool limit = o->network == w->study->networks;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"readout_variance", o->solution.value.readout},
                   {"entropy", limit ? NAN : o->solution.value.entropy},
                   {"energy", limit ? NAN : o->solution.value.energy},
                   {"residual", limit ? NAN : o->solution.residual},
                   {"evaluations", (double)o->solution.evaluations},
                   {"start_spread", limit ? NAN : o->solution.spread},
                   {"accuracy", o->accuracy},
                   {"error", o->error}};
    const struct {
        const char *name;
        const double *values;
    } arrays[] = {{"order_parameter_1", o->solution.order},
                  {"kernel", o->kernel},
                  {"eigenvalue", o->eigenvalues},
                  {"alignment", o->alignment},
                  {"mean", o->mean},
                  {"variance", o->variance},
                  {"score", o->scores}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        HF_TRY(hf_dataset_put_within(error, w->dataset, numbers[k].name, o->seed, o->network, 1,
                                     &numbers[k].value));
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        HF_TRY(hf_dataset_put_within(error, w->dataset, arrays[k].name, o->seed, o->network, 1,
                                     arrays[k].values));
    for (size_t l = 1; l < network->layers; l++) {
        char name[64];
        snprintf(name, sizeof name, "order_parameter_%zu", l + 1);
        HF_TRY(hf_dataset_put_within(error, w->dataset, name, o->seed, o->network, 1,
                                     o->solution.order + hf_paths_offset(network, l)));
    }
    if (o->network == 0) {
        HF_TRY(hf_dataset_put(error, w->dataset, "train_label", o->seed, 1, o->data->train_labels));
        HF_TRY(hf_dataset_put(error, w->dataset, "test_label", o->seed, 1, o->data->test_labels));
    }
    return w->study->prune ? write_pruning(error, w, o) : HF_OK;
}

hf_paths_observer hf_paths_writer_observer(hf_paths_writer *writer) {
    return (hf_paths_observer){writer, write_outcome};
}

hf_status hf_paths_writer_finish(hf_error *error, hf_paths_writer *writer) {
    return hf_dataset_finish(error, writer->dataset);
}

void hf_paths_writer_destroy(hf_paths_writer **writer) {
    if (writer == NULL || *writer == NULL)
        return;
    hf_dataset_destroy(&(*writer)->dataset);
    free(*writer);
    *writer = NULL;
}
