/* Taken from the rule table; a folder below another one on the list is left out. */
#include "roots.h"

#include <stdlib.h>
#include <string.h>

static bool is_content(const struct plan_rule *rule)
{
	return rule->actions & (1 << ACTION_FILE_READ | 1 << ACTION_FILE_WRITE);
}

static bool is_place(const struct plan_atom *atom)
{
	return !atom->negated && (atom->kind == ATOM_PATH_IN || atom->kind == ATOM_PATH_EQUALS);
}

/* Where the files of a rule are: its place, or the folder its pattern starts with. */
static size_t root_of(const struct plan_rule *rule, const char **text)
{
	const struct plan_atom *pattern = NULL;
	size_t size;

	for (unsigned i = 0; i < rule->atom_count; i++) {
		const struct plan_atom *atom = &rule->atoms[i];

		*text = atom->text;
		if (is_place(atom))
			return atom->size;
		if (!atom->negated && atom->kind == ATOM_PATH_LIKE)
			pattern = atom;
	}
	*text = "/";
	if (!pattern || pattern->text[0] != '/')
		return 1;
	size = strnlen(pattern->text, pattern->size);
	while (size > 1 && pattern->text[size - 1] != '/')
		size--;
	*text = pattern->text;
	return size > 1 ? size - 1 : 1;
}

static bool is_below(const char *path, const char *root)
{
	size_t size = strlen(root);

	return !strncmp(path, root, size) && (path[size] == 0 || path[size] == '/' || size == 1);
}

static void add_root(struct roots *roots, const char *text, size_t size)
{
	char *path = strndup(text, size);
	size_t kept = 0;

	for (size_t i = 0; path && i < roots->count; i++) {
		if (is_below(path, roots->paths[i])) {
			free(path);
			return;
		}
	}
	if (!path || roots->count == ROOTS_MAX) {
		free(path);
		roots->is_whole = false;
		return;
	}
	for (size_t i = 0; i < roots->count; i++) {
		if (is_below(roots->paths[i], path))
			free(roots->paths[i]);
		else
			roots->paths[kept++] = roots->paths[i];
	}
	roots->paths[kept] = path;
	roots->count = kept + 1;
}

void roots_free(struct roots *roots)
{
	while (roots->count > 0)
		free(roots->paths[--roots->count]);
}

bool roots_forbid(const struct plan *plan)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (!plan->rules[i].permit && is_content(&plan->rules[i]))
			return true;
	}
	return false;
}

/* A pattern without a folder of its own is looked for where the box works. */
void roots_collect(const struct plan *plan, bool permit, unsigned actions, struct roots *roots)
{
	*roots = (struct roots){.is_whole = true};
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const char *text;
		size_t size;

		if (rule->permit != permit || !(rule->actions & actions))
			continue;
		size = root_of(rule, &text);
		if (size > 1)
			add_root(roots, text, size);
		else
			add_root(roots, plan->directory, strlen(plan->directory));
	}
}
