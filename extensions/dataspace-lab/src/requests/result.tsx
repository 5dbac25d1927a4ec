import * as React from 'react';

import { Bars, figure } from '../charts';
import { useContext } from '../context';
import type { IRequest, IResult } from '../model';
import { ActionButton, Card, Facts } from '../ui/parts';
import { downloadEvidence } from './actions';
import { LearningCurve } from './curve';
import { Foreign } from './words';

/** What was released: metrics with their noise, the curve, the sums of a statistic. */
export function ResultCards(props: {
  request: IRequest;
  result: IResult;
}): React.ReactElement {
  const { trans } = useContext();
  const { request, result } = props;
  const { evidence, privacy, steps } = result;
  if (!evidence.verified || privacy === null || steps === null) {
    // The server sends no figure then, and a card without figures would look like a result.
    return <EvidenceCard {...props} />;
  }
  return (
    <>
      {result.metrics.length > 0 && (
        <Card title={trans.__('Metrics')}>
          <Bars
            trans={trans}
            title={trans.__('Measured on the hold-out part')}
            label={trans.__('value')}
            range={[0, 1]}
            bars={result.metrics.map(metric => ({
              label: metric.name,
              value: metric.value,
              error: metric.standard_error
            }))}
          />
          {result.history.length > 0 && (
            <LearningCurve trans={trans} history={result.history} steps={steps} />
          )}
        </Card>
      )}
      {result.statistics.length > 0 && (
        <Card title={trans.__('Noisy sums')}>
          {result.statistics.map(({ name, values }) => (
            <Bars
              key={name}
              trans={trans}
              title={name}
              label={trans.__('value')}
              bars={values.map((value, i) => ({ label: String(i + 1), value }))}
            />
          ))}
        </Card>
      )}
      <Card title={trans.__('Privacy spent')}>
        <Facts
          rows={[
            [trans.__('this run'), `ε ${figure(privacy.epsilon)}`],
            [trans.__('asked'), `ε ${figure(request.epsilon)}`],
            [trans.__('δ'), figure(privacy.delta)],
            [
              request.kind === 'statistic' ? trans.__('rounds') : trans.__('steps'),
              ran(trans.__('stopped early'), request, steps)
            ],
            [trans.__('engine'), result.engine]
          ]}
        />
      </Card>
      <EvidenceCard {...props} />
    </>
  );
}

/** How many steps or rounds ran, beside how many were planned. */
function ran(early: string, { plan }: IRequest, steps: number): string {
  const planned = Number(plan.steps ?? plan.rounds ?? steps);
  return steps < planned ? `${steps} / ${planned} (${early})` : String(steps);
}

/** Whether the signed documents hold, what was checked, and the bundle to keep. */
function EvidenceCard(props: { request: IRequest; result: IResult }): React.ReactElement {
  const context = useContext();
  const { trans } = context;
  const { verified, checks, message } = props.result.evidence;
  return (
    <Card
      title={trans.__('Evidence')}
      aside={
        <ActionButton onClick={() => void downloadEvidence(context, props.request)}>
          {trans.__('Download evidence')}
        </ActionButton>
      }
    >
      <p className="wb-Verdict" data-verified={verified}>
        <svg width={18} height={18} viewBox="0 0 24 24" aria-hidden="true">
          <path
            fill="currentColor"
            d={
              verified
                ? 'M12 1 3 5v6c0 5.5 3.8 10.7 9 12 5.2-1.3 9-6.5 9-12V5zm-2 16-4-4 1.4-1.4L10 14.2l6.6-6.6L18 9z'
                : 'M12 1 3 5v6c0 5.5 3.8 10.7 9 12 5.2-1.3 9-6.5 9-12V5zm-1 5h2v8h-2zm0 10h2v2h-2z'
            }
          />
        </svg>
        <strong>{verified ? trans.__('Verified') : trans.__('NOT verified')}</strong>
      </p>
      {message && (
        <p>
          <Foreign>{message}</Foreign>
        </p>
      )}
      {!verified && (
        <p>
          {trans.__(
            'Nothing of this release is shown. Keep the bundle and ask the operator of %1.',
            props.request.domain
          )}
        </p>
      )}
      {checks.length > 0 && (
        <ul className="wb-Checks">
          {checks.map((check, i) => (
            <li key={i}>
              <Foreign>{String(check)}</Foreign>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
