import * as React from 'react';

import { figure } from '../charts';
import { useContext } from '../context';
import type { IRequest } from '../model';
import { Card, Facts } from '../ui/parts';
import { clock } from '../ui/words';
import { cost, Foreign, planWords } from './words';

/** What was asked for, and who decided. */
export function FactsCard({ request }: { request: IRequest }): React.ReactElement {
  const { trans } = useContext();
  const rows: [string, React.ReactNode][] = [
    [trans.__('dataset'), <Foreign>{request.path}</Foreign>],
    [trans.__('version'), <span className="wb-Mono">{request.version}</span>],
    [trans.__('asked by'), <Foreign>{request.researcher}</Foreign>],
    [
      trans.__('purpose'),
      <>
        {request.purpose} <Foreign>{request.purpose_text}</Foreign>
      </>
    ],
    [
      trans.__('privacy asked'),
      `ε ${figure(request.epsilon)}, δ ${figure(request.delta)}`
    ],
    [trans.__('cost'), cost(trans, request)],
    [trans.__('plan'), planWords(trans, request)],
    [trans.__('what may leave'), request.outputs.join(', ')],
    [trans.__('repeat'), String(request.repeat)],
    [trans.__('submitted'), clock(request.submitted)],
    [trans.__('last news'), clock(request.updated)]
  ];
  if (request.approvals.given.length > 0 || request.approvals.needed > 1) {
    rows.push([
      trans.__('approvals'),
      <>
        {trans.__('%1 of %2', request.approvals.given.length, request.approvals.needed)}{' '}
        <Foreign>{request.approvals.given.join(', ')}</Foreign>
      </>
    ]);
  }
  if (request.decided_by) {
    rows.push([
      trans.__('decided by'),
      request.decided_by === 'policy' ? (
        trans.__('the policy')
      ) : (
        <>
          {trans.__('the steward')} <Foreign>{request.decider}</Foreign>
        </>
      )
    ]);
  }
  if (request.reason) {
    rows.push([trans.__('reason'), <Foreign>{request.reason}</Foreign>]);
  }
  rows.push([trans.__('digest'), <span className="wb-Mono">{request.digest}</span>]);
  return (
    <Card title={trans.__('The request')}>
      <Facts rows={rows} />
    </Card>
  );
}
