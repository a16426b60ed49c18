/* What the solver needs of an action. */
#ifndef HF_PATHS_ACTION_H
#define HF_PATHS_ACTION_H

#include <headflow/paths.h>

const hf_paths_network *hf_paths_action_network(const hf_paths_action *action);
size_t hf_paths_action_examples(const hf_paths_action *action); /* P */

#endif
