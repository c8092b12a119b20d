/*
 * Nearly every rule is one `path-in` or `path-equals` atom, so those are found by hash: one look-up
 * per component of the path, however many rules there are. The others are tried one by one. Each
 * candidate is compared against the best rule of its effect so far, which makes the order in which
 * candidates turn up irrelevant.
 */
#include "judge.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	uint32_t hash;
	const char *text;
	size_t size;
	/* Heads of ascending chains through judge.next; JUDGE_NO_RULE ends them. */
	uint32_t below;
	uint32_t equal;
};

struct judge {
	const struct plan_rule *rules;
	size_t count;
	struct slot *slots;
	uint32_t slot_mask;
	uint32_t *next;
	uint32_t *others;
	size_t other_count;
	/* Forbid rules that name a place, for judge_forbid_below. */
	uint32_t *places;
	size_t place_count;
	bool has_patterns;
};

struct search {
	const struct judge *judge;
	const struct subject *subject;
	uint32_t forbid;
	uint32_t permit;
};

enum { PATH_ACTIONS = (1 << ACTION_NET_CONNECT) - 1 };
enum { HASH_START = 0x811c9dc5u, HASH_STEP = 0x01000193u };

static uint32_t hash_text(const char *text, size_t size)
{
	uint32_t hash = HASH_START;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * HASH_STEP;
	return hash;
}

static struct slot *slot_find(const struct judge *judge, uint32_t hash, const char *text,
			      size_t size)
{
	for (uint32_t i = hash & judge->slot_mask;; i = (i + 1) & judge->slot_mask) {
		struct slot *slot = &judge->slots[i];

		if (!slot->text ||
		    (slot->hash == hash && slot->size == size && !memcmp(slot->text, text, size)))
			return slot;
	}
}

static bool is_place(const struct plan_atom *atom)
{
	return !atom->negated && (atom->kind == ATOM_PATH_IN || atom->kind == ATOM_PATH_EQUALS);
}

static bool is_root(const struct plan_atom *atom)
{
	return atom->size == 1 && atom->text[0] == '/';
}

static void add_place(struct judge *judge, uint32_t rule)
{
	const struct plan_atom *atom = judge->rules[rule].atoms;
	uint32_t hash = hash_text(atom->text, atom->size);
	struct slot *slot = slot_find(judge, hash, atom->text, atom->size);
	uint32_t *head;

	if (!slot->text)
		*slot = (struct slot){hash, atom->text, atom->size, JUDGE_NO_RULE, JUDGE_NO_RULE};
	head = atom->kind == ATOM_PATH_IN ? &slot->below : &slot->equal;
	judge->next[rule] = *head;
	*head = rule;
}

static void sort_rule(struct judge *judge, uint32_t index)
{
	const struct plan_rule *rule = &judge->rules[index];

	if (rule->atom_count == 1 && is_place(rule->atoms))
		add_place(judge, index);
	else
		judge->others[judge->other_count++] = index;
	if (rule->permit || !(rule->actions & PATH_ACTIONS))
		return;
	for (unsigned i = 0; i < rule->atom_count; i++) {
		if (is_place(&rule->atoms[i])) {
			judge->places[judge->place_count++] = index;
			return;
		}
	}
	judge->has_patterns = true;
}

static struct judge *build(const struct plan_rule *rules, size_t count, bool failing)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	size_t slots = 16;

	if (!judge)
		return NULL;
	while (slots < count * 2)
		slots *= 2;
	judge->rules = rules;
	judge->count = count;
	judge->slot_mask = (uint32_t)slots - 1;
	judge->slots = calloc(slots, sizeof(*judge->slots));
	judge->next = calloc(count + 1, sizeof(*judge->next));
	judge->others = calloc(count + 1, sizeof(*judge->others));
	judge->places = calloc(count + 1, sizeof(*judge->places));
	if (!judge->slots || !judge->next || !judge->others || !judge->places) {
		judge_free(judge);
		return NULL;
	}
	/* Backwards, so that pushing to the front leaves every chain ascending. */
	for (size_t i = count; i-- > 0;) {
		if (rules[i].only_failing == failing)
			sort_rule(judge, (uint32_t)i);
	}
	return judge;
}

