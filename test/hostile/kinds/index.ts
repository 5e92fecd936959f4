import type { Kind } from '../kind.ts';
import { answers, inventories } from './answers.ts';
import { commandLines, commands } from './command-lines.ts';
import { configs } from './configs.ts';
import { journals, tornJournals } from './journals.ts';
import { ledgers, tornLedgers } from './ledgers.ts';
import { records, tornRecords } from './records.ts';
import { shells } from './shells.ts';
import { specTexts, specTrees } from './specs.ts';

/** Every kind of hostile input, in the order of the report. */
export const KINDS: readonly Kind[] = [
  specTexts,
  specTrees,
  shells,
  configs,
  records,
  tornRecords,
  journals,
  tornJournals,
  ledgers,
  tornLedgers,
  inventories,
  answers,
  commandLines,
  commands,
];
