import type { Dice } from './dice.ts';

/** One hostile input, ready to be fed. */
export interface Input {
  /** For the report of a failure. */
  show(): string;
  /**
   * Feeds it to spin and checks what was accepted.
   * @param folder to write into; nothing may be written elsewhere
   * @throws SpinError where it was refused; anything else is a failure
   */
  feed(folder: string): unknown;
}

/** A kind of hostile input. */
export interface Kind {
  readonly name: string;
  /** How many a full run feeds. */
  readonly cases: number;
  /** Every case is a place of its own, such as a byte to cut at: a sample takes some from all over. */
  readonly exhaustive?: true;
  /** Milliseconds that one may take; counted, not only waited for. */
  readonly capMs?: number;
  make(dice: Dice, index: number): Input;
}

/** What was accepted and should not have been, or was read as something else. */
export class WronglyAccepted extends Error {
  constructor(what: string) {
    super(`wrongly accepted: ${what}`);
    this.name = 'WronglyAccepted';
  }
}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new WronglyAccepted(what);
}
