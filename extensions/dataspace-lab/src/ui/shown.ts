import * as React from 'react';

/** An element, and how often it has come into view: what it shows is asked for then. */
export function useShown<T extends Element>(): [React.RefObject<T>, number] {
  const ref = React.useRef<T>(null);
  const [times, setTimes] = React.useState(0);
  React.useEffect(() => {
    const observer = new IntersectionObserver(entries => {
      if (entries[entries.length - 1].isIntersecting) {
        setTimes(before => before + 1);
      }
    });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return [ref, times];
}

/** What `ask` answers once the element has been in view; nothing is asked before. */
export function onceShown<T>(times: number, ask: () => Promise<T>): Promise<T> {
  return times > 0 ? ask() : new Promise(() => undefined);
}
