/* LEMON's network simplex (Kiraly, Kovacs 2012) on a complete bipartite graph, in integers: exact, and
 * without the cycling that rounding can bring. */
#include "measure/lemon.h"

#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // addNode copies a node before it fills it
#endif
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <new>

namespace {

using Graph = lemon::SmartDigraph;
using Simplex = lemon::NetworkSimplex<Graph, int64_t, int64_t>;

struct Costs { // of arcs, by their number
    using Key = Graph::Arc;
    using Value = int64_t;
    const int64_t *cost;
    Value operator[](Key arc) const { return cost[Graph::id(arc)]; }
};

} // namespace

extern "C" hf_status hf_lemon_transport(hf_error *error, size_t na, const int64_t *supply, size_t nb,
                                        const int64_t *demand, const int64_t *cost, int64_t *flow,
                                        int64_t *potential) try {
    const int from = static_cast<int>(na), to = static_cast<int>(nb);
    Graph graph;
    graph.reserveNode(from + to);
    graph.reserveArc(from * to);
    for (int i = 0; i < from + to; i++)
        graph.addNode();
    Graph::NodeMap<int64_t> balance(graph);
    for (int i = 0; i < from + to; i++)
        balance[graph.nodeFromId(i)] = i < from ? supply[i] : -demand[i - from];
    for (int i = 0; i < from; i++)
        for (int j = 0; j < to; j++)
            graph.addArc(graph.nodeFromId(i), graph.nodeFromId(from + j));
    Simplex simplex(graph);
    if (simplex.costMap(Costs{cost}).supplyMap(balance).run() != Simplex::OPTIMAL)
        return hf_raise(error, HF_ERR_NUMERIC, "the network simplex found no optimum of %zu x %zu points", na,
                        nb);
    for (int i = 0; i < from + to; i++)
        potential[i] = simplex.potential(graph.nodeFromId(i));
    for (int k = 0; k < from * to; k++)
        flow[k] = simplex.flow(graph.arcFromId(k));
    return HF_OK;
} catch (const std::bad_alloc &) {
    return hf_raise(error, HF_ERR_MEMORY, "no room for a transport problem of %zu x %zu points", na, nb);
} catch (...) {
    return hf_raise(error, HF_ERR_NUMERIC, "the network simplex failed on %zu x %zu points", na, nb);
}
