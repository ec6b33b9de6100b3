/** Numbers and times as a person reads them. */

const INTEGER = new Intl.NumberFormat('en');
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const integer = (value: number): string => INTEGER.format(value);

export function bytes(size: number): string {
  if (size < 1_000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1_000).toFixed(1)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}

/** Micro-USD as dollars: cents, and finer below a cent. */
export function usd(micro: number): string {
  const dollars = micro / 1_000_000;
  return `$${dollars > 0 && dollars < 0.01 ? dollars.toFixed(4) : dollars.toFixed(2)}`;
}

export function counted(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`;
}

export const clock = (value: string): string => inWords(CLOCK, value);
export const day = (value: string): string => inWords(DAY, value);

function inWords(format: Intl.DateTimeFormat, value: string): string {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? '' : format.format(date);
}

/** `url` if it is one that a link may lead to. Rows hold text, and a link must not run it. */
export function webUrl(url: string): string | undefined {
  return /^https?:\/\/[^\s/]/i.test(url) ? url : undefined;
}

/** A span of time: seconds, then minutes and seconds, then hours and minutes. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  if (minutes === 0) return `${seconds} s`;
  return hours === 0 ? `${minutes} min ${seconds % 60} s` : `${hours} h ${minutes % 60} min`;
}

/** A count as short as it fits beside others: 950, 12.3k, 4.5M. */
export function short(value: number): string {
  if (value < 1_000) return String(value);
  return value < 1_000_000 ? `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)}k` : `${(value / 1_000_000).toFixed(1)}M`;
}
