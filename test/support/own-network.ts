// For programs that call out so that a box refuses them. Should one not refuse, then from a network
// namespace of the test's own nothing leads anywhere.

/** What starts a program without any network; empty where no such namespace can be made. */
export function ownNetwork(): readonly string[] {
  const ways = [
    ["unshare", "--net"],
    ["unshare", "--user", "--map-current-user", "--net"],
  ];
  const works = (way: readonly string[]) =>
    Bun.spawnSync([...way, "true"], { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
  return Bun.which("unshare") === null ? [] : (ways.find(works) ?? []);
}
