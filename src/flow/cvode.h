/* What all users of CVODE and ARKODE share. */
#ifndef HF_FLOW_CVODE_H
#define HF_FLOW_CVODE_H

/* An error handler for CVODE: its messages go nowhere, its return codes become ours. */
static inline void hf_cvode_discard(int code, const char *module, const char *function, char *message,
                                    void *user) {
    (void)code, (void)module, (void)function, (void)message, (void)user;
}

/* What a failure of CVODE or ARKODE means, in words. */
const char *hf_sundials_words(int flag);

#endif
