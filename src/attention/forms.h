/* The attention forms, one a file; the table that names them is in forms.c. */
#ifndef HF_ATTENTION_FORMS_H
#define HF_ATTENTION_FORMS_H

#include <headflow/attention.h>

extern const hf_attention_form hf_form_affine;
extern const hf_attention_form hf_form_product;
extern const hf_attention_form hf_form_angle;

#endif
