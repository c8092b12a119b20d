/*
 * One function per record kind. Each reads exactly the payload that native/README.md describes and
 * copies strings into the plan's own memory with a terminator, so that the bytes that came in are
 * not needed afterwards.
 */
#include <netinet/in.h>
#include <string.h>

#include "limits.h"
#include "plan_parser.h"

enum {
	/* CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC */
	NAMESPACES_KNOWN = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000,
	NAMESPACE_MOUNT = 0x00020000,
	NOTIFY_KNOWN = NOTIFY_RECORD_ALLOWED | NOTIFY_BROKER_CREATE | NOTIFY_BROKER_SOCKET |
		       NOTIFY_BROKER_OPEN | NOTIFY_BROKER_MESSAGES | NOTIFY_RECORD_FAILED |
		       NOTIFY_VERIFY_PROGRAMS | NOTIFY_HASH_PROGRAMS | NOTIFY_MAKES_SOCKETS |
		       NOTIFY_TELLS_UMASKS | NOTIFY_BROKER_CHANGE | NOTIFY_MAKES |
		       NOTIFY_TELLS_REFUSED | NOTIFY_TELLS_FOLDERS,
	/* CLONE_NEWNET */
	NAMESPACE_NET = 0x40000000,
	EFFECT_PERMIT = 1,
	EFFECT_PERMIT_INSIDE = 2,
	EFFECT_PERMIT_FAILING = 3,
};

bool plan_take(struct cursor *cursor, void *value, size_t size)
{
	if (cursor->left < size)
		return false;
	memcpy(value, cursor->at, size);
	cursor->at += size;
	cursor->left -= size;
	return true;
}

/* Copies a `str` into the arena with a terminator. NULL when it is cut short or holds a NUL. */
static const char *take_str(struct parser *parser, struct cursor *cursor)
{
	uint16_t size;
	char *copy = parser->text;

	if (!plan_take(cursor, &size, sizeof(size)) || cursor->left < size)
		return NULL;
	if (memchr(cursor->at, 0, size))
		return NULL;
	memcpy(copy, cursor->at, size);
	copy[size] = 0;
	parser->text += (size_t)size + 1;
	cursor->at += size;
	cursor->left -= size;
	return copy;
}

static bool parse_rlimit(struct parser *parser, struct cursor *payload)
{
	struct plan_rlimit *limit = &parser->plan->rlimits[parser->plan->rlimit_count++];
	uint32_t zero;

	return plan_take(payload, &limit->resource, 4) && plan_take(payload, &zero, 4) &&
	       zero == 0 && plan_take(payload, &limit->soft, 8) &&
	       plan_take(payload, &limit->hard, 8);
}

static bool is_path(const char *path)
{
	return path && path[0] == '/' && strlen(path) < AE_PATH_MAX;
}

static bool parse_mount(struct parser *parser, struct cursor *payload, uint16_t flags)
{
	struct plan_mount *mount = &parser->plan->mounts[parser->plan->mount_count++];
	uint16_t step;
	uint32_t zero;

	if (!plan_take(payload, &step, 2) || !plan_take(payload, &mount->mode, 2) ||
	    !plan_take(payload, &zero, 4) || zero != 0 || !plan_take(payload, &mount->size, 8))
		return false;
	mount->path = take_str(parser, payload);
	mount->optional = flags & FLAG_OPTIONAL;
	if (step < STEP_READ_ONLY_ROOT || step > STEP_OVERLAY || !mount->path)
		return false;
	mount->step = (enum plan_step)step;
	if (step == STEP_READ_ONLY_ROOT || step == STEP_PROC)
		return mount->path[0] == 0;
	if (step == STEP_OVERLAY) {
		mount->upper = take_str(parser, payload);
		mount->work = take_str(parser, payload);
		/* What is missing cannot be left out: the place would be read-only, or worse. */
		if (!is_path(mount->upper) || !is_path(mount->work) || mount->optional)
			return false;
	}
	return is_path(mount->path) && mount->mode <= 07777;
}

static bool parse_landlock(struct plan *plan, struct cursor *payload)
{
	plan->has_landlock = true;
	return plan_take(payload, &plan->handled_fs, 8) &&
	       plan_take(payload, &plan->handled_net, 8) && plan_take(payload, &plan->scoped, 8);
}

static bool parse_landlock_path(struct parser *parser, struct cursor *payload, uint16_t flags)
{
	struct plan *plan = parser->plan;
	struct plan_landlock_path *rule = &plan->landlock_paths[plan->landlock_path_count++];

	if (!plan->has_landlock || !plan_take(payload, &rule->access, 8))
		return false;
	rule->optional = flags & FLAG_OPTIONAL;
	rule->path = take_str(parser, payload);
	return is_path(rule->path);
}

static bool parse_landlock_port(struct plan *plan, struct cursor *payload)
{
	struct plan_landlock_port *rule = &plan->landlock_ports[plan->landlock_port_count++];

	return plan->has_landlock && plan_take(payload, &rule->access, 8) &&
	       plan_take(payload, &rule->port, 2);
}

