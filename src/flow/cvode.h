/* What the two users of CVODE, integrate.c and adams.c, share. */
#ifndef HF_FLOW_CVODE_H
#define HF_FLOW_CVODE_H

/* An error handler for CVODE: its messages go nowhere, its return codes become ours. */
static inline void hf_cvode_discard(int code, const char *module, const char *function, char *message,
                                    void *user) {
    (void)code, (void)module, (void)function, (void)message, (void)user;
}

#endif
