import type { Clock } from '../../../src/core/clock.ts';
import type { Answer } from './answers.ts';
import type { Call } from './call.ts';
import { element, find, parseXml, printXml } from './xml.ts';

interface Target {
  readonly id: string;
  readonly port: string;
}

/** Targets that were taken out not long ago: moto forgets them at once, and a load balancer lets requests under way end first. */
export class Draining {
  readonly #clock: Clock;
  readonly #drainMs: () => number;
  /** When each was taken out first, by target group and target. */
  readonly #out = new Map<string, Map<string, { readonly target: Target; readonly at: number }>>();

  constructor(clock: Clock, drainMs: () => number) {
    this.#clock = clock;
    this.#drainMs = drainMs;
  }

  /** Notes what a call does, and puts what drains into the answer of one that asks. */
  answer(call: Call, answer: Answer): Answer {
    if (call.service !== 'elasticloadbalancing' || answer.status >= 300) return answer;
    const group = call.params.get('TargetGroupArn') ?? '';
    const known = this.#out.get(group) ?? new Map<string, { readonly target: Target; readonly at: number }>();
    this.#out.set(group, known);
    if (call.action === 'RegisterTargets') for (const target of targetsOf(call)) known.delete(keyOf(target));
    if (call.action === 'DeregisterTargets') {
      for (const target of targetsOf(call)) {
        if (!known.has(keyOf(target))) known.set(keyOf(target), { target, at: this.#clock.now() });
      }
    }
    if (call.action !== 'DescribeTargetHealth') return answer;
    const draining = [...known.values()].filter(({ at }) => this.#clock.now() - at < this.#drainMs());
    return draining.length === 0 ? answer : withDraining(answer, draining);
  }

  forget(): void {
    this.#out.clear();
  }
}

function withDraining(answer: Answer, draining: readonly { readonly target: Target }[]): Answer {
  const root = parseXml(answer.body.toString('utf8'));
  const list = find(root, 'DescribeTargetHealthResult', 'TargetHealthDescriptions');
  for (const { target } of draining) {
    list?.children.push(
      element(
        'member',
        element('Target', element('Id', target.id), ...(target.port === '' ? [] : [element('Port', target.port)])),
        element('TargetHealth', element('State', 'draining'), element('Reason', 'Target.DeregistrationInProgress')),
      ),
    );
  }
  return { ...answer, body: Buffer.from(printXml(root)) };
}

function targetsOf({ params }: Call): readonly Target[] {
  const found: Target[] = [];
  for (let index = 1; ; index++) {
    const id = params.get(`Targets.member.${index}.Id`);
    if (id === null) return found;
    found.push({ id, port: params.get(`Targets.member.${index}.Port`) ?? '' });
  }
}

function keyOf({ id, port }: Target): string {
  return `${id}:${port}`;
}
