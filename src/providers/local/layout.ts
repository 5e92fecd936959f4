import { join } from 'node:path';
import type { Incarnation, SpinId } from '../../core/ids.ts';

/** Paths of one incarnation: `<stateDir>/local/<id>/<incarnation>/`. Absolute; the folder is 0700. */
export interface SpinFolder {
  readonly root: string;
  /** The folder of the ID, with one folder for each incarnation. */
  readonly parent: string;
  /** What the keeper needs to know from its start on. */
  readonly config: string;
  /** What the keeper should run; durable before a request is answered. */
  readonly desired: string;
  /** What the keeper did; an instance's intent is in it before its process exists. */
  readonly instances: string;
  /** One empty file named by the highest fencing number seen. */
  readonly fences: string;
  readonly keeperLog: string;
  readonly logs: string;
  readonly secrets: string;
  readonly volumes: string;
  readonly scratch: string;
}

/** File name of the control socket inside the folder; never used with its whole path, which may pass 107 bytes. */
export const SOCKET_NAME = 'keeper.sock';

/** The folder under which all local spins of a state location live. */
export function spinsRoot(stateDir: string): string {
  return join(stateDir, 'local');
}

/** What a keeper reads first: it is started with nothing but the folder. */
export function configFile(root: string): string {
  return join(root, 'keeper.json');
}

export function spinFolder(stateDir: string, id: SpinId, incarnation: Incarnation): SpinFolder {
  const parent = join(spinsRoot(stateDir), id);
  const root = join(parent, incarnation);
  return {
    root,
    parent,
    config: configFile(root),
    desired: join(root, 'desired.json'),
    instances: join(root, 'instances.json'),
    fences: join(root, 'fences'),
    keeperLog: join(root, 'keeper.log'),
    logs: join(root, 'logs'),
    secrets: join(root, 'secrets'),
    volumes: join(root, 'volumes'),
    scratch: join(root, 'scratch'),
  };
}

/** `web@1.2`: service, generation, ordinal from 1. */
export function instanceName(service: string, generation: number, ordinal: number): string {
  return `${service}@${generation}.${ordinal}`;
}

/** Environment variable that marks every process of a spin; children inherit it, also those that leave the session. */
export const MARK_VARIABLE = 'SPIN_MARK';
/** Environment variable that tells one start of an instance from the next. */
export const RUN_VARIABLE = 'SPIN_RUN';

/** What the mark in a process's environment says: whose it is. */
export interface Mark {
  /** Digest of the state location. */
  readonly state: string;
  readonly id: string;
  readonly incarnation: string;
  /** Resource key, such as `service.web@2`. */
  readonly resource: string;
  /** Such as `web@2.1`, or `keeper`. */
  readonly instance: string;
}

export const KEEPER_INSTANCE = 'keeper';

export function writeMark(mark: Mark): string {
  return [mark.state, mark.id, mark.incarnation, mark.resource, mark.instance].join('/');
}

/** The mark as an environment holds it, or undefined where it is not one of ours. */
export function parseMark(text: string): Mark | undefined {
  const [state, id, incarnation, resource, instance, ...rest] = text.split('/');
  if (state === undefined || id === undefined || incarnation === undefined || resource === undefined || instance === undefined)
    return undefined;
  return rest.length === 0 ? { state, id, incarnation, resource, instance } : undefined;
}
