/* What every file of headflow says of itself. */
#ifndef HF_STORE_PROVENANCE_H
#define HF_STORE_PROVENANCE_H

#include "store/dataset.h"

/* Global attributes: Conventions, name, title, case (NULL: none), source, commit, history (with the date
 * where `dated`), build, libraries. None of them names the machine or the user. */
hf_status hf_provenance_write(hf_error *error, hf_dataset *dataset, const char *name, const char *title,
                              const char *case_text, bool dated);

#endif
