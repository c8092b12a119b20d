// Absolute POSIX paths as text. Containment goes by component, never by string prefix ("/work" does
// not contain "/workshop"). Nothing here looks at a disk: links are resolved by the callers that
// hold one.

declare const absPathBrand: unique symbol;

/**
 * Absolute, normalised: no `.`/`..`/empty component, no trailing slash except the root itself, no
 * NUL.
 */
export type AbsPath = string & { readonly [absPathBrand]: true };

/** Normalises an absolute path textually; undefined when `text` is not absolute or holds NUL. */
export function absPath(text: string): AbsPath | undefined {
  if (!text.startsWith("/") || text.includes("\0")) return undefined;
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}` as AbsPath;
}

/** `text` made absolute against `base`, normalised textually. */
export function resolvePath(base: AbsPath, text: string): AbsPath {
  const joined = text.startsWith("/") ? text : `${base}/${text}`;
  const path = absPath(joined);
  if (path === undefined)
    throw new Error(`broken invariant: path ${JSON.stringify(text)} holds NUL`);
  return path;
}

/** True when `path` is `directory` or lies below it. */
export function contains(directory: string, path: string): boolean {
  if (directory === "/") return path.startsWith("/");
  return path === directory || (path.startsWith(directory) && path[directory.length] === "/");
}

/** The directory a path lies in; the root is its own parent. */
export function parentOf(path: AbsPath): AbsPath {
  const cut = path.lastIndexOf("/");
  return (cut <= 0 ? "/" : path.slice(0, cut)) as AbsPath;
}
