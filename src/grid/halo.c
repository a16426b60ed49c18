/* The halo exchange: a neighbourhood collective on the graph of parts that touch. Layers are packed into one
 * buffer and arrive in another, each side of an axis in a segment of its own; corners are not exchanged,
 * since no stencil of the transport has any. */
#include "grid/halo.h"

#include "base/ranks.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LOWER, UPPER, SIDES };
enum { EDGES_MAX = SIDES * HF_DIM_MAX };

/* One touching part. */
typedef struct edge {
    size_t axis;
    int side, rank;
    int offset, count; /* of its segment, in both buffers */
} edge;

struct hf_halo {
    const hf_grid *part;
    size_t width;
    int edges;
    edge edge[EDGES_MAX]; /* axis by axis, lower before upper */
    double *outgoing, *incoming;
#ifdef HEADFLOW_MPI
    MPI_Comm graph;
    MPI_Request request;
    int count[EDGES_MAX], sent_from[EDGES_MAX], received_at[EDGES_MAX];
#endif
};

/* ---- who touches -------------------------------------------------------------------------------------- */

/* The rank on a side along an axis; -1: none. */
static int neighbour(const hf_grid *part, size_t axis, int side) {
    size_t rank = hf_ranks_index(hf_grid_ranks(part)), apart = 1;
    for (size_t d = axis + 1; d < hf_grid_dim(part); d++)
        apart *= hf_grid_parts(part, d);
    size_t parts = hf_grid_parts(part, axis), place = rank / apart % parts;
    size_t beside = (place + (side == UPPER ? 1 : parts - 1)) % parts;
    bool wraps = side == UPPER ? beside < place : beside > place;
    if (parts == 1 || (wraps && !hf_grid_axis(part, axis)->periodic))
        return -1;
    return (int)(rank - place * apart + beside * apart);
}

static hf_status add_edges(hf_error *error, hf_halo *halo) {
    const hf_grid *part = halo->part;
    size_t offset = 0;
    for (size_t d = 0; d < hf_grid_dim(part); d++)
        for (int side = LOWER; side < SIDES; side++) {
            size_t count = hf_grid_cells(part) / hf_grid_axis(part, d)->cells * halo->width;
            int rank = neighbour(part, d, side);
            if (rank < 0)
                continue;
            if (hf_grid_whole_cells(part, d) / hf_grid_parts(part, d) < halo->width)
                return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells in %zu parts; expected %zu a part",
                                hf_grid_axis(part, d)->name, hf_grid_whole_cells(part, d),
                                hf_grid_parts(part, d), halo->width);
            if (offset + count > INT_MAX - 8)
                return hf_raise(error, HF_ERR_INPUT, "parts of %zu cells have halos beyond what MPI counts",
                                hf_grid_cells(part));
            halo->edge[halo->edges++] = (edge){d, side, rank, (int)offset, (int)count};
            offset += (count + 7) / 8 * 8; /* each segment aligned */
        }
    HF_TRY(hf_array_create(error, offset, &halo->outgoing));
    return hf_array_create(error, offset, &halo->incoming);
}

/* ---- the exchange ------------------------------------------------------------------------------------- */

/* The outermost layers of a part on one side. layers: shape (cells before, width, cells after) */
static void pack(const hf_halo *halo, const edge *e, const double *rho, double *layers) {
    const hf_grid *part = halo->part;
    size_t inner = hf_grid_stride(part, e->axis), line = hf_grid_axis(part, e->axis)->cells * inner;
    size_t run = halo->width * inner, start = e->side == LOWER ? 0 : line - run;
    for (size_t o = 0; o < hf_grid_cells(part) / line; o++)
        memcpy(layers + o * run, rho + o * line + start, run * sizeof *rho);
}

#ifdef HEADFLOW_MPI

