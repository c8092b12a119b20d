// The engine is told to leave code that runs once to its interpreter while a command starts: the
// program is built that way (scripts/binary/bundle.ts), because compiling it takes a fifth of what
// a launch costs. What goes on to work for long says so.

/** From here on code that runs often is compiled as soon as it pays. */
export function leaveStartUp(): void {
  Bun.unsafe.setJITPolicy(1);
}
