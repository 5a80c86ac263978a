/**
 * Instants as microseconds since 1970.
 *
 * A Date has milliseconds only, and the microseconds of the year 9999 are beyond what a number
 * holds exactly, hence BigInt.
 */

const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** The instant that the text names; undefined if it names none. */
export function parseInstant(text: string): bigint | undefined {
  const [, seconds, fraction = "", zone] = INSTANT.exec(text) ?? [];
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

export function now(): bigint {
  return BigInt(Date.now()) * 1000n;
}

export function toSeconds(instant: bigint): number {
  return Number(instant) / 1_000_000;
}