static bool parse_notify(struct plan *plan, struct cursor *payload)
{
	if (!plan_take(payload, &plan->notify, 4) || (plan->notify & ~NOTIFY_KNOWN))
		return false;
	if ((plan->notify & NOTIFY_VERIFY_PROGRAMS) && !(plan->notify & NOTIFY_BROKER_OPEN))
		return false;
	if ((plan->notify & NOTIFY_MAKES) && !(plan->notify & NOTIFY_MAKES_SOCKETS))
		return false;
	return !(plan->notify & NOTIFY_BROKER_OPEN) || (plan->notify & NOTIFY_BROKER_CREATE);
}

static bool parse_filter(struct plan *plan, struct cursor *payload)
{
	size_t size = payload->left / sizeof(struct sock_filter);

	if (size == 0 || size > AE_BPF_MAX)
		return false;
	plan->filter_size = size;
	return plan_take(payload, plan->filter, size * sizeof(struct sock_filter));
}

static bool is_cidr(const unsigned char *bytes, size_t size)
{
	if (size == 6)
		return bytes[0] == 4 && bytes[1] <= 32;
	return size == 18 && bytes[0] == 6 && bytes[1] <= 128;
}

static bool is_protocol(unsigned char number)
{
	return number == IPPROTO_ICMP || number == IPPROTO_TCP || number == IPPROTO_UDP;
}

static bool parse_atom(struct parser *parser, struct cursor *payload, struct plan_atom *atom)
{
	struct cursor bytes;
	uint8_t negated;
	uint8_t zero;

	if (!plan_take(payload, &atom->kind, 1) || !plan_take(payload, &negated, 1) ||
	    negated > 1 || !plan_take(payload, &atom->size, 2) || payload->left < atom->size)
		return false;
	atom->negated = negated;
	bytes = (struct cursor){payload->at, atom->size};
	payload->at += atom->size;
	payload->left -= atom->size;
	switch (atom->kind) {
	case ATOM_PORT:
		return plan_take(&bytes, &atom->port_op, 1) && atom->port_op <= PORT_GE &&
		       plan_take(&bytes, &zero, 1) && zero == 0 &&
		       plan_take(&bytes, &atom->port, 2) && bytes.left == 0;
	case ATOM_PATH_IN:
		if (atom->size == 0)
			return false;
		/* fall through */
	case ATOM_PATH_EQUALS:
	case ATOM_HOST_EQUALS:
		if (memchr(bytes.at, 0, bytes.left))
			return false;
		break;
	case ATOM_PATH_LIKE:
	case ATOM_HOST_LIKE:
		break;
	case ATOM_HOST_CIDR:
		if (!is_cidr(bytes.at, bytes.left))
			return false;
		break;
	case ATOM_PROTOCOL:
		if (bytes.left != 1 || !is_protocol(bytes.at[0]))
			return false;
		break;
	default:
		return false;
	}
	atom->text = memcpy(parser->text, bytes.at, bytes.left);
	parser->text += bytes.left;
	return true;
}

static bool parse_rule(struct parser *parser, struct cursor *payload)
{
	struct plan_rule *rule = &parser->plan->rules[parser->plan->rule_count++];
	struct plan_atom *atoms = parser->atoms;
	uint8_t effect;

	if (!plan_take(payload, &rule->actions, 2) || !plan_take(payload, &effect, 1) ||
	    !plan_take(payload, &rule->atom_count, 1))
		return false;
	if (rule->actions == 0 || rule->actions >> ACTION_COUNT || effect > EFFECT_PERMIT_FAILING)
		return false;
	rule->permit = effect != 0;
	rule->only_failing = effect == EFFECT_PERMIT_FAILING;
	rule->inside = effect == EFFECT_PERMIT_INSIDE;
	if (rule->inside && !(parser->plan->namespaces & NAMESPACE_NET))
		return false;
	rule->atoms = atoms;
	parser->atoms += rule->atom_count;
	for (unsigned i = 0; i < rule->atom_count; i++) {
		if (!parse_atom(parser, payload, &atoms[i]))
			return false;
	}
	return true;
}

/* A word of the command is the whole payload: it may be longer than a `str`. */
static bool parse_word(struct parser *parser, struct cursor *payload, char **list, size_t *count)
{
	char *word = parser->text;
	size_t size = payload->left;

	if (size >= AE_WORD_MAX || memchr(payload->at, 0, size))
		return false;
	plan_take(payload, word, size);
	word[size] = 0;
	parser->text += size + 1;
	list[(*count)++] = word;
	return true;
}

/* A gateway without the broker would be a hole: connections would not go through it. */
static bool parse_gateway(struct plan *plan, struct cursor *payload)
{
	struct plan_gateway *gateway = &plan->gateway;
	uint32_t zero;

	plan->has_gateway = true;
	return plan->notify & NOTIFY_BROKER_SOCKET && plan_take(payload, &gateway->port, 2) &&
	       plan_take(payload, &gateway->resolver_port, 2) && plan_take(payload, &zero, 4) &&
	       zero == 0 && gateway->port != 0 && gateway->resolver_port != 0 &&
	       plan_take(payload, gateway->token, sizeof(gateway->token));
}

