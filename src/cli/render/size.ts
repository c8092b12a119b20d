// Sizes of files as people read them.

/** `512 B`, `1.5 KB`: one decimal, powers of 1024. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let rest = bytes / 1024;
  for (const unit of ["KB", "MB"]) {
    if (rest < 1023.95) return `${rest.toFixed(1)} ${unit}`;
    rest /= 1024;
  }
  return `${rest.toFixed(1)} GB`;
}
