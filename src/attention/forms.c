/* The table of attention forms. */
#include "attention/forms.h"

#include <string.h>

static const hf_attention_form *const forms[] = {&hf_form_affine, &hf_form_product, &hf_form_angle};

const hf_attention_form *const *hf_attention_forms(size_t *count) {
    *count = sizeof forms / sizeof forms[0];
    return forms;
}

const hf_attention_form *hf_attention_form_find(const char *name) {
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    return NULL;
}