/* Number 0 names the cgroup, the others are limits. */
static bool parse_limit(struct parser *parser, struct cursor *payload)
{
	struct plan *plan = parser->plan;
	uint16_t number;
	uint16_t means;
	uint32_t zero;
	uint64_t value;
	const char *path;

	if (!plan_take(payload, &number, 2) || !plan_take(payload, &means, 2) ||
	    !plan_take(payload, &zero, 4) || zero != 0 || !plan_take(payload, &value, 8))
		return false;
	path = take_str(parser, payload);
	if (!path || number >= LIMIT_COUNT)
		return false;
	if (number == 0) {
		if (plan->cgroup || means || value || !is_path(path))
			return false;
		plan->cgroup = path;
		return true;
	}
	if (path[0] || plan->limits[number].means || means == 0 || value == 0 ||
	    value > AE_LIMIT_MAX || means & ~(BY_RLIMIT | BY_SUPERVISOR | BY_CGROUP) ||
	    (means & BY_CGROUP && !plan->cgroup))
		return false;
	plan->limits[number] = (struct plan_limit){value, means};
	return true;
}

/* Only who opens everything can open what was allowed in the end. */
static bool parse_ask(struct plan *plan, struct cursor *payload)
{
	uint32_t zero;

	plan->asks = true;
	return plan->notify & NOTIFY_BROKER_OPEN && plan_take(payload, &zero, 4) && zero == 0;
}

bool plan_parse_record(struct parser *parser, struct record *record)
{
	struct plan *plan = parser->plan;
	struct cursor *payload = &record->payload;

	switch ((enum kind)record->kind) {
	case KIND_NAMESPACES:
		return plan_take(payload, &plan->namespaces, 4) &&
		       !(plan->namespaces & ~NAMESPACES_KNOWN);
	case KIND_RLIMIT:
		return parse_rlimit(parser, payload);
	case KIND_UMASK:
		plan->has_umask = true;
		return plan_take(payload, &plan->umask, 4) && plan->umask <= 0777;
	case KIND_MOUNT:
		return (plan->namespaces & NAMESPACE_MOUNT) &&
		       parse_mount(parser, payload, record->flags);
	case KIND_LANDLOCK:
		return parse_landlock(plan, payload);
	case KIND_LANDLOCK_PATH:
		return parse_landlock_path(parser, payload, record->flags);
	case KIND_LANDLOCK_PORT:
		return parse_landlock_port(plan, payload);
	case KIND_SECCOMP:
		return parse_filter(plan, payload);
	case KIND_NOTIFY:
		plan->has_notify = true;
		return plan->filter_size && parse_notify(plan, payload);
	case KIND_RULE:
		return parse_rule(parser, payload);
	case KIND_DIRECTORY:
		return is_path(plan->directory = take_str(parser, payload));
	case KIND_PROGRAM:
		return is_path(plan->program = take_str(parser, payload));
	case KIND_ARGUMENT:
		return parse_word(parser, payload, plan->arguments, &plan->argument_count);
	case KIND_ENVIRONMENT:
		return parse_word(parser, payload, plan->environment, &plan->environment_count);
	case KIND_GATEWAY:
		return parse_gateway(plan, payload);
	case KIND_LIMIT:
		return parse_limit(parser, payload);
	case KIND_ASK:
		return parse_ask(plan, payload);
	case KIND_COUNT:
		break;
	}
	return false;
}

const char *plan_refusal(uint16_t kind)
{
	static const char *const sentences[KIND_COUNT] = {
		[KIND_NAMESPACES] = "the namespaces record is not valid",
		[KIND_RLIMIT] = "an rlimit record is not valid",
		[KIND_UMASK] = "the umask record is not valid",
		[KIND_MOUNT] = "a mount record is not valid, or there is no mount namespace",
		[KIND_LANDLOCK] = "the landlock record is not valid",
		[KIND_LANDLOCK_PATH] = "a landlock path record is not valid, or has no ruleset",
		[KIND_LANDLOCK_PORT] = "a landlock port record is not valid, or has no ruleset",
		[KIND_SECCOMP] = "the seccomp record is not valid",
		[KIND_NOTIFY] = "the notify record is not valid, or there is no seccomp filter",
		[KIND_RULE] = "a rule record is not valid",
		[KIND_DIRECTORY] = "the directory record is not valid",
		[KIND_PROGRAM] = "the program record is not valid",
		[KIND_ARGUMENT] = "an argument record is not valid",
		[KIND_ENVIRONMENT] = "an environment record is not valid",
		[KIND_GATEWAY] = "the gateway record is not valid, or sockets are not brokered",
		[KIND_LIMIT] = "a limit record is not valid, or is there twice",
		[KIND_ASK] = "the ask record is not valid, or opens are not brokered",
	};

	return sentences[kind];
}
