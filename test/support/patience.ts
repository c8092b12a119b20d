// How long tests wait. These are bounds against standing still, not measures of speed: on a machine
// whose cores are shared with others everything takes ten times as long, and is right all the same.

/** For something that another process brings about. */
export const conditionMs = 60_000;
/** For a program to come to its end. */
export const programMs = 150_000;
/** For one test; scripts/test.ts gives it to `bun test`, whose own default is far shorter. */
export const testMs = 300_000;
