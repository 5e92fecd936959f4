import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { EventBody } from '../../../src/core/events.ts';
import { clientToken, makeIncarnation, parseSpinId, type SpinId } from '../../../src/core/ids.ts';
import { OWNED, ownershipTags } from '../../../src/core/tags.ts';
import type { Desire } from '../../../src/plan/plan.ts';
import { createClouds } from '../../../src/providers/aws/client/clouds.ts';
import type { AwsOptions } from '../../../src/providers/aws/options.ts';
import { openRegion } from '../../../src/providers/aws/region.ts';
import type { Call, CreateRequest, Handle, SpinRef, Target } from '../../../src/providers/provider.ts';
import type { AwsSettings } from '../../../src/spec/config.ts';
import { environmentOf } from '../../fakes/ec2/start.ts';
import { ACCOUNT, REGION, SETTINGS, STATE_TAG } from './world.ts';

export interface DataSettings {
  readonly url: string;
  readonly settings?: Partial<AwsSettings>;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly stateTag?: string;
  readonly id?: SpinId;
  readonly region?: string;
}

/** One region at a server that stands for AWS, and one spin in it. */
export type DataWorld = ReturnType<typeof dataWorld>;

export function dataWorld(given: DataSettings) {
  const { url, settings = {}, env = {}, clock = systemClock, stateTag = STATE_TAG, region = REGION } = given;
  const cacheDir = mkdtempSync(join(tmpdir(), 'spin-aws-'));
  onTestFinished(() => rmSync(cacheDir, { recursive: true, force: true }));
  const options: AwsOptions = {
    settings: { ...SETTINGS, ...settings },
    stateTag,
    env: { ...environmentOf(url, region), ...env },
    cacheDir,
    version: '0.0.0',
  };
  const clouds = createClouds(options);
  const events: EventBody[] = [];
  const call: Call = { clock, signal: new AbortController().signal, emit: (body) => void events.push(body) };
  const spin: SpinRef = {
    id: given.id ?? parseSpinId('web'),
    // Not of this moment: what is not shown of a spin that just began may have been made all the same.
    incarnation: makeIncarnation(clock.now() - 60_000),
    trace: '0'.repeat(32),
    place: { account: ACCOUNT, region },
  };
  const request = (address: string, desire: Desire, more: Partial<CreateRequest> = {}): CreateRequest => {
    const generation = more.generation ?? 1;
    const key = `${address}@${generation}`;
    const owner = { id: spin.id, incarnation: spin.incarnation, resource: key, state: stateTag };
    return {
      spin,
      key,
      address,
      kind: desire.kind,
      generation,
      token: clientToken(spin.id, spin.incarnation, address, generation),
      count: 1,
      desire,
      needs: [],
      fence: 1,
      tags: { ...ownershipTags(owner), [OWNED.owner]: 'ada' },
      deadline: clock.now() + 3_600_000,
      bindings: {},
      ...more,
    };
  };
  return { clouds, cloud: clouds.in(region), region: openRegion(clouds.in(region), call), options, call, events, spin, request };
}

/** A target whose creating call was answered long ago, so that what is missing is gone. */
export function aged(target: Target, handle: Handle | undefined): Target {
  return handle === undefined ? target : { ...target, handle: { ...handle, madeAt: 0 } };
}
