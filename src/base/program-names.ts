// Names the binary is started under that no person types.

/** A process that evaluates a tool policy of somebody's own. */
export const regoProgramName = "aegis-tool-policy";
