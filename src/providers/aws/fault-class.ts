import { Fault } from '../fault.ts';

/**
 * True for a Fault of one of these AWS error codes. The SDK names some after their class (`NoSuchEntityException`,
 * `DBInstanceNotFoundFault`), others after the code on the wire (`NoSuchEntity`): both are meant by the short form.
 */
export function isClass(thrown: unknown, ...codes: readonly string[]): thrown is Fault {
  return thrown instanceof Fault && codes.includes(thrown.class.replace(/(?:Exception|Fault)$/, ''));
}

/** What `ask` answers, or undefined where AWS refuses with one of these codes. */
export async function unless<T>(codes: readonly string[], ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (thrown) {
    if (isClass(thrown, ...codes)) return undefined;
    throw thrown;
  }
}
