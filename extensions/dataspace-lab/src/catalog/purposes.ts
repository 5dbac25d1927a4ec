import type { TranslationBundle } from '@jupyterlab/translation';

/** A purpose of the Data Use Ontology in words; the code itself where it is not known here. */
export function purposeWords(trans: TranslationBundle, code: string): string {
  switch (code) {
    case 'DUO:0000042':
      return trans.__('general research');
    case 'DUO:0000006':
      return trans.__('health or biomedical research');
    case 'DUO:0000007':
      return trans.__('disease-specific research');
    case 'DUO:0000011':
      return trans.__('population origins or ancestry');
    case 'DUO:0000016':
      return trans.__('genetic studies only');
    default:
      return code;
  }
}
