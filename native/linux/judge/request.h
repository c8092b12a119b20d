/*
 * One notified call on its way to an answer. A worker owns one request and uses it again and again;
 * the paths in the frames point into it.
 */
#ifndef AE_REQUEST_H
#define AE_REQUEST_H

#include "../../common/sha256.h"
#include "../uapi.h"
#include "caller.h"
#include "calls.h"
#include "frames.h"
#include "judge.h"
#include "resolve.h"

/* An exchange of names: two actions on each. What denies a call has no room of its own. */
enum { REQUEST_FRAMES_MAX = 4 };

/* What the whole box has in common. */
struct box_rules {
	const struct judge *judge;
	/* Consulted only about calls that fail anyway. */
	const struct judge *failing;
	/* Nothing is denied: the kernel answers every call itself. */
	bool only_watches;
	bool record_allowed;
	/* Calls that fail by themselves have a row as well, with FRAME_FAILS in its flags. */
	bool record_failed;
	bool broker_create;
	/* Every open and every change of what exists is performed here as well. */
	bool broker_open;
	/* Every change is, at least. */
	bool broker_change;
	bool broker_socket;
	/* Who answers a call must run what may be run: see exec.h. */
	bool verify_programs;
	bool hash_programs;
	/* What the filter refuses comes here: see refused_calls.h. */
	bool tells_refused;
	/* Nobody gets another umask, or current directory, unheard: see contexts.h. */
	bool tells_umasks;
	bool tells_folders;
	/* Sockets are made here, because none can be taken out of a process. */
	bool makes_sockets;
	/* Which ones: bits of NOTIFY_MAKES. */
	uint32_t makes_kinds;
	/* No descriptor can be taken out of a process. */
	bool takes_nothing;
	/* Every message is sent by the broker, whatever it is sent on. */
	bool broker_messages;
	/* A move may copy a file, and the copy would not be known for one with several names. */
	bool moves_copy;
	/* Connections go by name: through the outside service at the end of this link; -1: they do
	 * not. */
	int outside;
	/* To the lender, who asks about what no rule is about; -1: nobody is asked. */
	int lender;
	/* Of the gateway, where callers that use it as a proxy connect to. */
	uint16_t gateway_port;
	/* The box has a network namespace of its own. */
	bool own_network;
	/* Of the plan. */
	const struct plan_rule *rules;
	/* Abstract sockets cannot leave the box: Landlock scope or a network namespace of its own.
	 */
	bool abstract_contained;
};

struct request {
	const struct box_rules *rules;
	const struct seccomp_data *data;
	const struct call *call;
	struct caller caller;
	/* Flags as the rows show them. */
	uint32_t flags;
	/* What is recorded as permitted fails by itself. */
	bool fails;
	/* The filter had it refused: also where the kernel answers everything else itself. */
	bool is_refused;
	/* No row of an access tells of it, but one of the call. */
	bool is_call_refused;
	/* Another place was called, which is an attempt whatever comes of it. */
	bool has_called;
	/* A name that some rule forbids reading or writing moves. */
	bool moves_forbidden;
	/* Somebody will be asked about what no rule is about: only what one forbids is refused. */
	bool is_asked;
	/* What the caller's internet socket was judged to speak; it has to speak it still when the
	 * call is performed. 0 for other sockets. */
	uint8_t protocol;
	/* Of the program to be run, when the rows are to have it. */
	unsigned char digest[SHA256_SIZE];
	/* What the answer will be recorded as. */
	struct access_frame frames[REQUEST_FRAMES_MAX];
	size_t frame_count;
	/* A path of the call as given, and where it leads. */
	struct named {
		char text[AE_PATH_MAX];
		size_t text_size;
		struct entry at;
	} first, second;
};

/*
 * Answers: 0 lets the kernel go on with the call (Landlock or a mount decides there), a positive
 * errno ends it. ANSWER_END: it is refused, and the caller ended. ANSWER_DONE: the broker has
 * performed the call, it returns 0. ANSWER_SENT: the broker has answered by itself. ANSWER_NONE:
 * the caller is gone. ANSWER_ASK: somebody is to be asked about what the request holds.
 */
enum {
	ANSWER_CONTINUE = 0,
	ANSWER_DONE = -1,
	ANSWER_SENT = -2,
	ANSWER_NONE = -3,
	ANSWER_END = -4,
	ANSWER_ASK = -5,
};

/* What the plan says of the whole box, all but the judges and the link to the outside. */
void request_take_rules(const struct plan *plan, struct box_rules *rules);
/* Ready for the call of `notif`; request_end gives back what it then holds. */
void request_begin(struct request *request, const struct seccomp_data *data,
		   const struct caller *caller);
void request_end(struct request *request);
/* The value of argument `index`, 0 for -1. */
uint64_t request_argument(const struct request *request, int index);
/* Reads path argument `index` as it is. 0, or the answer to give. */
int request_read_path(struct request *request, int index, struct named *named);
/*
 * Reads path argument `index` and resolves it, to an object or to a name in a directory. 0, or the
 * answer to give. `place` has all but the path set.
 */
int request_resolve(struct request *request, int index, struct place place, struct named *named);
int request_resolve_entry(struct request *request, int index, struct place place,
			  struct named *named);
/* The directory argument `index` stands for. */
int request_directory(const struct request *request, int index);
/* What the rules say of one object. */
struct verdict request_judge(const struct request *request, enum action action,
			     const struct target *target);
/* Judges one object and notes the row. True when allowed. */
bool request_consider(struct request *request, enum action action, const struct named *named);
/* Notes a denial that does not come from judging one path. */
void request_refuse(struct request *request, enum action action, const struct named *named,
		    uint32_t rule);
/* Notes what became of a socket address; `request->first` holds its text. */
void request_note_socket(struct request *request, const struct subject *subject,
			 struct verdict verdict);
/* For a call that will fail in the kernel as well: no row, unless the policy denies the attempt.
 * Returns `error`. */
int request_fails(struct request *request, enum action action, const struct named *named,
		  int error);
/* Drops the rows of what was let through, unless it has called: the call did not happen. */
void request_keep_denials(struct request *request);
/* Writes the rows of an answer that has been given. */
void request_record(struct request *request);

#endif
