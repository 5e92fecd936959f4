import * as z from 'zod/mini';
import {
  command,
  dollars,
  duration,
  either,
  flag,
  form,
  path,
  plainText,
  positive,
  type Reader,
  size,
  text,
  ttlReader,
  whole,
  word,
} from './readers.ts';

// Compiled validators pay off after thousands of parses; a command makes one.
z.config({ jitless: true });

/** A leaf whose reader knows what is accepted, how to say so, and the same in JSON Schema. */
function leaf<T>(reader: Reader<T>, description: string) {
  const read = z.transform((value, context): T => {
    const answer = reader.read(value);
    if (answer.ok) return answer.value;
    context.issues.push({ code: 'custom', message: answer.message, params: { suggestion: answer.suggestion }, input: value });
    return z.NEVER;
  });
  return z.pipe(z.unknown(), read).register(z.globalRegistry, { ...reader.json, description });
}

const NAME = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
// What every object has under that name cannot be set by a value.
const VARIABLE = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_]*$/;

function named<T extends z.ZodMiniType>(value: T, pattern: RegExp, expected: string) {
  return z.record(z.string().check(z.regex(pattern, { error: expected })), value);
}

const NAME_RULE = 'is not a name: use 1 to 40 of a-z, 0-9 and -, starting with a letter';
const SECRET_RULE = 'is not a name: use 1 to 64 letters, digits, _ and -, starting with a letter';
const SECRET_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const VARIABLE_RULE = 'is not the name of an environment variable: use letters, digits and _, not starting with a digit';

const variable = form(VARIABLE, 'the name of an environment variable', (value) =>
  value
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^(?=\d)/, '_'),
);

const tags = named(
  leaf(plainText, 'Value of the tag.'),
  /^(?!spin:)[^\s=,]{1,128}$/,
  `is not a tag: use up to 128 characters without spaces, = and ,; spin: is taken`,
).register(z.globalRegistry, {
  description: 'Free tags, to select and account by. keep: YYYY-MM-DD holds gc off until the end of that day.',
});

function hook(description: string, timeout: string) {
  return z
    .union([
      leaf(command, 'The command.'),
      z.strictObject({
        run: leaf(command, 'The command.'),
        timeout: z.optional(leaf(duration('1ms'), `Deadline; ${timeout} by default.`)),
      }),
    ])
    .register(z.globalRegistry, { description });
}

const secret = z
  .strictObject({
    generate: z.optional(leaf(whole(8, 1024), 'Makes a random value of this many characters.')),
    env: z.optional(leaf(variable, 'Takes the value of this variable of the caller.')),
    file: z.optional(leaf(path, 'Takes the content of this file, without the newline at its end.')),
    command: z.optional(leaf(command, 'Takes what this command prints, without the newline at its end.')),
    timeout: z.optional(leaf(duration('1ms'), 'Deadline of the command; 30s by default.')),
  })
  .register(z.globalRegistry, { description: 'Where the value comes from: one of generate, env, file, command.' });

const volume = z
  .strictObject({
    folder: z.optional(leaf(path, 'Starts as a copy of this folder.')),
    archive: z.optional(leaf(path, 'Starts with the content of this tar archive, such as a snapshot.')),
    snapshot: z.optional(
      leaf(
        form(/^snap-[0-9a-f]+$/, 'the ID of a disk snapshot, such as snap-0123456789abcdef0'),
        'Starts as this disk snapshot; clouds only.',
      ),
    ),
    size: z.optional(leaf(whole(1, 65_536), 'Size of the disk in GiB; clouds only.')),
  })
  .register(z.globalRegistry, { description: 'What the volume starts with; empty by default.' });

const database = z
  .strictObject({
    snapshot: z.optional(leaf(text, 'Restores this database snapshot.')),
    replicaOf: z.optional(leaf(text, 'Becomes a read replica of this database.')),
    class: z.optional(leaf(text, "Class of its instance, such as db.t4g.micro; the source's own by default.")),
    finalSnapshot: z.optional(leaf(text, 'Takes a snapshot before it is deleted, whose name begins so; none by default.')),
  })
  .register(z.globalRegistry, {
    description: 'A managed database of a cloud: restored from a snapshot, or a read replica. One of snapshot, replicaOf.',
  });

