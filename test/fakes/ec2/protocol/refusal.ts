/** What an API says no with: its code, message and HTTP status. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
  }
}

/** A client error, status 400. */
export function refuse(code: string, message: string): never {
  throw new Refusal(400, code, message);
}

export function invalidValue(message: string): never {
  return refuse('InvalidParameterValue', message);
}
