/* What the lender cannot do, whatever it is told. */
#ifndef AE_LEND_CONFINE_H
#define AE_LEND_CONFINE_H

/* For good. 0 or -errno. */
int lend_confine(void);

#endif
