/* Files of the kernel answer by who opens them, and nobody is asked about those. */
#ifndef AE_KERNEL_FILES_H
#define AE_KERNEL_FILES_H

#include <stdbool.h>

/* True as well for what cannot be looked at. */
bool kernel_files_has(int object);

#endif
