import type { Client, Command, MetadataBearer } from '@smithy/types';
import type { Call } from '../provider.ts';
import type { AwsOptions } from './options.ts';

/** What a client of the SDK is made with here; credentials, endpoint and request handler are added by the cloud. */
export interface ServiceConfig {
  readonly region: string;
}

/** The constructor of an SDK client: `EC2Client`, `STSClient`. */
export type Service<In extends object, Out extends MetadataBearer, Config> = new (config: ServiceConfig) => Client<In, Out, Config>;

export interface SendOptions {
  /** How many instances a RunInstances asks for: it is counted by the resource bucket too. */
  readonly instances?: number;
  /** Fails with Fault `throttled` `busy` unless its bucket is full: for what is only good to know. */
  readonly ifIdle?: boolean;
  /** A value in the request: no event and no Fault of it quotes it, nor has a cause that might. */
  readonly secret?: string;
}

/**
 * One region of one account, as the rest of this folder asks it. Every request goes through `send`: it waits for the token bucket of its
 * action, is given up after the deadline of one request, is sent again where AWS throttles or stumbles (all that is sent here is either
 * read-only or idempotent), and what AWS refuses is thrown as a classified Fault.
 */
export interface Cloud {
  readonly region: string;
  readonly options: AwsOptions;

  /** Account of the credentials; asked once per process. @throws Fault `denied` where there are no valid credentials */
  account(call: Call): Promise<string>;

  /**
   * Whose the credentials seem to be, without a question to AWS: tells accounts apart, and proves none. One account may go by several.
   * @throws Fault `denied` where there are no credentials
   */
  caller(call: Call): Promise<string>;

  /** @throws Fault: see faults.ts for the kinds; `class` is the AWS error code; the call's abort reason */
  send<AnyIn extends object, AnyOut extends MetadataBearer, Config, In extends AnyIn, Out extends AnyOut>(
    service: Service<AnyIn, AnyOut, Config>,
    command: Command<AnyIn, In, AnyOut, Out, Config>,
    call: Call,
    options?: SendOptions,
  ): Promise<Out>;
}

/** The regions that spin works in, each made when it is first asked for. */
export interface Clouds {
  /** The region of a spin, or of a spec that names none. @throws Fault `invalid` where no region is known */
  region(named: string | undefined): Promise<string>;
  in(region: string): Cloud;
  /** Regions that inventories look into. */
  swept(): Promise<readonly string[]>;
}
