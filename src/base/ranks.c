/* The processes of an MPI run. */
#include "base/ranks.h"

#include <stdlib.h>

#ifdef HEADFLOW_MPI

#include <stdio.h>
#include <time.h>

/* Sums are cut to what an MPI count can say. */
enum { COUNT_MAX = 1 << 30 };

/* How long a rank that failed waits for the others to agree [s]; later ranks longer, so that one speaks. */
static const double patience = 2, patience_step = 0.1;
enum { PATIENCE_STEPS = 20 };

/* How long a rank waits for the others before it leaves them its core [s]. */
static const double spin = 1e-3;

struct hf_ranks {
    MPI_Comm communicator;
    MPI_Comm agreement; /* of its own: it is never taken for a message of the work that others are still at */
    int count, index, here;
};

MPI_Comm hf_ranks_communicator(const hf_ranks *ranks) {
    return ranks->communicator;
}

/* What launchers tell the processes that they start: without one, MPI would be set up for nothing, which
 * takes a third of a second. */
static bool launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) != NULL)
            return true;
    return false;
}

hf_status hf_ranks_start(hf_error *error, hf_ranks **out) {
    *out = NULL;
    if (!launched())
        return HF_OK;
    hf_ranks *ranks;
    HF_TRY(hf_allocate(error, 1, sizeof *ranks, &ranks));
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &ranks->communicator);
    MPI_Comm_dup(MPI_COMM_WORLD, &ranks->agreement);
    MPI_Comm_size(ranks->communicator, &ranks->count);
    MPI_Comm_rank(ranks->communicator, &ranks->index);
    MPI_Comm machine;
    MPI_Comm_split_type(ranks->communicator, MPI_COMM_TYPE_SHARED, ranks->index, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &ranks->here);
    MPI_Comm_free(&machine);
    *out = ranks;
    if (provided < MPI_THREAD_SERIALIZED)
        return hf_raise(error, HF_ERR_INPUT, "this MPI serves no threads; expected MPI_THREAD_SERIALIZED");
    return HF_OK;
}

void hf_ranks_stop(hf_ranks **ranks) {
    if (ranks == NULL || *ranks == NULL)
        return;
    MPI_Comm_free(&(*ranks)->communicator);
    MPI_Comm_free(&(*ranks)->agreement);
    MPI_Finalize();
    free(*ranks);
    *ranks = NULL;
}

void hf_ranks_abort(const hf_ranks *ranks, int exit_code) {
    if (ranks != NULL)
        MPI_Abort(ranks->communicator, exit_code);
    exit(exit_code);
}

size_t hf_ranks_count(const hf_ranks *ranks) {
    return ranks != NULL ? (size_t)ranks->count : 1;
}

size_t hf_ranks_index(const hf_ranks *ranks) {
    return ranks != NULL ? (size_t)ranks->index : 0;
}

size_t hf_ranks_here(const hf_ranks *ranks) {
    return ranks != NULL ? (size_t)ranks->here : 1;
}

static int part(size_t count, size_t done) {
    return (int)(count - done < COUNT_MAX ? count - done : COUNT_MAX);
}

static void reduce(const hf_ranks *ranks, MPI_Op operation, size_t count, double *x) {
    for (size_t done = 0; ranks != NULL && done < count; done += COUNT_MAX)
        MPI_Allreduce(MPI_IN_PLACE, x + done, part(count, done), MPI_DOUBLE, operation, ranks->communicator);
}

void hf_ranks_sum(const hf_ranks *ranks, size_t count, double *x) {
    reduce(ranks, MPI_SUM, count, x);
}
void hf_ranks_min(const hf_ranks *ranks, size_t count, double *x) {
    reduce(ranks, MPI_MIN, count, x);
}
void hf_ranks_max(const hf_ranks *ranks, size_t count, double *x) {
    reduce(ranks, MPI_MAX, count, x);
}

void hf_ranks_broadcast(const hf_ranks *ranks, size_t count, double *x) {
    for (size_t done = 0; ranks != NULL && done < count; done += COUNT_MAX)
        MPI_Bcast(x + done, part(count, done), MPI_DOUBLE, 0, ranks->communicator);
}

