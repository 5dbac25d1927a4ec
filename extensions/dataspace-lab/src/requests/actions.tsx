import * as React from 'react';

import type { IContext } from '../context';
import type { IRequest } from '../model';
import { insertCells } from '../notebook';
import { save } from '../ui/attempt';
import { confirm, tell } from '../ui/dialogs';
import { Foreign, shortDigest, whatStaysCharged } from './words';

/** Open the page of a request. */
export function openRequest(
  context: IContext,
  { domain, digest }: Pick<IRequest, 'domain' | 'digest'>
): void {
  context.pages.open('request', { domain, digest });
}

/** Ask the person to confirm, then cancel. */
export async function cancelRequest(context: IContext, request: IRequest): Promise<void> {
  const { trans } = context;
  const sure = await confirm({
    title: trans.__('Cancel this request?'),
    body: (
      <div>
        <p>
          <Foreign>{request.function}</Foreign> {trans.__('on')}{' '}
          <Foreign>{request.path}</Foreign>
        </p>
        <p>{whatStaysCharged(trans, request)}</p>
      </div>
    ),
    keep: trans.__('Keep it'),
    go: trans.__('Cancel the request')
  });
  if (!sure) {
    return;
  }
  try {
    context.store.putRequest(
      await context.api.cancelRequest(request.domain, request.digest)
    );
  } catch (thrown) {
    await tell(trans.__('It was not cancelled'), thrown);
  }
}

/** Let the browser save the bundle that `workbench verify` checks. */
export async function downloadEvidence(
  context: IContext,
  request: IRequest
): Promise<void> {
  try {
    const bundle = await context.api.evidence(request.domain, request.digest);
    save(bundle, `evidence-${shortDigest(request.digest)}.json`);
  } catch (thrown) {
    await tell(context.trans.__('There is no evidence to download'), thrown);
  }
}

/** Why code cannot go into a notebook now; empty if it can. */
export function whyNoNotebook(context: IContext): string {
  return context.notebooks?.currentWidget
    ? ''
    : context.trans.__(
        'Open a notebook first: the code goes into the one you used last.'
      );
}

/** Put `code` into the notebook that was used last, and go there. */
export async function insertCode(context: IContext, code: string): Promise<void> {
  const panel = context.notebooks?.currentWidget;
  if (panel) {
    context.app.shell.activateById(panel.id);
    await insertCells(panel, [{ kind: 'code', source: code }]);
  }
}
