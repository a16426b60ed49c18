/* The communicator behind hf_ranks, for the other file that speaks MPI: the halo exchange. */
#ifndef HF_BASE_RANKS_H
#define HF_BASE_RANKS_H

#include <headflow/ranks.h>

#ifdef HEADFLOW_MPI
#include <mpi.h>

/* Of ranks that are not NULL. */
MPI_Comm hf_ranks_communicator(const hf_ranks *ranks);
#endif

#endif
