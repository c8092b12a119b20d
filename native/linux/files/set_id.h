/*
 * A file by which whoever runs it gets the rights of its owner or group. The box gains nothing by
 * one, but anybody who finds it outside does: nobody in a box makes a file one.
 */
#ifndef AE_SET_ID_H
#define AE_SET_ID_H

#include "../judge/request.h"

/* True when a new file is to be made one. */
bool set_id_is_made(const struct request *request, mode_t mode);
/* True for a call that makes an existing object one; of a folder the bits mean something else. */
bool set_id_is_given(const struct request *request);
/* Refuses it for `request->first`. The answer to give. */
int set_id_refuse(struct request *request);

#endif
