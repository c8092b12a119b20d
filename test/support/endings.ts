// What has to end with a test or with the last one, registered where it begins. Run by the preload:
// hooks of bun:test in a shared module would belong to the first file that imports it.

type End = () => Promise<void>;

const ofTest: End[] = [];
const ofAll: End[] = [];

export function afterThisTest(end: End): void {
  ofTest.push(end);
}

/** Before the temporary directories vanish. */
export function afterAllTests(end: End): void {
  ofAll.push(end);
}

/** A program that whoever started it ends, unless it failed before. */
export function endWithTests(child: Bun.Subprocess): void {
  afterAllTests(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
}

export const endTest = (): Promise<void> => endEach(ofTest);
export const endAll = (): Promise<void> => endEach(ofAll);

async function endEach(endings: End[]): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}
