// Rules are about what paths lead to, because that is what a kernel judges: a rule for a path that
// is a link, or lies below one, is a rule for its target as well.

/** Links resolved, undefined when there is nothing at the path. */
export type RealPath = (path: string) => string | undefined;

/**
 * The other path a path leads to, undefined when it leads to itself. What does not exist yet leads
 * to where it would be made, so that a rule about it holds from the start.
 */
export function linkTargets(realPath: RealPath): RealPath {
  const known = new Map<string, string>();
  const resolve = (path: string): string => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const target = realPath(path) ?? belowParent(path, resolve);
    known.set(path, target);
    return target;
  };
  return (path) => {
    const target = resolve(path);
    return target === path ? undefined : target;
  };
}

/** The path and, when it leads elsewhere, where. */
export function withLink(path: string, linkTarget: RealPath): readonly string[] {
  const target = linkTarget(path);
  return target === undefined ? [path] : [path, target];
}

function belowParent(path: string, resolve: (path: string) => string): string {
  const cut = path.lastIndexOf("/");
  if (cut < 0 || path === "/") return path;
  const parent = cut === 0 ? "/" : path.slice(0, cut);
  const target = resolve(parent);
  return `${target === "/" ? "" : target}${path.slice(cut)}`;
}
