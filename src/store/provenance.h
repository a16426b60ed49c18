/* What every file of headflow says of itself. */
#ifndef HF_STORE_PROVENANCE_H
#define HF_STORE_PROVENANCE_H

#include "store/dataset.h"

/* Global attributes: Conventions, name, title, case (NULL: none), source, history, libraries. The history
 * names neither the machine nor the user. */
hf_status hf_provenance_write(hf_error *error, hf_dataset *dataset, const char *name, const char *title,
                              const char *case_text);

#endif
