/* What an ensemble is called in files: docs/formats.md, sections 5 and 7. */
#ifndef HF_STORE_ENSEMBLE_H
#define HF_STORE_ENSEMBLE_H

#include <headflow/sgd.h>

enum { HF_ENSEMBLE_NAME_MAX = 128 };

/* N256_step0.05_batch8: the step in as few digits as say which number it is; `unknown` for what is not known.
 */
void hf_ensemble_name(const hf_ensemble *ensemble, char name[HF_ENSEMBLE_NAME_MAX]);

#endif
