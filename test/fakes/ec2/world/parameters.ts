import { refuse } from '../protocol/refusal.ts';

export interface ParameterThing {
  readonly name: string;
  readonly type: 'String' | 'StringList' | 'SecureString';
  readonly value: string;
  readonly version: number;
  readonly modifiedAt: number;
  readonly description: string | undefined;
  readonly keyId: string | undefined;
  readonly tags: Map<string, string>;
}

/** The parameters of one region: the public ones of AWS, and one's own. */
export class ParameterStore {
  readonly #region: string;
  readonly #account: string;
  readonly #parameters = new Map<string, ParameterThing>();
  readonly #public = new Map<string, ParameterThing>();

  constructor(region: string, account: string) {
    this.#region = region;
    this.#account = account;
  }

  /** A public parameter, such as the ID of an image. */
  publish(name: string, value: string, at: number): void {
    this.#public.set(name, {
      name,
      type: 'String',
      value,
      version: 1,
      modifiedAt: at,
      description: undefined,
      keyId: undefined,
      tags: new Map(),
    });
  }

  /** @throws Refusal `ParameterAlreadyExists` without `overwrite`; tags cannot go with an overwrite */
  put(parameter: Omit<ParameterThing, 'version'>, overwrite: boolean): ParameterThing {
    const { name } = parameter;
    const held = this.#parameters.get(name);
    if (/^\/?(aws|ssm)/i.test(name)) {
      refuse('ValidationException', 'Parameter name: can\'t be prefixed with "ssm" or "aws" (case-insensitive).');
    }
    if (held !== undefined && !overwrite) {
      refuse(
        'ParameterAlreadyExists',
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
      );
    }
    if (overwrite && parameter.tags.size > 0) {
      refuse('ValidationException', "Invalid request: tags and overwrite can't be used together.");
    }
    const made = { ...parameter, tags: held?.tags ?? parameter.tags, version: (held?.version ?? 0) + 1 };
    this.#parameters.set(name, made);
    return made;
  }

  get(name: string): ParameterThing | undefined {
    return this.#parameters.get(name) ?? this.#public.get(name);
  }

  /** @throws Refusal `ParameterNotFound` */
  must(name: string): ParameterThing {
    return this.get(name) ?? refuse('ParameterNotFound', `Parameter ${name} not found.`);
  }

  delete(name: string): boolean {
    return this.#parameters.delete(name);
  }

  /** One's own, by name. */
  list(): readonly ParameterThing[] {
    return [...this.#parameters.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** One's own and the public ones, by name. */
  under(path: string, recursive: boolean): readonly ParameterThing[] {
    const prefix = path.endsWith('/') ? path : `${path}/`;
    return [...this.#parameters.values(), ...this.#public.values()]
      .filter(({ name }) => name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes('/')))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  arn({ name }: ParameterThing): string {
    return `arn:aws:ssm:${this.#region}:${this.#public.has(name) ? '' : this.#account}:parameter${name.startsWith('/') ? '' : '/'}${name}`;
  }

  /** What a reader without the key is given in place of a secret. */
  sealed({ name, version }: ParameterThing): string {
    return Buffer.from(`sealed:${name}:${version}`).toString('base64');
  }
}
