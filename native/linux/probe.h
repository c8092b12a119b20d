/* Tries each kernel feature for real and prints one `name value` line each. */
#ifndef AE_PROBE_H
#define AE_PROBE_H

/* Exit status: 0 unless the answers could not be written. */
int probe_run(void);

#endif
