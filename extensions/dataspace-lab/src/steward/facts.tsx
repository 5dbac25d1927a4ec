import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { figure, Gauge } from '../charts';
import type { IRequest } from '../model';
import { Foreign, planWords } from '../requests/words';
import { Card, Facts } from '../ui/parts';
import { clock } from '../ui/words';
import { Diff } from './diff';
import type { IReview } from './review';

interface IProps {
  trans: TranslationBundle;
  request: IRequest;
  review: IReview;
}

function List({ items }: { items: string[] }): React.ReactElement {
  return (
    <ul className="wb-Checks">
      {items.map((item, i) => (
        <li key={i}>
          <Foreign>{item}</Foreign>
        </li>
      ))}
    </ul>
  );
}

function Operators({ trans, review }: IProps): React.ReactElement {
  const { operators, trainable, archive_bytes } = review.facts;
  const names = Object.entries(operators).map(
    ([name, count]) => `${name.replace(/^aten\.|\.default$/g, '')} ×${count}`
  );
  return (
    <details>
      <summary>
        {trans.__(
          '%1 trained parameters, %2 KB, %3 kinds of operators',
          trainable.toLocaleString(),
          Math.ceil(archive_bytes / 1024),
          names.length
        )}
      </summary>
      <Foreign>{names.join(', ')}</Foreign>
    </details>
  );
}

function Rehearsal({ trans, review }: IProps): React.ReactElement {
  const { state, metrics, note } = review.rehearsal;
  if (state === 'waiting') {
    return <>{trans.__('running on the snippet …')}</>;
  }
  if (state === 'failed') {
    return (
      <>
        {trans.__('failed:')} <Foreign>{note}</Foreign>
      </>
    );
  }
  const values = metrics.map(metric => `${metric.name} ${figure(metric.value, 3)}`);
  return (
    <Foreign>
      {`${values.join(', ') || trans.__('ran without metrics')} (${note})`}
    </Foreign>
  );
}

function countWords({ trans, review }: IProps): string {
  const text = (found: Record<string, number>): string =>
    Object.entries(found)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const clamped = text(review.counts.clamped);
  const filled = text(review.counts.filled);
  return (
    [
      clamped && trans.__('clamped to bounds: %1', clamped),
      filled && trans.__('filled: %1', filled)
    ]
      .filter(Boolean)
      .join('; ') || trans.__('no value was clamped or filled')
  );
}

/** Every fact that a decision rests on. */
export function ReviewFacts(props: IProps): React.ReactElement {
  const { trans, request, review } = props;
  return (
    <>
      <Card title={trans.__('What would happen')}>
        <p className="wb-Construction">
          <svg width={16} height={16} viewBox="0 0 24 24" aria-hidden="true">
            <path
              fill="currentColor"
              d="M12 1 3 5v6c0 5.5 3.8 10.7 9 12 5.2-1.3 9-6.5 9-12V5zm-2 16-4-4 1.4-1.4L10 14.2l6.6-6.6L18 9z"
            />
          </svg>
          <span>
            <strong>{trans.__('Private by construction:')}</strong>{' '}
            {trans.__(
              'only allow-listed operators run, on one record at a time, and what leaves is noised.'
            )}
          </span>
        </p>
        <Facts
          rows={[
            [trans.__('what would leave'), <List items={review.leaves} />],
            [trans.__('plan'), planWords(trans, request)],
            [trans.__('graph'), <Operators {...props} />],
            [trans.__('rehearsal on the snippet'), <Rehearsal {...props} />],
            [trans.__('data'), countWords(props)]
          ]}
        />
      </Card>
      <Card title={trans.__('What it costs')}>
        <Gauge
          trans={trans}
          label={trans.__('budget of %1', request.path)}
          total={review.budget.epsilon_total}
          left={review.budget.epsilon_left}
          spent={review.budget.epsilon_spent}
          asked={request.state === 'pending' ? request.epsilon : 0}
        />
        <Facts
          rows={[
            [
              trans.__('privacy asked'),
              `ε ${figure(review.epsilon_asked)}, δ ${figure(review.delta)}`
            ],
            [trans.__('privacy, computed here'), `ε ${figure(review.epsilon_run)}`],
            [trans.__('runs so far'), String(review.budget.runs ?? '–')]
          ]}
        />
      </Card>
      <Card title={trans.__('Who asks, and why')}>
        <Facts
          rows={[
            [trans.__('who'), <Foreign>{request.researcher}</Foreign>],
            [
              trans.__('purpose'),
              <>
                {request.purpose} <Foreign>{request.purpose_text}</Foreign>
              </>
            ],
            [trans.__('dataset'), <Foreign>{request.path}</Foreign>],
            [trans.__('version'), <span className="wb-Mono">{request.version}</span>],
            [trans.__('submitted'), clock(request.submitted)],
            [trans.__('digest'), <span className="wb-Mono">{request.digest}</span>]
          ]}
        />
      </Card>
      <Card title={trans.__('The terms, line by line')}>
        <List items={review.policy} />
      </Card>
      <Card title={trans.__('Since the last approval of this function')}>
        <Diff trans={trans} previous={review.previous} />
      </Card>
    </>
  );
}
