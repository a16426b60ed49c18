/* Many members of many ensembles, on all threads and ranks. A member is a unit of work: it is trained by one
 * thread and depends on nothing but its seed, so that neither threads nor ranks nor order change what it is.
 */
#include "sgd/ensembles.h"

#include <omp.h>
#include <stdlib.h>

/* ---- the queue -------------------------------------------------------------------------------------- */

static int dearest_first(const void *a, const void *b) {
    const hf_job *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? 1 : -1;
    return (x->member > y->member) - (x->member < y->member);
}

/* Evaluations of one head on one event. */
static double cost(const hf_problem *problem, const hf_ensemble *ensemble, double end) {
    double events = (double)hf_events_count(hf_problem_events(problem));
    if (ensemble->batch != HF_BATCH_FULL && (double)ensemble->batch < events)
        events = (double)ensemble->batch;
    return (double)ensemble->heads * events * end / ensemble->step;
}

static hf_status list_jobs(hf_error *error, hf_members *m) {
    const hf_sgd_observer *observer = m->observer;
    HF_TRY(hf_allocate(error, m->ensembles * m->seeds, sizeof *m->jobs, &m->jobs));
    for (size_t k = 0; k < m->ensembles * m->seeds; k++) {
        size_t g = k / m->seeds;
        hf_job job = {k, cost(m->problem, &m->ensemble[g], m->time[m->times - 1])};
        m->total += job.cost;
        if (observer->has(observer->self, g, k % m->seeds))
            m->done += job.cost;
        else
            m->jobs[m->count++] = job;
    }
    qsort(m->jobs, m->count, sizeof *m->jobs, dearest_first);
    return HF_OK;
}

static bool failed(const hf_members *members) {
    return members->first.status != HF_OK || members->failed_outside;
}

bool hf_members_take(hf_members *members, size_t *member) {
    bool taken;
#pragma omp critical(headflow_members)
    {
        taken = !failed(members) && members->next < members->count;
        if (taken)
            *member = members->jobs[members->next++].member;
    }
    return taken;
}

void hf_members_finish(hf_members *m, size_t member, hf_status status, const hf_error *error,
                       const double *theta) {
    const hf_sgd_observer *observer = m->observer;
    size_t g = member / m->seeds;
#pragma omp critical(headflow_members)
    {
        hf_error own = {0};
        if (status == HF_OK && !failed(m))
            status = observer->put(&own, observer->self, g, member % m->seeds, theta);
        if (status != HF_OK && !failed(m)) {
            m->first = error != NULL && error->status != HF_OK ? *error : own;
            m->first.status = status; /* also when nothing was said */
        }
        m->done += cost(m->problem, &m->ensemble[g], m->time[m->times - 1]);
        if (observer->progress != NULL && !failed(m))
            observer->progress(observer->self, m->done / m->total);
    }
}

void hf_members_stop(hf_members *members) {
#pragma omp critical(headflow_members)
    members->failed_outside = true;
}

/* ---- members ---------------------------------------------------------------------------------------- */

size_t hf_members_size(const hf_members *members, size_t member) {
    return members->times * members->ensemble[member / members->seeds].heads *
           hf_grid_dim(hf_problem_grid(members->problem));
}

hf_status hf_members_train(hf_error *error, const hf_members *m, size_t member, double **theta) {
    HF_TRY(hf_array_create(error, hf_members_size(m, member), theta));
    hf_status status = hf_sgd_run(error, m->problem, &m->ensemble[member / m->seeds], member % m->seeds,
                                  m->times, m->time, *theta);
    if (status != HF_OK)
        hf_array_destroy(theta);
    return status;
}

static void train_all(hf_members *members) {
    size_t member;
    while (hf_members_take(members, &member)) {
        double *theta;
        hf_error error = {0};
        hf_status status = hf_members_train(&error, members, member, &theta);
        hf_members_finish(members, member, status, &error, theta);
        hf_array_destroy(&theta);
    }
}

/* ---- all of them ------------------------------------------------------------------------------------ */

static bool is_first(const hf_members *members) {
    return hf_ranks_index(hf_problem_ranks(members->problem)) == 0;
}

static bool has_others(const hf_members *members) {
    return hf_ranks_count(hf_problem_ranks(members->problem)) > 1;
}

static hf_status prepare(hf_error *error, hf_members *members) {
    size_t largest = 0;
    if (!is_first(members))
        return HF_OK;
    for (size_t g = 0; g < members->ensembles; g++) {
        size_t size = hf_members_size(members, g * members->seeds);
        largest = size > largest ? size : largest;
    }
    if (has_others(members))
        HF_TRY(hf_array_create(error, largest, &members->arriving));
    return list_jobs(error, members);
}

/* On the first rank: a thread more serves the others, and helps when they have left. */
static hf_status manage(hf_error *error, hf_members *members) {
    bool serve = has_others(members);
#pragma omp parallel num_threads(omp_get_max_threads() + serve)
    {
        if (serve && omp_get_thread_num() == 0) /* MPI knows this thread */
            hf_members_serve(members);
        train_all(members);
    }
    const hf_error *first = &members->first;
    return first->status == HF_OK ? HF_OK : hf_raise(error, first->status, "%s", first->message);
}

hf_status hf_sgd_run_all(hf_error *error, const hf_problem *problem, size_t ensembles,
                         const hf_ensemble ensemble[], size_t seeds, size_t times, const double time[],
                         const hf_sgd_observer *observer) {
    hf_members m = {.problem = problem,
                    .ensemble = ensemble,
                    .ensembles = ensembles,
                    .seeds = seeds,
                    .times = times,
                    .time = time,
                    .observer = observer};
    const hf_ranks *ranks = hf_problem_ranks(problem);
    hf_status status = hf_ranks_agree(error, ranks, prepare(error, &m));
    if (status == HF_OK) {
        status = is_first(&m) ? manage(error, &m) : hf_members_work(error, &m);
        status = hf_ranks_agree(error, ranks, status);
    }
    hf_array_destroy(&m.arriving);
    free(m.jobs);
    return status;
}
