/* Many members of many ensembles, on all threads. A member is a unit of work: it is run by one thread and
 * depends on nothing but its seed, so that neither threads nor order change what it is. */
#include <headflow/sgd.h>

#include <stdlib.h>

typedef struct job {
    size_t ensemble, seed;
    double cost;
} job;

static int dearest_first(const void *a, const void *b) {
    const job *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? 1 : -1;
    if (x->ensemble != y->ensemble)
        return x->ensemble < y->ensemble ? -1 : 1;
    return (x->seed > y->seed) - (x->seed < y->seed);
}

/* Evaluations of one head on one event. */
static double cost(const hf_problem *problem, const hf_ensemble *ensemble, double end) {
    double events = (double)hf_events_count(hf_problem_events(problem));
    if (ensemble->batch != HF_BATCH_FULL && (double)ensemble->batch < events)
        events = (double)ensemble->batch;
    return (double)ensemble->heads * events * end / ensemble->step;
}

typedef struct work {
    const hf_problem *problem;
    const hf_ensemble *ensemble;
    size_t times;
    const double *time;
    const hf_sgd_observer *observer;
    double total, done; /* cost */
    hf_error first;     /* the first failure: it ends the work */
} work;

static void finish(work *w, const job *j, hf_status status, const hf_error *error, const double *theta) {
#pragma omp critical(headflow_sgd)
    {
        hf_error own = {0};
        if (status == HF_OK && w->first.status == HF_OK)
            status = w->observer->put(&own, w->observer->self, j->ensemble, j->seed, theta);
        if (status != HF_OK && w->first.status == HF_OK) {
            w->first = error->status != HF_OK ? *error : own;
            w->first.status = status; /* also when nothing was said */
        }
        w->done += j->cost;
        if (w->observer->progress != NULL && w->first.status == HF_OK)
            w->observer->progress(w->observer->self, w->done / w->total);
    }
}

static void run_one(work *w, const job *j) {
    const hf_ensemble *ensemble = &w->ensemble[j->ensemble];
    size_t dim = hf_grid_dim(hf_problem_grid(w->problem));
    double *theta = NULL;
    hf_error error = {0};
    hf_status status = hf_array_create(&error, w->times * ensemble->heads * dim, &theta);
    if (status == HF_OK)
        status = hf_sgd_run(&error, w->problem, ensemble, j->seed, w->times, w->time, theta);
    finish(w, j, status, &error, theta);
    hf_array_destroy(&theta);
}

hf_status hf_sgd_run_all(hf_error *error, const hf_problem *problem, size_t ensembles,
                         const hf_ensemble ensemble[], size_t seeds, size_t times, const double time[],
                         const hf_sgd_observer *observer) {
    job *jobs;
    size_t count = 0;
    work w = {.problem = problem, .ensemble = ensemble, .times = times, .time = time, .observer = observer};
    HF_TRY(hf_allocate(error, ensembles * seeds, sizeof *jobs, &jobs));
    for (size_t g = 0; g < ensembles; g++)
        for (size_t s = 0; s < seeds; s++) {
            job j = {g, s, cost(problem, &ensemble[g], time[times - 1])};
            w.total += j.cost;
            if (observer->has(observer->self, g, s))
                w.done += j.cost;
            else
                jobs[count++] = j;
        }
    qsort(jobs, count, sizeof *jobs, dearest_first);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t k = 0; k < count; k++) {
        bool failed;
#pragma omp critical(headflow_sgd)
        failed = w.first.status != HF_OK;
        if (!failed)
            run_one(&w, &jobs[k]);
    }
    free(jobs);
    return w.first.status == HF_OK ? HF_OK : hf_raise(error, w.first.status, "%s", w.first.message);
}
