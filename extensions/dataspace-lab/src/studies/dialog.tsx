import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';

import { ContextProvider, IContext, useContext } from '../context';
import type { IParameter } from '../model';
import { useLoaded } from '../ui/load';
import { Empty, Loading, Problem } from '../ui/parts';

/** What to run, and with which parameters. */
export interface IRun {
  path: string;
  parameters: Record<string, unknown>;
}

/** Ask for a notebook and its parameters; null if the person cancels. */
export async function askForRun(context: IContext, path: string): Promise<IRun | null> {
  const { trans } = context;
  const body = new RunForm(context, path);
  const answer = await showDialog({
    title: trans.__('Run a study'),
    body,
    focusNodeSelector: '.wb-RunForm-path',
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Run') })
    ]
  });
  return answer.button.accept ? answer.value : null;
}

class RunForm extends ReactWidget implements Dialog.IBodyWidget<IRun> {
  private run: IRun;

  constructor(
    private readonly context: IContext,
    path: string
  ) {
    super();
    this.run = { path, parameters: {} };
    this.addClass('wb-Widget');
    this.addClass('wb-RunForm');
  }

  getValue(): IRun {
    return this.run;
  }

  protected render(): React.ReactElement {
    return (
      <ContextProvider value={this.context}>
        <Form first={this.run.path} onChange={run => (this.run = run)} />
      </ContextProvider>
    );
  }
}

function Form(props: {
  first: string;
  onChange: (run: IRun) => void;
}): React.ReactElement {
  const { api, trans } = useContext();
  const [typed, setTyped] = React.useState(props.first);
  const [path, setPath] = React.useState(props.first);
  const [texts, setTexts] = React.useState<Record<string, string>>({});
  const { value, problem, loading } = useLoaded(
    () => (path ? api.studyParameters(path) : Promise.resolve([])),
    [path]
  );
  React.useEffect(() => {
    const parameters: Record<string, unknown> = {};
    for (const parameter of value ?? []) {
      const text = texts[parameter.name];
      if (text !== undefined && text !== shown(parameter.default)) {
        parameters[parameter.name] = parsed(text, parameter);
      }
    }
    props.onChange({ path: typed, parameters });
  }, [typed, texts, value]);
  return (
    <>
      <label>
        {trans.__('Notebook')}
        <input
          className="wb-Input wb-RunForm-path"
          value={typed}
          placeholder="breast-cancer-study.ipynb"
          onChange={event => setTyped(event.target.value)}
          onBlur={() => setPath(typed)}
        />
      </label>
      {problem && <Problem problem={problem} kind="warning" />}
      {loading && <Loading label={trans.__('Reading the parameters')} />}
      {!loading && !problem && value?.length === 0 && (
        <Empty>{trans.__('This notebook has no parameters.')}</Empty>
      )}
      {!problem &&
        (value ?? []).map(parameter => (
          <label key={parameter.name}>
            <span className="wb-Mono">{parameter.name}</span>
            {parameter.type && <span className="wb-Muted"> {parameter.type}</span>}
            <input
              className="wb-Input"
              value={texts[parameter.name] ?? shown(parameter.default)}
              onChange={event =>
                setTexts({ ...texts, [parameter.name]: event.target.value })
              }
            />
            {parameter.help && <span className="wb-Muted">{parameter.help}</span>}
          </label>
        ))}
    </>
  );
}

/** A default is Python source: a text in quotes is shown without them. */
function shown(source: string): string {
  return isText(source) ? source.slice(1, -1) : source;
}

function isText(source: string): boolean {
  return /^(["']).*\1$/s.test(source);
}

/** What was typed, as the kind of value that the default is. */
function parsed(text: string, { default: source }: IParameter): unknown {
  const plain: Record<string, unknown> = { True: true, False: false, None: null };
  if (isText(source)) {
    return text;
  }
  if (text.trim() in plain) {
    return plain[text.trim()];
  }
  const number = Number(text);
  if (text.trim() !== '' && !Number.isNaN(number)) {
    return number;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
