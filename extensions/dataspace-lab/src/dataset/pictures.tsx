import * as React from 'react';

interface IPictureProps {
  values: number[];
  shape: number[];
  label: string;
}

/** Grey values from 0 to 1 as a picture whose pixels can be seen. */
export function Picture({ values, shape, label }: IPictureProps): React.ReactElement {
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [height = 1, width = 1] = shape.slice(-2);
  React.useEffect(() => {
    const drawing = canvas.current?.getContext('2d');
    if (!drawing) {
      return;
    }
    const image = drawing.createImageData(width, height);
    for (let at = 0; at < width * height; at += 1) {
      const grey = 255 * Math.min(1, Math.max(0, values[at] ?? 0));
      image.data.set([grey, grey, grey, 255], 4 * at);
    }
    drawing.putImageData(image, 0, 0);
  }, [values, width, height]);
  return (
    <canvas ref={canvas} width={width} height={height} role="img" aria-label={label} />
  );
}

/** One or more channels as lines over time. */
export function Trace({ values, shape, label }: IPictureProps): React.ReactElement {
  const points = shape[shape.length - 1] || values.length;
  const channels = Math.max(1, Math.floor(values.length / points));
  const lowest = Math.min(...values);
  const span = Math.max(...values) - lowest || 1;
  return (
    <svg viewBox="0 0 200 60" preserveAspectRatio="none" role="img" aria-label={label}>
      {Array.from({ length: channels }, (_, channel) => {
        const line = values.slice(channel * points, (channel + 1) * points);
        const path = line.map((value, at) => {
          const x = (200 * at) / Math.max(1, line.length - 1);
          return `${x.toFixed(1)},${(57 - (54 * (value - lowest)) / span).toFixed(1)}`;
        });
        return (
          <polyline key={channel} points={path.join(' ')} data-channel={channel % 4} />
        );
      })}
    </svg>
  );
}
