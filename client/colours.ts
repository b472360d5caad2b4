import picocolors from 'picocolors';

/** Colours, on a terminal that has them alone: a pipe gets plain text, in CI as well, where the library would colour it. */
export const colours = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported);
