import type { TranslationBundle } from '@jupyterlab/translation';

/** A number as people write it: 0.5, 12, 10,000. */
export function number(value: number, digits = 3): string {
  return value.toLocaleString(undefined, {
    maximumSignificantDigits: Math.max(digits, 1)
  });
}

/** A count, in full. */
export function count(value: number): string {
  return value.toLocaleString();
}

/** A privacy budget: two digits after the point, none if they are zero. */
export function epsilon(value: number): string {
  return value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

/** A moment as "5 min ago", and as a date when it is long past. */
export function ago(trans: TranslationBundle, iso: string, now = Date.now()): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) {
    return iso;
  }
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 60) {
    return trans.__('just now');
  }
  if (seconds < 3600) {
    return trans.__('%1 min ago', Math.floor(seconds / 60));
  }
  if (seconds < 86_400) {
    return trans.__('%1 h ago', Math.floor(seconds / 3600));
  }
  return new Date(then).toLocaleDateString();
}

/** A moment as a time of day if it is today, else as a date and time. */
export function clock(iso: string): string {
  const then = new Date(iso);
  if (Number.isNaN(then.getTime())) {
    return iso;
  }
  const today = new Date().toDateString() === then.toDateString();
  return today
    ? then.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : then.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}