/* Messages between two ranks are matched in order. What goes to the lower side arrives from the upper one:
 * sources therefore list upper before lower, which tells the two messages apart where a periodic axis has two
 * parts. */
static void connect(hf_halo *halo) {
    int to[EDGES_MAX], from[EDGES_MAX], next = 0;
    for (int k = 0; k < halo->edges; k++) {
        to[k] = halo->edge[k].rank;
        halo->sent_from[k] = halo->edge[k].offset;
        halo->count[k] = halo->edge[k].count;
    }
    for (size_t d = 0; d < hf_grid_dim(halo->part); d++)
        for (int side = UPPER; side >= LOWER; side--)
            for (int k = 0; k < halo->edges; k++)
                if (halo->edge[k].axis == d && halo->edge[k].side == side) {
                    from[next] = halo->edge[k].rank;
                    halo->received_at[next++] = halo->edge[k].offset;
                }
    /* both sides of an axis have the same count, so that the order of the counts is one for both lists */
    MPI_Dist_graph_create_adjacent(hf_ranks_communicator(hf_grid_ranks(halo->part)), halo->edges, from,
                                   halo->count, halo->edges, to, halo->count, MPI_INFO_NULL, 0, &halo->graph);
}

static void disconnect(hf_halo *halo) {
    if (halo->graph != MPI_COMM_NULL)
        MPI_Comm_free(&halo->graph);
}

static void exchange(hf_halo *halo) {
    MPI_Ineighbor_alltoallv(halo->outgoing, halo->count, halo->sent_from, MPI_DOUBLE, halo->incoming,
                            halo->count, halo->received_at, MPI_DOUBLE, halo->graph, &halo->request);
}

static void await(hf_halo *halo) {
    MPI_Wait(&halo->request, MPI_STATUS_IGNORE);
}

#else

/* A part without ranks is the whole grid, and has no edges. */
static void connect(hf_halo *halo) {
    (void)halo;
}
static void disconnect(hf_halo *halo) {
    (void)halo;
}
static void exchange(hf_halo *halo) {
    (void)halo;
}
static void await(hf_halo *halo) {
    (void)halo;
}

#endif

hf_status hf_halo_create(hf_error *error, const hf_grid *part, size_t width, hf_halo **out) {
    *out = NULL;
    const hf_ranks *ranks = hf_grid_ranks(part);
    hf_halo *halo;
    hf_status status = hf_allocate(error, 1, sizeof *halo, &halo);
    if (status == HF_OK) {
        halo->part = part;
        halo->width = width;
#ifdef HEADFLOW_MPI
        halo->graph = MPI_COMM_NULL;
#endif
        status = add_edges(error, halo);
    }
    status = hf_ranks_agree(error, ranks, status);
    if (status != HF_OK) {
        hf_halo_destroy(&halo);
        return status;
    }
    if (ranks != NULL)
        connect(halo);
    *out = halo;
    return HF_OK;
}

void hf_halo_destroy(hf_halo **halo) {
    if (halo == NULL || *halo == NULL)
        return;
    disconnect(*halo);
    hf_array_destroy(&(*halo)->outgoing);
    hf_array_destroy(&(*halo)->incoming);
    free(*halo);
    *halo = NULL;
}

void hf_halo_start(hf_halo *halo, const double *rho) {
    if (hf_grid_ranks(halo->part) == NULL)
        return;
    for (int k = 0; k < halo->edges; k++)
        pack(halo, &halo->edge[k], rho, halo->outgoing + halo->edge[k].offset);
    exchange(halo);
}

void hf_halo_finish(hf_halo *halo) {
    if (hf_grid_ranks(halo->part) != NULL)
        await(halo);
}

const double *hf_halo_layers(const hf_halo *halo, size_t axis, int side) {
    for (int k = 0; k < halo->edges; k++)
        if (halo->edge[k].axis == axis && halo->edge[k].side == side)
            return halo->incoming + halo->edge[k].offset;
    return NULL;
}