const health = z
  .strictObject({
    http: z.optional(
      leaf(
        form(/^\/\S*$/, 'a path starting with /', (value) => `/${value.trim()}`),
        'Healthy when GET of this path answers with the status.',
      ),
    ),
    status: z.optional(leaf(whole(100, 599), 'The status that http must answer; any 2xx or 3xx by default.')),
    tcp: z.optional(leaf(flag, 'Healthy when the port accepts a connection.')),
    command: z.optional(leaf(command, 'Healthy when this command ends with 0.')),
    alive: z.optional(leaf(duration('1ms'), 'Healthy when the process has been alive for so long.')),
    interval: z.optional(leaf(duration('10ms'), 'Time between two checks; 1s by default.')),
    timeout: z.optional(leaf(duration('1ms'), 'Deadline of one check; 1s by default.')),
    healthyAfter: z.optional(leaf(whole(1, 100), 'Passes in a row that make an instance healthy; 1 by default.')),
    unhealthyAfter: z.optional(leaf(whole(1, 100), 'Failures in a row that make it unhealthy again; 3 by default.')),
    deadline: z.optional(leaf(duration('1ms'), 'The first pass must come within this time from the start; 60s by default.')),
  })
  .register(z.globalRegistry, {
    description: 'When an instance is healthy: one of http, tcp, command, alive. By default tcp for a service with a port, else alive.',
  });

const POLICIES = ['always', 'on-failure', 'never'] as const;
const policy = leaf(word(POLICIES), 'When an instance that ended by itself is started again.');
const restart = z
  .union([
    policy,
    z.strictObject({
      policy: z.optional(policy),
      max: z.optional(leaf(whole(1, 1000), 'This many ends by itself within the window are a crash loop; 5 by default.')),
      window: z.optional(leaf(duration('1s'), '60s by default.')),
    }),
  ])
  .register(z.globalRegistry, { description: 'always by default; never for a job.' });

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const drain = z
  .strictObject({
    signal: z.optional(leaf(word(SIGNALS), 'Asks an instance to end; SIGTERM by default.')),
    timeout: z.optional(leaf(duration('0s'), 'Time to end in, before the whole process group is killed; 10s by default.')),
    hook: z.optional(hook("Runs in the instance's environment after its last request and before the signal.", '10s')),
  })
  .register(z.globalRegistry, { description: 'How an instance is ended.' });

const routerPort = leaf(either(whole(1, 65_535), word(['auto']), 'a port from 1 to 65535, or auto'), 'Port of the router; auto picks one.');
const expose = z
  .union([
    routerPort,
    z.strictObject({
      port: z.optional(routerPort),
      host: z.optional(
        leaf(form(/^[0-9A-Za-z.:-]+$/, 'an address to listen on'), 'Address that the router listens on; 127.0.0.1 by default.'),
      ),
    }),
  ])
  .register(z.globalRegistry, { description: 'Puts the service behind the router, which balances over its healthy instances.' });

const step = z.union([
  leaf(command, 'The command.'),
  z.strictObject({
    name: z.optional(leaf(text, 'Shown in progress and timings.')),
    run: leaf(command, 'The command.'),
    timeout: z.optional(leaf(duration('1ms'), '5m by default.')),
  }),
]);

