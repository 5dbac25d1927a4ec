import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Lines } from '../charts';
import type { IEvaluation } from '../model';

/** The metrics along the steps of a training run, with their noise. */
export function LearningCurve(props: {
  trans: TranslationBundle;
  history: readonly IEvaluation[];
  steps: number;
}): React.ReactElement {
  const { trans, history, steps } = props;
  const names = [
    ...new Set(history.flatMap(one => one.metrics.map(metric => metric.name)))
  ];
  return (
    <Lines
      trans={trans}
      title={trans.__('Learning curve')}
      xLabel={trans.__('steps')}
      yLabel={trans.__('metric')}
      xRange={[0, steps]}
      yLimits={[0, 1]}
      lines={names.map(name => ({
        name,
        points: history.flatMap(({ step, metrics }) =>
          metrics
            .filter(metric => metric.name === name)
            .map(({ value, standard_error }) => ({
              x: step,
              y: value,
              error: standard_error
            }))
        )
      }))}
    />
  );
}