void hf_ranks_send(const hf_ranks *ranks, size_t to, size_t count, const double *x) {
    for (size_t done = 0; done < count; done += COUNT_MAX)
        MPI_Send(x + done, part(count, done), MPI_DOUBLE, (int)to, 0, ranks->communicator);
}

void hf_ranks_receive(const hf_ranks *ranks, size_t from, size_t count, double *x) {
    for (size_t done = 0; done < count; done += COUNT_MAX)
        MPI_Recv(x + done, part(count, done), MPI_DOUBLE, (int)from, 0, ranks->communicator,
                 MPI_STATUS_IGNORE);
}

bool hf_ranks_probe(const hf_ranks *ranks, size_t *from) {
    if (ranks == NULL)
        return false;
    int there;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, ranks->communicator, &there, &status);
    if (there)
        *from = (size_t)status.MPI_SOURCE;
    return there;
}

/* Say why, once, and take all ranks along. */
static void give_up(const hf_ranks *ranks, const hf_error *error, hf_status status) {
    bool said = error != NULL && error->message[0] != '\0';
    fprintf(stderr, "headflow: %s\n", said ? error->message : hf_status_text(status));
    hf_ranks_abort(ranks, hf_status_exit_code(status));
}

/* Wait for the ranks that are to agree. They may never come when one has failed: what they wait for may be
 * what that one no longer sends. */
static void await(const hf_ranks *ranks, MPI_Request *request, const hf_error *error, hf_status status) {
    static const struct timespec pause = {.tv_nsec = 100000};
    int place = ranks->index < PATIENCE_STEPS ? ranks->index : PATIENCE_STEPS, done = 0;
    double started = hf_seconds(), longest = patience + patience_step * place;
    for (MPI_Test(request, &done, MPI_STATUS_IGNORE); !done; MPI_Test(request, &done, MPI_STATUS_IGNORE)) {
        double waited = hf_seconds() - started;
        if (status != HF_OK && waited > longest)
            give_up(ranks, error, status);
        if (waited > spin)
            nanosleep(&pause, NULL);
    }
}

hf_status hf_ranks_agree(hf_error *error, const hf_ranks *ranks, hf_status status) {
    if (ranks == NULL)
        return status;
    int mine = status != HF_OK ? ranks->index : ranks->count, first;
    MPI_Request request;
    MPI_Iallreduce(&mine, &first, 1, MPI_INT, MPI_MIN, ranks->agreement, &request);
    await(ranks, &request, error, status);
    if (first == ranks->count)
        return HF_OK;
    hf_error shared = {0};
    if (first == ranks->index) {
        if (error != NULL)
            shared = *error;
        shared.status = status;
    }
    MPI_Bcast(&shared, sizeof shared, MPI_BYTE, first, ranks->agreement);
    if (error != NULL)
        *error = shared;
    return shared.status;
}

#else

hf_status hf_ranks_start(hf_error *error, hf_ranks **out) {
    *out = NULL;
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (size == NULL)
        size = getenv("PMI_SIZE");
    if (size != NULL && strtol(size, NULL, 10) > 1)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s processes were started, but headflow was built without MPI (meson -Dmpi=enabled)",
                        size);
    return HF_OK;
}
void hf_ranks_stop(hf_ranks **ranks) {
    (void)ranks;
}
void hf_ranks_abort(const hf_ranks *ranks, int exit_code) {
    (void)ranks;
    exit(exit_code);
}
size_t hf_ranks_count(const hf_ranks *ranks) {
    (void)ranks;
    return 1;
}
size_t hf_ranks_index(const hf_ranks *ranks) {
    (void)ranks;
    return 0;
}
size_t hf_ranks_here(const hf_ranks *ranks) {
    (void)ranks;
    return 1;
}
void hf_ranks_sum(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_min(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_max(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_broadcast(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_send(const hf_ranks *ranks, size_t to, size_t count, const double *x) {
    (void)ranks, (void)to, (void)count, (void)x;
}
void hf_ranks_receive(const hf_ranks *ranks, size_t from, size_t count, double *x) {
    (void)ranks, (void)from, (void)count, (void)x;
}
bool hf_ranks_probe(const hf_ranks *ranks, size_t *from) {
    (void)ranks, (void)from;
    return false;
}
hf_status hf_ranks_agree(hf_error *error, const hf_ranks *ranks, hf_status status) {
    (void)error, (void)ranks;
    return status;
}

#endif
