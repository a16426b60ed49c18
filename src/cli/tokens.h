/* What the verbs for tokens share. */
#ifndef HF_CLI_TOKENS_H
#define HF_CLI_TOKENS_H

#include "cli/cli.h"

#include <headflow/case.h>
#include <headflow/store.h>

/* The case that a call names. Clear it whatever the status. */
hf_status cli_read_tokens(hf_error *error, const cli_call *call, hf_case_tokens *out);

/* "softmax attention, ascent". text: shape (size) */
void cli_describe_tokens(const hf_tokens_input *input, size_t size, char *text);

#endif