struct judge *judge_build(const struct plan_rule *rules, size_t count)
{
	return build(rules, count, false);
}

struct judge *judge_build_failing(const struct plan_rule *rules, size_t count)
{
	return build(rules, count, true);
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	free(judge->slots);
	free(judge->next);
	free(judge->others);
	free(judge->places);
	free(judge);
}

static bool is_below_or_equal(const struct plan_atom *atom, const char *path, size_t size)
{
	if (size < atom->size || memcmp(atom->text, path, atom->size) != 0)
		return false;
	return size == atom->size || is_root(atom) || path[atom->size] == '/';
}

static bool is_equal(const struct plan_atom *atom, const char *text, size_t size)
{
	return atom->size == size && !memcmp(atom->text, text, size);
}

static const char *find(const char *text, size_t size, const char *part, size_t part_size)
{
	return part_size == 0 ? text : memmem(text, size, part, part_size);
}

/* The first part is a prefix, the last a suffix, those between are taken leftmost: enough, as `*`
 * matches anything. */
static bool is_like(const struct plan_atom *atom, const char *text, size_t size)
{
	const char *part = atom->text;
	const char *end = atom->text + atom->size;
	const char *stop = memchr(part, 0, atom->size);
	size_t length;

	if (!stop)
		return is_equal(atom, text, size);
	length = (size_t)(stop - part);
	if (size < length || memcmp(part, text, length) != 0)
		return false;
	text += length;
	size -= length;
	for (part = stop + 1; (stop = memchr(part, 0, (size_t)(end - part))) != NULL;
	     part = stop + 1) {
		const char *hit;

		length = (size_t)(stop - part);
		hit = find(text, size, part, length);
		if (!hit)
			return false;
		size -= (size_t)(hit - text) + length;
		text = hit + length;
	}
	length = (size_t)(end - part);
	return size >= length && !memcmp(part, text + size - length, length);
}

static bool compare_port(const struct plan_atom *atom, uint16_t port)
{
	switch ((enum port_op)atom->port_op) {
	case PORT_EQ:
		return port == atom->port;
	case PORT_LT:
		return port < atom->port;
	case PORT_LE:
		return port <= atom->port;
	case PORT_GT:
		return port > atom->port;
	case PORT_GE:
		return port >= atom->port;
	}
	return false;
}

