/*
 * Files with several names: what is said of one name must hold whichever is used. For reading where
 * the broker opens, for writing where it makes names as well; elsewhere nothing here has an effect.
 */
#ifndef AE_LINKS_H
#define AE_LINKS_H

#include "../../common/plan.h"
#include "../judge/request.h"
#include "moves.h"

/* Whether forbidden places may have to be looked through: elsewhere only what all names of are
 * where the box may write may be written, and mounts hold the rest. */
bool links_needs_look(const struct plan *plan);
/* In the broker; `judge` is of the same plan. */
void links_start(const struct plan *plan, const struct judge *judge);
/*
 * What the other names of `target` have to say about reading or writing it, when its own name lets
 * it through: a forbid rule, or JUDGE_SEVERAL_NAMES where they are not all known. May wait for a
 * look at the forbidden places.
 */
struct verdict links_judge(const struct target *target, enum action action);

/*
 * Around every call of the broker that changes names, one at a time. What is not there is ignored.
 * Where forbidden names move, that waits for a look that is under way, which could miss them.
 */
void links_begin_removal(const struct entry *at);
void links_begin_move(const struct entry *from, const struct entry *to, enum moves_kind kind,
		      bool moves_forbidden);
void links_begin_link(void);
void links_end_change(bool is_done);
/* `target` has got one more name, which the box may write. */
void links_note_link(const struct target *target);

#endif
