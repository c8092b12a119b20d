/* Judges what a rename or a link would carry to another name. */
#ifndef AE_MOVES_H
#define AE_MOVES_H

#include "../judge/request.h"

enum moves_kind { MOVES_LINK, MOVES_RENAME, MOVES_EXCHANGE };

/*
 * Both names were allowed by themselves, or are to be asked about. ANSWER_CONTINUE, EACCES with the
 * row noted, or EXDEV when a directory is too large to be looked through: programs then copy, and
 * every copy is judged.
 */
int moves_judge(struct request *request, enum moves_kind kind);

#endif
