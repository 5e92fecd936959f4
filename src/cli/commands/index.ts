import type { Command } from '../command.ts';
import { adopt } from './adopt.ts';
import { completion } from './completion.ts';
import { config } from './config.ts';
import { cost } from './cost.ts';
import { creds } from './creds.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { events } from './events.ts';
import { exec } from './exec.ts';
import { extend } from './extend.ts';
import { gc } from './gc.ts';
import { init } from './init.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { notice } from './notice.ts';
import { plan } from './plan.ts';
import { schema } from './schema.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';
import { up } from './up.ts';

/** Every command, in the order of help. */
export const COMMANDS: readonly Command[] = [
  plan,
  up,
  extend,
  ls,
  status,
  logs,
  exec,
  creds,
  events,
  cost,
  snapshot,
  down,
  gc,
  init,
  adopt,
  doctor,
  config,
  schema,
  completion,
  notice,
];
