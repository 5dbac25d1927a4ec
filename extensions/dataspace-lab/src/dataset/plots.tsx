import * as React from 'react';

import { Bars, Histogram } from '../charts';
import { useContext } from '../context';
import type { IPlot } from '../model';
import { Card } from '../ui/parts';
import { number } from '../ui/words';

const FIRST = 12;

/** One small plot for each column of the snippet. */
export function Plots({ plots }: { plots: IPlot[] }): React.ReactElement | null {
  const { trans } = useContext();
  const [all, setAll] = React.useState(false);
  const [large, setLarge] = React.useState<IPlot | null>(null);
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
      {large && <LargePlot plot={large} />}
      <div className="wb-Plots">
        {shown.map(plot => (
          <button
            key={plot.column}
            type="button"
            className="wb-Plot"
            aria-pressed={plot === large}
            title={trans.__('Show %1 larger', plot.column)}
            onClick={() => setLarge(plot === large ? null : plot)}
          >
            <SmallPlot plot={plot} />
          </button>
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

function LargePlot({ plot }: { plot: IPlot }): React.ReactElement {
  const { trans } = useContext();
  const title = trans.__('%1, synthetic records', plot.column);
  return plot.kind === 'histogram' ? (
    <Histogram
      trans={trans}
      title={title}
      label={plot.column}
      edges={plot.edges}
      counts={plot.counts}
    />
  ) : (
    <Bars
      trans={trans}
      title={title}
      label={trans.__('how many')}
      bars={plot.labels.map((label, at) => ({ label, value: plot.counts[at] }))}
    />
  );
}

function SmallPlot({ plot }: { plot: IPlot }): React.ReactElement {
  const most = Math.max(1, ...plot.counts);
  const width = 120 / Math.max(1, plot.counts.length);
  const ends =
    plot.kind === 'bars'
      ? [
          plot.labels[0],
          plot.labels.length > 1 ? plot.labels[plot.labels.length - 1] : ''
        ]
      : [number(plot.edges[0]), number(plot.edges[plot.edges.length - 1])];
  const gap = plot.kind === 'bars' ? Math.min(4, width / 4) : 0.5;
  return (
    <>
      <span className="wb-Plot-name">{plot.column}</span>
      <svg viewBox="0 0 120 44" preserveAspectRatio="none" aria-hidden="true">
        {plot.counts.map((many, at) => (
          <rect
            key={at}
            x={at * width + gap / 2}
            y={44 - (42 * many) / most}
            width={Math.max(0.5, width - gap)}
            height={(42 * many) / most}
          />
        ))}
      </svg>
      <span className="wb-Plot-ends" aria-hidden="true">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </span>
    </>
  );
}
