import { type ClientOptions, openSender, type Sender } from './client.ts';
import { attemptsOf, bucketProblem, codeOf, conditionIgnored, type Doing, statusOf } from './problem.ts';
import { ServerTime } from './server-time.ts';

export interface BucketOptions extends ClientOptions {
  readonly bucket: string;
}

/** An object that was read. */
export interface Found {
  readonly text: string;
  readonly etag: string;
  /** When S3 took it, by S3's clock; whole seconds. */
  readonly writtenAt: number | undefined;
}

/** An object as a listing shows it. */
export interface Listed {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  readonly writtenAt: number | undefined;
}

/** One bucket: whole objects of text, replaced by compare-and-swap on their ETag. Every method throws SpinError `state-unwritable`. */
export interface Bucket {
  readonly time: ServerTime;

  /** @param from byte to begin at; must be less than the object has */
  get(key: string, from?: number, signal?: AbortSignal): Promise<Found | undefined>;

  /**
   * Creates (expected undefined) or replaces exactly the object with this ETag. `text` must be one that nobody else writes there:
   * by it a write is known whose answer was lost.
   * @returns the ETag of what was written, or `conflict`
   */
  put(key: string, text: string, expected: string | undefined): Promise<string | 'conflict'>;

  /**
   * Where the service is not S3 itself, has it refuse what it must refuse, once: one that ignores conditions would let two writers win.
   * @param key of an object that is there for this alone
   */
  proveConditions(key: string): Promise<void>;

  /** Deletes exactly the object with this ETag, or whatever is there. */
  remove(key: string, expected?: string): Promise<'removed' | 'conflict'>;

