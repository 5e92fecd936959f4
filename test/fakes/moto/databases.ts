import { type Answer, errorAnswer } from './answers.ts';
import type { Call } from './call.ts';
import { elementsOf, find, parseXml, printXml, setText, textAt } from './xml.ts';

/** Databases that are not available, which moto's always are: what RDS says of them, and what it refuses. */
export class Databases {
  readonly #statuses = new Map<string, string>();

  /** Puts a database into a status such as `failed`. */
  put(identifier: string, status: string): void {
    this.#statuses.set(identifier, status);
  }

  forget(): void {
    this.#statuses.clear();
  }

  /** What a deletion is answered that RDS does not take; undefined for every other call. */
  refuse(call: Call): Answer | undefined {
    const status = this.#statuses.get(call.params.get('DBInstanceIdentifier') ?? '');
    if (call.service !== 'rds' || call.action !== 'DeleteDBInstance' || status === undefined) return undefined;
    const identifier = call.params.get('DBInstanceIdentifier') ?? '';
    if (status === 'deleting') return errorAnswer(call, 400, 'InvalidDBInstanceState', `Instance ${identifier} is already being deleted.`);
    if (call.params.get('SkipFinalSnapshot') === 'true') return undefined;
    const why = `Cannot create a snapshot because the database instance ${identifier} is not currently in the available state.`;
    return errorAnswer(call, 400, 'InvalidDBInstanceState', why);
  }

  /** An answer with the statuses in it. */
  tell(call: Call, answer: Answer): Answer {
    if (call.service !== 'rds' || call.action !== 'DescribeDBInstances' || this.#statuses.size === 0 || answer.status !== 200)
      return answer;
    const root = parseXml(answer.body.toString('utf8'));
    const list = find(root, 'DescribeDBInstancesResult', 'DBInstances');
    for (const instance of list === undefined ? [] : elementsOf(list)) {
      const status = this.#statuses.get(textAt(instance, 'DBInstanceIdentifier'));
      if (status !== undefined) setText(instance, 'DBInstanceStatus', status);
    }
    return { ...answer, body: Buffer.from(printXml(root)) };
  }
}