/* The bytes of an address, 4 or 16; 0 for a name. */
static size_t address_bytes(const struct subject *subject, unsigned char bytes[16])
{
	char text[INET6_ADDRSTRLEN];

	if (!subject->host || subject->host_size >= sizeof(text))
		return 0;
	memcpy(text, subject->host, subject->host_size);
	text[subject->host_size] = 0;
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool is_in_range(const struct plan_atom *atom, const struct subject *subject)
{
	const unsigned char *range = (const unsigned char *)atom->text;
	unsigned bits = range[1];
	unsigned char bytes[17] = {0};
	size_t size = address_bytes(subject, bytes);

	if (size != atom->size - 2u || memcmp(bytes, &range[2], bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (bytes[bits / 8] ^ range[2 + bits / 8]) >> (8 - bits % 8) == 0;
}

/* An attribute the subject does not have equals nothing, as in decide(). */
static bool atom_holds(const struct plan_atom *atom, const struct subject *subject)
{
	bool holds = false;

	switch ((enum atom_kind)atom->kind) {
	case ATOM_PATH_IN:
		holds = is_below_or_equal(atom, subject->path, subject->path_size);
		break;
	case ATOM_PATH_EQUALS:
		holds = is_equal(atom, subject->path, subject->path_size);
		break;
	case ATOM_PATH_LIKE:
		holds = is_like(atom, subject->path, subject->path_size);
		break;
	case ATOM_HOST_EQUALS:
	case ATOM_HOST_LIKE:
		if (subject->host && atom->kind == ATOM_HOST_LIKE)
			holds = is_like(atom, subject->host, subject->host_size);
		else if (subject->host)
			holds = is_equal(atom, subject->host, subject->host_size);
		break;
	case ATOM_HOST_CIDR:
		holds = is_in_range(atom, subject);
		break;
	case ATOM_PROTOCOL:
		holds = subject->host && subject->protocol == (uint8_t)atom->text[0];
		break;
	case ATOM_PORT:
		holds = subject->has_port && compare_port(atom, subject->port);
		break;
	}
	return holds != atom->negated;
}

/* True when `index` could become the rule named: it has the action and comes before what was found
 * so far. */
static bool is_better(const struct search *search, uint32_t index)
{
	const struct plan_rule *rule = &search->judge->rules[index];

	return (rule->actions >> search->subject->action & 1) &&
	       index < (rule->permit ? search->permit : search->forbid);
}

static void choose(struct search *search, uint32_t index)
{
	if (search->judge->rules[index].permit)
		search->permit = index;
	else
		search->forbid = index;
}

static void walk_chain(struct search *search, uint32_t index)
{
	for (; index != JUDGE_NO_RULE; index = search->judge->next[index]) {
		if (is_better(search, index))
			choose(search, index);
	}
}

/* One look-up per component. The root is its own prefix: what stands before the first slash is
 * nothing. */
static void search_places(struct search *search)
{
	const struct subject *subject = search->subject;
	uint32_t hash = HASH_START;
	const struct slot *slot;

	for (size_t i = 0; i < subject->path_size; i++) {
		unsigned char byte = (unsigned char)subject->path[i];
		uint32_t prefix = hash;

		hash = (hash ^ byte) * HASH_STEP;
		if (byte != '/')
			continue;
		slot = slot_find(search->judge, i ? prefix : hash, subject->path, i ? i : 1);
		if (slot->text)
			walk_chain(search, slot->below);
	}
	slot = slot_find(search->judge, hash, subject->path, subject->path_size);
	if (slot->text) {
		walk_chain(search, slot->below);
		walk_chain(search, slot->equal);
	}
}

static bool rule_holds(const struct plan_rule *rule, const struct subject *subject)
{
	for (unsigned i = 0; i < rule->atom_count; i++) {
		if (!atom_holds(&rule->atoms[i], subject))
			return false;
	}
	return true;
}

struct verdict judge_decide(const struct judge *judge, const struct subject *subject)
{
	struct search search = {judge, subject, JUDGE_NO_RULE, JUDGE_NO_RULE};

	search_places(&search);
	for (size_t i = 0; i < judge->other_count; i++) {
		uint32_t index = judge->others[i];

		if (is_better(&search, index) && rule_holds(&judge->rules[index], subject))
			choose(&search, index);
	}
	if (search.forbid != JUDGE_NO_RULE)
		return (struct verdict){false, search.forbid};
	return (struct verdict){search.permit != JUDGE_NO_RULE, search.permit};
}

struct verdict judge_path(const struct judge *judge, enum action action, const char *path,
			  size_t size)
{
	struct subject subject = {.action = action, .path = path, .path_size = size};

	return judge_decide(judge, &subject);
}

uint32_t judge_forbid_below(const struct judge *judge, const char *path, size_t size)
{
	/* `places` was filled backwards. */
	for (size_t i = judge->place_count; i-- > 0;) {
		const struct plan_rule *rule = &judge->rules[judge->places[i]];

		for (unsigned a = 0; a < rule->atom_count; a++) {
			const struct plan_atom *atom = &rule->atoms[a];

			if (is_place(atom) && atom->size > size &&
			    !memcmp(atom->text, path, size) &&
			    (size == 1 || atom->text[size] == '/'))
				return judge->places[i];
		}
	}
	return JUDGE_NO_RULE;
}

bool judge_has_patterns(const struct judge *judge)
{
	return judge->has_patterns;
}