  /** All objects whose key begins so, in pages, in the order of their keys. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<readonly Listed[]>;
}

type Request = Parameters<Sender['send']>[0];

/** The condition does not hold: another ETag, an object where there was to be none, or none where there was to be one. */
const LOST: ReadonlySet<string> = new Set(['PreconditionFailed', 'NoSuchKey', 'NotFound']);

/** Two conditional requests met. Neither code says who won; asked again, S3 does. */
const MET: ReadonlySet<string> = new Set(['ConditionalRequestConflict', 'OperationAborted']);
/** The ETag of nothing. */
const NO_ETAG = '"0"';
const PROBE = 'spin writes this to see that conditions are honoured here\n';
const MEETINGS = 10;
const MEETING_STEP_MS = 25;

export function openBucket(options: BucketOptions): Bucket {
  const { bucket: Bucket, clock } = options;
  const time = new ServerTime(clock);
  const sender = openSender(options, time);
  const failed = (doing: Doing, key: string, thrown: unknown) => bucketProblem(thrown, { doing, bucket: Bucket, key });

  const get = async (key: string, from = 0, signal?: AbortSignal): Promise<Found | undefined> => {
    const range = from === 0 ? {} : { Range: `bytes=${from}-` };
    try {
      return await sender.send(async (client, { GetObjectCommand }) => {
        const answer = await client.send(new GetObjectCommand({ Bucket, Key: key, ...range }), withSignal(signal));
        const text = await answer.Body?.transformToString();
        return { text: text ?? '', etag: answer.ETag ?? '', writtenAt: answer.LastModified?.getTime() };
      });
    } catch (thrown) {
      if (codeOf(thrown) === 'NoSuchKey' || codeOf(thrown) === 'NotFound') return undefined;
      throw signal?.aborted === true ? signal.reason : failed('read', key, thrown);
    }
  };

  /** The ETag where the object holds just this text, as after a write whose answer was lost. */
  const etagOfOwn = async (key: string, text: string): Promise<string | undefined> => {
    const found = await get(key);
    return found?.text === text ? found.etag : undefined;
  };

  /** Sends a request until S3 says who won. */
  const settled = async <T>(request: () => Promise<T>): Promise<T> => {
    for (let meetings = 1; ; meetings++) {
      try {
        return await request();
      } catch (thrown) {
        if (!MET.has(codeOf(thrown)) || meetings === MEETINGS) throw thrown;
        await clock.sleep(MEETING_STEP_MS * meetings);
      }
    }
  };

  let proven = false;

  return {
    time,
    get,

    async proveConditions(Key) {
      proven ||= !(await sender.foreign());
      if (proven) return;
      const put = { Bucket, Key, Body: PROBE, ContentType: 'text/plain' };
      await settled(() => sender.send((client, { PutObjectCommand }) => client.send(new PutObjectCommand(put)))).catch(
        (thrown: unknown) => {
          throw failed('write', Key, thrown);
        },
      );
      const takes: Readonly<Record<string, Request>> = {
        'If-None-Match on PutObject': (client, sdk) => client.send(new sdk.PutObjectCommand({ ...put, IfNoneMatch: '*' })),
        'If-Match on PutObject': (client, sdk) => client.send(new sdk.PutObjectCommand({ ...put, IfMatch: NO_ETAG })),
        'If-Match on DeleteObject': (client, sdk) => client.send(new sdk.DeleteObjectCommand({ Bucket, Key, IfMatch: NO_ETAG })),
      };
      for (const [condition, request] of Object.entries(takes)) {
        const ignored = await sender.send(request).then(
          () => true,
          (thrown: unknown) => {
            if (isLost(thrown) || MET.has(codeOf(thrown))) return false;
            throw failed('write', Key, thrown);
          },
        );
        if (ignored) throw conditionIgnored(Bucket, Key, condition);
      }
      proven = true;
    },

    async put(key, text, expected) {
      const condition = expected === undefined ? { IfNoneMatch: '*' } : { IfMatch: expected };
      const input = { Bucket, Key: key, Body: text, ContentType: 'application/json', ...condition };
      try {
        const answer = await settled(() => sender.send((client, { PutObjectCommand }) => client.send(new PutObjectCommand(input))));
        return answer.ETag ?? '';
      } catch (thrown) {
        const lost = isLost(thrown);
        if (!lost && !mayHaveWorked(thrown)) throw failed('write', key, thrown);
        // The condition may fail because an earlier sending of this very request has been carried out.
        const own = await etagOfOwn(key, text).catch((second: unknown) => {
          throw lost ? second : failed('write', key, thrown);
        });
        if (own === undefined && !lost) throw failed('write', key, thrown);
        return own ?? 'conflict';
      }
    },

    async remove(key, expected) {
      const input = { Bucket, Key: key, ...(expected === undefined ? {} : { IfMatch: expected }) };
      try {
        await settled(() => sender.send((client, { DeleteObjectCommand }) => client.send(new DeleteObjectCommand(input))));
        return 'removed';
      } catch (thrown) {
        const lost = isLost(thrown);
        if (!lost && !mayHaveWorked(thrown)) throw failed('delete', key, thrown);
        if (lost && attemptsOf(thrown) === 1) return 'conflict';
        // Sent more than once, or without an answer, and gone: what was to be deleted was deleted.
        const found = await get(key).catch((second: unknown) => {
          throw lost ? second : failed('delete', key, thrown);
        });
        if (found === undefined) return 'removed';
        if (!lost && (expected === undefined || found.etag === expected)) throw failed('delete', key, thrown);
        return 'conflict';
      }
    },

    async *list(prefix, signal) {
      for (let token: string | undefined, more = true; more;) {
        const input = { Bucket, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) };
        const page = await sender
          .send((client, { ListObjectsV2Command }) => client.send(new ListObjectsV2Command(input), withSignal(signal)))
          .catch((thrown: unknown) => {
            throw signal?.aborted === true ? signal.reason : failed('list', prefix, thrown);
          });
        yield (page.Contents ?? []).flatMap(({ Key, ETag, Size, LastModified }) =>
          Key === undefined ? [] : [{ key: Key, etag: ETag ?? '', bytes: Size ?? 0, writtenAt: LastModified?.getTime() }],
        );
        token = page.NextContinuationToken;
        more = page.IsTruncated === true && token !== undefined;
      }
    },
  };
}

function isLost(thrown: unknown): boolean {
  return LOST.has(codeOf(thrown)) || statusOf(thrown) === 412;
}

/** No answer, or one that S3 gave while it failed: the request may have been carried out. */
function mayHaveWorked(thrown: unknown): boolean {
  const status = statusOf(thrown);
  return status === undefined || status >= 500;
}

function withSignal(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
