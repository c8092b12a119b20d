/* The judge against a judge that tries every rule in turn and every place a star could stand for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../linux/judge/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 12, ATOMS_MAX = 3, TEXT_MAX = 10 };

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Few letters, so that rules and paths meet. */
static size_t take_text(struct input *input, char *text, const char *letters)
{
	size_t size = take(input) % TEXT_MAX;

	for (size_t i = 0; i < size; i++)
		text[i] = letters[take(input) % 4];
	return size;
}

static bool like(const char *parts, size_t parts_size, const char *text, size_t size)
{
	if (parts_size == 0)
		return size == 0;
	if (parts[0] == 0) {
		for (size_t skip = 0; skip <= size; skip++) {
			if (like(parts + 1, parts_size - 1, text + skip, size - skip))
				return true;
		}
		return false;
	}
	return size > 0 && parts[0] == text[0] &&
	       like(parts + 1, parts_size - 1, text + 1, size - 1);
}

static bool holds(const struct plan_atom *atom, const char *path, size_t size)
{
	bool result = false;

	if (atom->kind == ATOM_PATH_LIKE)
		result = like(atom->text, atom->size, path, size);
	else if (atom->kind == ATOM_PATH_EQUALS)
		result = atom->size == size && !memcmp(atom->text, path, size);
	else if (size >= atom->size && !memcmp(atom->text, path, atom->size))
		result = size == atom->size || atom->size == 1 || path[atom->size] == '/';
	return result != atom->negated;
}

static struct verdict expected(const struct plan_rule *rules, size_t count, enum action action,
			       const char *path, size_t size)
{
	struct verdict verdict = {false, JUDGE_NO_RULE};

	for (size_t i = count; i-- > 0;) {
		bool matches = rules[i].actions >> action & 1;

		for (unsigned a = 0; matches && a < rules[i].atom_count; a++)
			matches = holds(&rules[i].atoms[a], path, size);
		if (matches &&
		    (!rules[i].permit || verdict.allowed || verdict.rule == JUDGE_NO_RULE))
			verdict = (struct verdict){rules[i].permit, (uint32_t)i};
	}
	return verdict;
}

static void take_atom(struct input *input, struct plan_atom *atom, char *text)
{
	atom->kind = ATOM_PATH_IN + take(input) % 3;
	atom->negated = take(input) % 8 == 0;
	atom->text = text;
	if (atom->kind == ATOM_PATH_LIKE) {
		atom->size = (uint16_t)take_text(input, text, "/a\0b");
		return;
	}
	text[0] = '/';
	atom->size = (uint16_t)(1 + take_text(input, text + 1, "/ab."));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct plan_rule rules[RULES_MAX];
	struct plan_atom atoms[RULES_MAX][ATOMS_MAX];
	char texts[RULES_MAX][ATOMS_MAX][TEXT_MAX + 1];
	size_t count = take(&input) % RULES_MAX;
	struct judge *judge;

	for (size_t i = 0; i < count; i++) {
		uint8_t shape = take(&input);

		rules[i].actions = 1 + shape % 3;
		rules[i].permit = shape & 4;
		rules[i].only_failing = false;
		rules[i].atom_count = (shape >> 3) % (ATOMS_MAX + 1);
		rules[i].atoms = atoms[i];
		for (unsigned a = 0; a < rules[i].atom_count; a++)
			take_atom(&input, &atoms[i][a], texts[i][a]);
	}
	judge = judge_build(rules, count);
	while (judge && input.left > 0) {
		char path[TEXT_MAX + 1] = "/";
		enum action action = take(&input) % 2;
		size_t length = 1 + take_text(&input, path + 1, "/ab.");
		struct verdict got = judge_path(judge, action, path, length);
		struct verdict want = expected(rules, count, action, path, length);

		if (got.allowed != want.allowed || got.rule != want.rule)
			abort();
	}
	judge_free(judge);
	return 0;
}
