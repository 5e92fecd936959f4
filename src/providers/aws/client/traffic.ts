/** What this process asked AWS so far. */
export interface Traffic {
  /** All requests that were sent, the repeated ones included. */
  readonly requests: number;
  readonly retries: number;
  /** Answers with 429 or 503, or whose code tells of throttling. */
  readonly throttled: number;
}

export interface TrafficReport extends Traffic {
  /** By action, such as `ec2:RunInstances`. */
  readonly byAction: Readonly<Record<string, Traffic>>;
}

const counts = new Map<string, { requests: number; retries: number; throttled: number }>();

/** The counts of this process since it began. What one command caused is the difference of two reports. */
export function traffic(): TrafficReport {
  const total = { requests: 0, retries: 0, throttled: 0 };
  for (const { requests, retries, throttled } of counts.values()) {
    total.requests += requests;
    total.retries += retries;
    total.throttled += throttled;
  }
  return { ...total, byAction: Object.fromEntries([...counts].map(([action, count]) => [action, { ...count }])) };
}

export function countTraffic(action: string, what: keyof Traffic): void {
  const count = counts.get(action) ?? { requests: 0, retries: 0, throttled: 0 };
  count[what]++;
  counts.set(action, count);
}
