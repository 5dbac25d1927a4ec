import * as React from 'react';

import { useContext } from '../context';
import type { IPlot } from '../model';
import { Card } from '../ui/parts';
import { number } from '../ui/words';

const FIRST = 12;

/** One small plot for each column of the snippet. */
export function Plots({ plots }: { plots: IPlot[] }): React.ReactElement | null {
  const { trans } = useContext();
  const [all, setAll] = React.useState(false);
  if (plots.length === 0) {
    return null;
  }
  const shown = all ? plots : plots.slice(0, FIRST);
  return (
    <Card
      title={trans.__('Plots of the snippet')}
      aside={
        <span className="wb-Muted">{trans.__('synthetic records, not the data')}</span>
      }
    >
      <div className="wb-Plots">
        {shown.map(plot => (
          <Plot key={plot.column} plot={plot} />
        ))}
      </div>
      {shown.length < plots.length && (
        <button type="button" className="wb-Button" onClick={() => setAll(true)}>
          {trans.__('Show all %1', plots.length)}
        </button>
      )}
    </Card>
  );
}

function Plot({ plot }: { plot: IPlot }): React.ReactElement {
  const { trans } = useContext();
  const most = Math.max(1, ...plot.counts);
  const width = 120 / Math.max(1, plot.counts.length);
  const names =
    plot.kind === 'bars'
      ? plot.labels
      : plot.counts.map(
          (_, at) => `${number(plot.edges[at])} – ${number(plot.edges[at + 1])}`
        );
  const ends =
    plot.kind === 'bars'
      ? [
          plot.labels[0],
          plot.labels.length > 1 ? plot.labels[plot.labels.length - 1] : ''
        ]
      : [number(plot.edges[0]), number(plot.edges[plot.edges.length - 1])];
  const gap = plot.kind === 'bars' ? Math.min(4, width / 4) : 0.5;
  const words = plot.counts.map((many, at) => `${names[at]}: ${many}`).join(', ');
  return (
    <figure className="wb-Plot">
      <figcaption title={plot.column}>{plot.column}</figcaption>
      <svg
        viewBox="0 0 120 44"
        preserveAspectRatio="none"
        role="img"
        aria-label={trans.__('%1 of the snippet. %2', plot.column, words)}
      >
        {plot.counts.map((many, at) => (
          <rect
            key={at}
            x={at * width + gap / 2}
            y={44 - (42 * many) / most}
            width={Math.max(0.5, width - gap)}
            height={(42 * many) / most}
          >
            <title>{`${names[at]}: ${many}`}</title>
          </rect>
        ))}
      </svg>
      <div className="wb-Plot-ends" aria-hidden="true">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </div>
    </figure>
  );
}
