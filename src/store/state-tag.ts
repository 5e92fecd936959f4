import { dirname, join } from 'node:path';
import { digest } from '../core/ids.ts';
import { linkUnlessTaken, makeFolder, readIfThere, removeFile, stateProblem, writeDurably } from './disk.ts';

/** The `spin:state` tag of a state folder. */
export interface StateTag {
  /** What the folder says, or would say. @throws SpinError `state-unwritable` */
  read(): string;
  /** Keeps it in the folder, unless one is kept there. @param draft a file of a name never used before @throws system errors */
  keep(draft: string): Promise<void>;
}

const FORM = /^[0-9a-z]{16}$/;

/** The tag of what a value tells, such as a location. */
export function tagOf(value: unknown): string {
  return digest(value).slice(0, 16);
}

/**
 * The path alone would make one state of two machines that agree in it, as all do whose user is root. So machine and user are in the tag,
 * and it is kept in the folder with the first record: a machine that gets another name, or a container that comes back as another machine,
 * finds the state that it had. Where the folder was lost, the same machine makes the same tag again.
 * @param machine tells machine and user from others; asked only where the folder says nothing
 */
export function openStateTag(dir: string, machine: () => string): StateTag {
  const file = join(dir, 'tag');
  let kept: string | undefined;
  let first: string | undefined;

  const read = (): string => {
    kept ??= keptIn(file);
    // Another may keep theirs yet, so that this is good until then.
    return kept ?? (first ??= tagOf([dir, machine()]));
  };

  return {
    read: () => {
      try {
        return read();
      } catch (thrown) {
        throw stateProblem(thrown, file, 'read');
      }
    },

    async keep(draft) {
      const tag = read();
      if (kept !== undefined) return;
      makeFolder(dirname(draft));
      await writeDurably(draft, `${tag}\n`);
      // Taken: of several that make their first record here at once, all go by what the first one wrote.
      linkUnlessTaken(draft, file);
      removeFile(draft);
    },
  };
}

function keptIn(file: string): string | undefined {
  const text = readIfThere(file)?.trim();
  return text !== undefined && FORM.test(text) ? text : undefined;
}
