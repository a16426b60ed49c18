/* The processes of an MPI run. */
#include "base/ranks.h"

#include <stdlib.h>

#ifdef HEADFLOW_MPI

/* Sums are cut to what an MPI count can say. */
enum { COUNT_MAX = 1 << 30 };

struct hf_ranks {
    MPI_Comm communicator;
    int count, index;
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
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &ranks->communicator);
    MPI_Comm_size(ranks->communicator, &ranks->count);
    MPI_Comm_rank(ranks->communicator, &ranks->index);
    *out = ranks;
    return HF_OK;
}

void hf_ranks_stop(hf_ranks **ranks) {
    if (ranks == NULL || *ranks == NULL)
        return;
    MPI_Comm_free(&(*ranks)->communicator);
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

void hf_ranks_send(const hf_ranks *ranks, size_t to, size_t count, const double *x) {
    for (size_t done = 0; done < count; done += COUNT_MAX)
        MPI_Send(x + done, part(count, done), MPI_DOUBLE, (int)to, 0, ranks->communicator);
}

void hf_ranks_receive(const hf_ranks *ranks, size_t from, size_t count, double *x) {
    for (size_t done = 0; done < count; done += COUNT_MAX)
        MPI_Recv(x + done, part(count, done), MPI_DOUBLE, (int)from, 0, ranks->communicator,
                 MPI_STATUS_IGNORE);
}

hf_status hf_ranks_agree(hf_error *error, const hf_ranks *ranks, hf_status status) {
    if (ranks == NULL)
        return status;
    int mine = status != HF_OK ? ranks->index : ranks->count, first;
    MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, ranks->communicator);
    if (first == ranks->count)
        return HF_OK;
    hf_error shared = {0};
    if (first == ranks->index) {
        if (error != NULL)
            shared = *error;
        shared.status = status;
    }
    MPI_Bcast(&shared, sizeof shared, MPI_BYTE, first, ranks->communicator);
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
void hf_ranks_sum(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_min(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_max(const hf_ranks *ranks, size_t count, double *x) {
    (void)ranks, (void)count, (void)x;
}
void hf_ranks_send(const hf_ranks *ranks, size_t to, size_t count, const double *x) {
    (void)ranks, (void)to, (void)count, (void)x;
}
void hf_ranks_receive(const hf_ranks *ranks, size_t from, size_t count, double *x) {
    (void)ranks, (void)from, (void)count, (void)x;
}
hf_status hf_ranks_agree(hf_error *error, const hf_ranks *ranks, hf_status status) {
    (void)error, (void)ranks;
    return status;
}

#endif
