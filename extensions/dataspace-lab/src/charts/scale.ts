/** Linear scales, round ticks, and how figures are written. */

export type Interval = readonly [number, number];

/** Maps values of `domain` to pixels of `range`. */
export interface IScale {
  (value: number): number;
  readonly domain: Interval;
  readonly ticks: readonly number[];
}

/** A step of 1, 2 or 5 times a power of ten, so that about `count` fit into `span`. */
function roundStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find(one => one * power >= rough) ?? 10;
  return factor * power;
}

export function ticksOf([low, high]: Interval, count: number): number[] {
  const step = roundStep(high - low, count);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiplying, not adding up, keeps 0.3 from becoming 0.30000000000000004 further on.
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12))
  );
}

export function linear(domain: Interval, range: Interval, count = 5): IScale {
  const [low, high] = domain[1] > domain[0] ? domain : [domain[0] - 0.5, domain[0] + 0.5];
  const scale = (value: number): number =>
    range[0] + ((value - low) / (high - low)) * (range[1] - range[0]);
  return Object.assign(scale, {
    domain: [low, high] as const,
    ticks: ticksOf([low, high], count)
  });
}

/** The smallest interval that holds all finite values, or [0, 1] if there are none. */
export function extent(values: readonly number[]): Interval {
  const finite = values.filter(Number.isFinite);
  return finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
}

/** `domain` widened to whole ticks. */
export function rounded(domain: Interval, count = 5): Interval {
  if (!(domain[1] > domain[0])) {
    return domain;
  }
  const step = roundStep(domain[1] - domain[0], count);
  return [Math.floor(domain[0] / step) * step, Math.ceil(domain[1] / step) * step];
}

export function figure(value: number, digits = 4): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    return value.toExponential(Math.max(0, digits - 2));
  }
  return value.toLocaleString('en', { maximumSignificantDigits: digits });
}

/** A measured value with the standard error of its noise, both to the same place. */
export function measured(value: number, error: number | null | undefined): string {
  if (!error || !Number.isFinite(error)) {
    return figure(value);
  }
  const places = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(Math.abs(error)))));
  return `${value.toFixed(places)} ± ${error.toFixed(places)}`;
}

export function shorten(text: string, most: number): string {
  const letters = Array.from(text);
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : text;
}
