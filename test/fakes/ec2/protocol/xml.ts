import type { Refusal } from './refusal.ts';
import type { Operation, Shape, Structure } from './shape.ts';

const EC2 = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const STS = 'https://sts.amazonaws.com/doc/2011-06-15/';
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** The answer of an EC2 action. Actions without a result say `<return>true</return>`. */
export function ec2Answer(operation: Operation, value: object, requestId: string): string {
  const body = operation.output.kind === 'structure' ? members(operation.output, value) : '<return>true</return>';
  return `${HEAD}<${operation.name}Response xmlns="${EC2}"><requestId>${requestId}</requestId>${body}</${operation.name}Response>`;
}

/** The answer of an STS action: the result is wrapped once more. */
export function stsAnswer(operation: Operation, value: object, requestId: string): string {
  const body = operation.output.kind === 'structure' ? members(operation.output, value) : '';
  const result = `<${operation.name}Result>${body}</${operation.name}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `<${operation.name}Response xmlns="${STS}">${result}${metadata}</${operation.name}Response>`;
}

/** No namespace, and `RequestID` with a capital D: so it was captured. */
export function ec2Error(refusal: Refusal, requestId: string): string {
  const error = `<Error><Code>${escape(refusal.code)}</Code><Message>${escape(refusal.message)}</Message></Error>`;
  return `${HEAD}<Response><Errors>${error}</Errors><RequestID>${requestId}</RequestID></Response>`;
}

export function stsError(refusal: Refusal, requestId: string): string {
  const type = refusal.status < 500 ? 'Sender' : 'Receiver';
  const error = `<Error><Type>${type}</Type><Code>${escape(refusal.code)}</Code><Message>${escape(refusal.message)}</Message></Error>`;
  return `<ErrorResponse xmlns="${STS}">${error}<RequestId>${requestId}</RequestId></ErrorResponse>`;
}

function members(shape: Structure, value: object): string {
  let text = '';
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined || inner === null) continue;
    const member = shape.by('name', name);
    if (member === undefined) throw new TypeError(`the answer has no member ${name}`);
    text += element(member.element, member.shape, inner);
  }
  return text;
}

function element(name: string, shape: Shape, value: unknown): string {
  return `<${name}>${content(shape, value)}</${name}>`;
}

function content(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case 'structure':
      return members(shape, asObject(value));
    case 'list': {
      if (!Array.isArray(value)) throw new TypeError('the answer is no list where one is due');
      let text = '';
      for (const item of value) text += element(shape.element, shape.item, item);
      return text;
    }
    case 'time':
      return value instanceof Date ? value.toISOString() : escape(String(value));
    case 'blob':
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : escape(String(value));
    case 'string':
    case 'number':
    case 'boolean':
    case 'unit':
      return escape(String(value));
  }
}

function asObject(value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError('the answer is no structure where one is due');
  return value;
}

const SPECIAL = /[&<>"\r]/;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' };

function escape(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[&<>"\r]/g, (character) => ENTITIES[character] ?? character) : text;
}
