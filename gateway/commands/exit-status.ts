/** Source: sysexits.h. */
export const EX_USAGE = 64;
export const EX_UNAVAILABLE = 69;
export const EX_SOFTWARE = 70;
export const EX_CONFIG = 78;
/** Of a run whose cell failed; of one that took too long, as timeout(1) has it. */
export const CELL_FAILED = 1;
export const TIMED_OUT = 124;