const service = z.strictObject({
  run: leaf(command, 'What the service runs: a string for the shell, a list to execute as it is.'),
  job: z.optional(leaf(flag, 'Runs once and is ready when it ended with 0.')),
  replicas: z.optional(leaf(whole(1, 1000), 'How many instances; 1 by default.')),
  dir: z.optional(leaf(path, 'Working directory, relative to the spec; the folder of the spec by default.')),
  port: z.optional(
    leaf(
      either(whole(1, 65_535), word(['auto', 'none']), 'a port from 1 to 65535, auto or none'),
      'Port that an instance listens on, given to it as PORT: auto allocates one for each. By default auto where one is needed, else none.',
    ),
  ),
  needs: z.optional(
    z
      .array(leaf(text, 'Name of a service.'))
      .register(z.globalRegistry, { description: 'Services that must be ready first; those named in ${services.*} are included.' }),
  ),
  env: z.optional(
    named(leaf(plainText, 'Value of the variable.'), VARIABLE, VARIABLE_RULE).register(z.globalRegistry, {
      description: 'Environment variables.',
    }),
  ),
  secrets: z.optional(
    z
      .union([
        z.array(leaf(text, 'Name of a secret.')),
        named(
          z.strictObject({
            env: z.optional(leaf(variable, 'Delivered as this environment variable.')),
            file: z.optional(leaf(variable, 'Delivered as a 0600 file whose path this variable holds.')),
          }),
          SECRET_NAME,
          SECRET_RULE,
        ),
      ])
      .register(z.globalRegistry, { description: 'Secrets that the service gets: a list of names, or how each is delivered.' }),
  ),
  volumes: z.optional(
    z
      .union([z.array(leaf(text, 'Name of a volume.')), named(leaf(variable, "Variable that holds the volume's path."), NAME, NAME_RULE)])
      .register(z.globalRegistry, {
        description: 'Volumes that the service gets: a list (NAME is found in NAME_DIR), or the variable that holds the path of each.',
      }),
  ),
  bootstrap: z.optional(z.array(step).register(z.globalRegistry, { description: 'Steps that run in order before the service starts.' })),
  health: z.optional(health),
  restart: z.optional(restart),
  drain: z.optional(drain),
  expose: z.optional(expose),
  cpu: z.optional(leaf(positive, 'Virtual CPUs that an instance reserves; what it is priced by.')),
  memory: z.optional(leaf(size, 'Memory that an instance reserves; what it is priced by.')),
  instanceTypes: z.optional(
    z
      .array(leaf(text, 'An instance type.'))
      .register(z.globalRegistry, { description: 'Instance types to choose from. Read by clouds only.' }),
  ),
  image: z.optional(leaf(text, 'Machine image. Read by clouds only.')),
  spot: z.optional(leaf(flag, 'Takes spot capacity first, and on-demand where there is none. Read by clouds only.')),
  address: z.optional(
    leaf(
      word(['private', 'public']),
      'Which address of an instance is checked and given to others; private by default. Read by clouds only.',
    ),
  ),
  disk: z.optional(leaf(whole(1, 16_384), "Size of the root disk in GiB; the image's own by default. Read by clouds only.")),
});

/** The spec as its author writes it; parsing gives durations in milliseconds, sizes in bytes, money in nano-dollars. */
export const specSchema = z
  .strictObject({
    $schema: z.optional(leaf(text, 'JSON Schema for editors; not read by spin.')),
    name: leaf(text, 'Names the spin: the same name is the same spin. May be interpolated, such as pr-${env.PR}.'),
    provider: z.optional(
      leaf(
        form(/^[a-z][a-z0-9-]*$/, 'the name of a provider, such as local', (value) => value.toLowerCase()),
        'Who runs the spin; local by default.',
      ),
    ),
    region: z.optional(
      leaf(
        form(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region, such as eu-central-1'),
        'Region of a cloud; that of the config or the environment by default.',
      ),
    ),
    ttl: z.optional(leaf(ttlReader, 'Time from up to the deadline at which the spin ends by itself.')),
    owner: z.optional(leaf(text, 'Who answers for the spin; the user by default.')),
    tags: z.optional(tags),
    budget: z.optional(
      z
        .strictObject({
          perHour: z.optional(leaf(dollars, 'Highest price per hour, in USD.')),
          total: z.optional(leaf(dollars, 'Highest price until the deadline, in USD.')),
        })
        .register(z.globalRegistry, { description: 'up refuses a plan that costs more.' }),
    ),
    secrets: z.optional(named(secret, SECRET_NAME, SECRET_RULE)),
    volumes: z.optional(named(volume, NAME, NAME_RULE)),
    databases: z.optional(named(database, NAME, NAME_RULE)),
    evacuate: z.optional(hook('Runs on the machine of spin down, before anything is drained.', '60s')),
    services: named(service, NAME, NAME_RULE),
  })
  .register(z.globalRegistry, { title: 'spin.yaml', description: 'An ephemeral environment for spin.' });

/** A spec that has the right shape; names in it are not yet resolved, defaults not yet applied. */
export type AuthoredSpec = z.output<typeof specSchema>;
export type AuthoredService = AuthoredSpec['services'][string];

/** JSON Schema (draft 2020-12) of what an author writes. */
export function jsonSchema(): Record<string, unknown> {
  // What interpolation makes of `name` is checked later; the leaves' own JSON goes first so that files stay readable.
  return z.toJSONSchema(specSchema, { io: 'input', target: 'draft-2020-12' });
}
