/** How the double behaves. All that is left out is as in `DEFAULTS`; times are milliseconds of its clock. */
export interface WorldOptions {
  /** From the answer of RunInstances until `running`. */
  readonly pendingMs: number;
  /** `shutting-down` and `stopping`. */
  readonly stoppingMs: number;
  /** Status checks say `initializing` for that long after `running`. */
  readonly statusMs: number;
  /** A new thing is absent from lists and not found by its ID for that long. */
  readonly visibleMs: number;
  /** Volumes are `creating` and `deleting`, attachments `attaching` and `detaching`. */
  readonly volumeMs: number;
  /** Snapshots are `pending`. */
  readonly snapshotMs: number;
  /** How long a terminated instance is listed. */
  readonly terminatedMs: number;
  readonly account: string;
  /** Of the default VPC; its three subnets are each a /20 of it. A /32 gives every instance the same address. */
  readonly privateCidr: string;
  readonly publicCidr: string;
  /** Items of a page where a request does not say. */
  readonly pageSize: number;
}

export const DEFAULTS: WorldOptions = {
  pendingMs: 0,
  stoppingMs: 0,
  statusMs: 0,
  visibleMs: 0,
  volumeMs: 0,
  snapshotMs: 0,
  terminatedMs: 3_600_000,
  account: '123456789012',
  privateCidr: '127.31.0.0/16',
  publicCidr: '127.200.0.0/16',
  pageSize: 1000,
};
