import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GcOutcome } from '../../../src/app/outcomes.ts';
import { result } from '../../../src/cli/command.ts';
import type { Page } from '../../../src/cli/page.ts';
import { PHASES } from '../../../src/core/phases.ts';
import { makeStyle, PLAIN } from '../../../src/cli/text/style.ts';
import { widthOf } from '../../../src/cli/text/width.ts';
import { viewGc } from '../../../src/cli/views/gc.ts';
import { viewDown } from '../../../src/cli/views/down.ts';
import { viewLs } from '../../../src/cli/views/ls.ts';
import { viewPlan } from '../../../src/cli/views/plan.ts';
import { viewSnapshot } from '../../../src/cli/views/snapshot.ts';
import { viewStatus } from '../../../src/cli/views/status.ts';
import { briefUp, viewUp } from '../../../src/cli/views/up.ts';
import { waterfall } from '../../../src/cli/views/waterfall.ts';
import * as sample from './samples.ts';

const page: Page = { width: 80, style: PLAIN, now: sample.NOW, verbose: false, self: 'spin' };

describe('the view of gc', () => {
  const outcome: GcOutcome = {
    dryRun: false,
    examined: { records: 0, found: 0 },
    unlisted: [],
    unasked: [],
    passedOver: [],
    verdicts: [],
    swept: [],
    pruned: 0,
  };

  it('points to a cloud that it passed over where it found nothing at all, and where more is asked for', () => {
    const over = { ...outcome, passedOver: ['aws'] };
    expect(viewGc(over, page)).toMatchInlineSnapshot(`
      "Nothing to sweep (0 spins and 0 things found).
      aws was not looked at: only the environment speaks of it. See what it has: spin ls --cloud. Sweep it too: SPIN_PROVIDER=aws spin gc"
    `);
    const some = { ...over, examined: { records: 1, found: 0 } };
    expect(viewGc(some, page)).not.toContain('aws');
    expect(viewGc(some, { ...page, verbose: true })).toContain('SPIN_PROVIDER=aws spin gc');
  });

  it('counts what was forgotten as swept', () => {
    const forgotten = [{ subject: 'shop', result: 'forgotten' as const, detail: 'another state location (theirs) owns it' }];
    expect(viewGc({ ...outcome, swept: forgotten }, page)).toMatchInlineSnapshot(`
      "✔ shop  forgotten: another state location (theirs) owns it

      Swept 1 (0 spins and 0 things found)."
    `);
  });

  it('says what a sweep has marked or would mark, as there is more to come', () => {
    const orphan = { subject: 'web/01', id: 'web', incarnation: '01', verdict: 'mark' as const, reason: 'no record', found: [] };
    const seen = { ...outcome, examined: { records: 0, found: 2 }, verdicts: [orphan] };
    expect(viewGc({ ...seen, dryRun: true }, page)).toContain('\n\nNothing to sweep yet; 1 would be marked (0 spins and 2 things found).');
    const swept = [{ subject: 'web/01', result: 'marked' as const, detail: 'no record' }];
    expect(viewGc({ ...seen, swept }, page)).toContain('\n\nNothing to sweep yet; 1 was marked (0 spins and 2 things found).');
    expect(viewGc({ ...outcome, examined: { records: 1, found: 1 } }, page)).toBe('Nothing to sweep (1 spin and 1 thing found).');
  });

  it('says whom it could not ask, whatever it swept', () => {
    expect(viewGc({ ...outcome, unasked: ['aws: keepers in us-east-1: may not'] }, page)).toMatchInlineSnapshot(`
      "not asked: aws: keepers in us-east-1: may not

      Nothing to sweep (0 spins and 0 things found)."
    `);
  });
});

describe('the view of up', () => {
  it('tells where it is, how long it took, what it costs, when it goes and how to end it', () => {
    expect(viewUp(sample.up, page)).toMatchInlineSnapshot(`
      "web is up, created in 610ms

        web  http://127.0.0.1:20001

        plan       ▋                                         10ms
        provision  ████████                                  120ms
        bootstrap        ██████████████████████████████▋     460ms
        register                                        ██▋  40ms
        serve                                             ▏  0ms

        price     $0.020 per hour, $0.16 until the deadline
        deadline  in 8h (Mon 20:00), enforced by keeper

      End it with: spin down web"
    `);
  });

  it('says that nothing had to change, without a waterfall', () => {
    const text = viewUp({ ...sample.up, result: 'unchanged' }, page);
    expect(text).toContain('nothing had to change');
    expect(text).not.toContain('bootstrap');
  });

  it('has no waterfall where only owner, tags or deadline changed', () => {
    const kept = sample.up.changes.map((change) => ({ ...change, action: 'keep' as const }));
    const text = viewUp({ ...sample.up, result: 'changed', changes: kept, warnings: ['the tags changed'] }, page);
    expect(text).toMatch(/^web is up, changed in 610ms\n\n {2}web .*\n\n {2}price/);
    expect(text).toContain('warning: the tags changed');
  });

  it('shows what changed and why', () => {
    const changes = [{ ...sample.up.changes[0], action: 'replace' as const, reason: 'run changed' }];
    expect(viewUp({ ...sample.up, result: 'changed', changes: changes as typeof sample.up.changes }, page)).toMatch(
      /service\.web ×2 +replace +run changed/,
    );
  });

  it('warns where nothing enforces the deadline', () => {
    expect(viewUp({ ...sample.up, enforcers: [] }, page)).toContain('enforced by nothing but spin gc');
  });

  it('never shows an unknown price as zero', () => {
    const text = viewUp({ ...sample.up, hourly: 'unknown', untilTtl: 'unknown' }, page);
    expect(text).toContain('unknown per hour, unknown until the deadline');
    expect(text).not.toContain('$0.00 per hour');
  });

  it('gives scripts the URLs', () => {
    expect(briefUp(sample.up)).toBe('http://127.0.0.1:20001');
  });
});

describe('the view of plan', () => {
  it('shows the graph, the price and what stands in the way', () => {
    expect(viewPlan(sample.plan, page)).toMatchInlineSnapshot(`
      "web on local: 1 to replace, 1 to delete

          RESOURCE         ACTION    WHY                        AFTER         PER HOUR
          keeper.keeper    keep                                                  $0.00
      ~   service.web ×2   replace   run changed                keeper.kee…     $0.020
      -   service.old      delete    not in the spec any more                  unknown

        price  unknown per hour, unknown for 8h

      ✖ ports  port 8080 is taken
        hint: use port: auto
      refused: the plan has 3 instances, the limit is 2
      warning: the price of service.old is unknown"
    `);
  });
});

describe('the view of ls', () => {
  it('has one line per spin, and tells which records it could not read', () => {
    expect(viewLs(sample.ls, page, false)).toMatchInlineSnapshot(`
      "ID        STATE     PROVIDER   OWNER                    AGE   LEFT          COST
      web       up        local      ana                      1m    8h        $0.00033
      pr-1234   expired   local      a-team-with-a-long-na…   1m    -1m 30s    unknown
      unreadable: broken: record.7.json: unexpected end"
    `);
  });

  it('tells how many instances of how many services there are', () => {
    expect(viewLs(sample.ls, { ...page, width: Infinity }, true)).toContain('2 instances, 1 service');
  });

  it('keeps providers and owners whole at 100 columns, where all is asked for', () => {
    const spins = [{ ...sample.summary, owner: 'ana-maria', state: 'degraded' as const, msLeft: 40 * 3_600_000 }];
    const [, row] = viewLs({ spins, unreadable: [] }, { ...page, width: 100 }, true).split('\n');
    expect(row).toMatch(/^web +degraded +local +ana-maria +1m +1d 16h +\$\S+ +\$\S+ +Mon 20:00 +2 inst/);
  });

  it('keeps IDs, states and costs whole as long as it can', () => {
    const text = viewLs(sample.ls, { ...page, width: 62 }, false);
    expect(text).toMatch(/pr-1234 +expired +local +a-t\S*… /);
  });
});

describe('the view of down', () => {
  it('leaves the reason to the error where there is one spin only', () => {
    const spins = sample.down.spins.filter(({ id }) => id === 'stuck');
    expect(viewDown({ spins }, page)).toBe('✖ stuck could not be proven gone\n    left: process 4711 (node server.js)');
  });

  it('says of a spin of others that it was not even tried', () => {
    const refused = sample.down.spins.map((spin) => ({
      ...spin,
      ...(spin.error && { left: [], error: { code: 'change-refused', message: 'it is theirs' } }),
    }));
    expect(viewDown({ spins: refused }, page)).toContain('✖ stuck was not taken down: it is theirs');
  });

  it('claims nothing where not all could be asked', () => {
    const seen = { id: 'gone', left: [], releasedResources: 2, secretsDestroyed: 0, unasked: ['aws: it does not answer'] };
    const spins = (['absent', 'unknown', 'released'] as const).map((result) => ({ ...seen, result }));
    expect(viewDown({ spins }, page)).toMatchInlineSnapshot(`
      "! gone was not seen; not all could be asked what is left of it
          not asked: aws: it does not answer
      ! gone was not seen; whether anything of it is left is not known
          not asked: aws: it does not answer
      ! gone: 2 resources released; not all could be asked what else is left
          not asked: aws: it does not answer"
    `);
  });

  it('has one line per spin, and below a failed one what is left', () => {
    expect(viewDown(sample.down, page)).toMatchInlineSnapshot(`
      "✔ web is gone in 620ms: 4 resources released, 1 secret destroyed, nothing left; it cost $0.00033
      ✔ gone was not there: nothing of it is left
      ✖ stuck could not be proven gone: one process would not end
          left: process 4711 (node server.js)"
    `);
  });
});

describe('the view of status', () => {
  it('shows the failure with its log, and what is recorded beside what is seen', () => {
    expect(viewStatus(sample.status, page)).toMatchInlineSnapshot(`
      "web is degraded, on local, of ana, 1m old

      crash-loop: web@1.2 ended 5 times
        | Error: no database

        web       http://127.0.0.1:20001
        deadline  in 8h (Mon 20:00), enforced by nothing but spin gc
        price     $0.020 per hour, $0.00033 so far
        spec      /home/ana/app/spin.yaml

      RESOURCE        STATUS   SEEN      REASON
      service.web@1   ready    pending   1 of 2 healthy

      INSTANCE   STATE     UP   RESTARTS   ADDRESS           RUNS AS   REASON
      web@1.1    healthy   1m          0   127.0.0.1:20002   4711

      warning: keeper is not armed: the keeper is not running"
    `);
  });
});

describe('the enforcers of a spin', () => {
  const gc = { name: 'spin gc', armed: false, detail: 'ends it where a sweep runs', optional: true } as const;
  const timer = { name: 'the timer', armed: true, detail: '1 instance ends itself' };
  const endOf = (enforcers: typeof sample.status.enforcers) =>
    viewStatus({ ...sample.status, enforcers }, page)
      .split('\n\n')
      .at(-1);

  it('that nobody has to arm are told without a warning where another one is', () => {
    expect(endOf([timer, gc])).toBe('spin gc is not armed: ends it where a sweep runs');
    expect(endOf([{ ...timer, armed: false, detail: 'no instance runs' }, gc])).toBe(
      'warning: the timer is not armed: no instance runs\nwarning: spin gc is not armed: ends it where a sweep runs',
    );
  });

  it('that should be armed and are not are a warning in any case', () => {
    const schedule = { name: 'EventBridge Scheduler', armed: false, detail: 'there is no schedule' };
    expect(endOf([timer, schedule])).toBe('warning: EventBridge Scheduler is not armed: there is no schedule');
  });
});

describe('a view on a narrow terminal', () => {
  it('breaks no line of status but an address', () => {
    const lines = viewStatus(sample.status, { ...page, width: 40 }).split('\n');
    expect(lines.filter((line) => widthOf(line) > 40)).toEqual([]);
    expect(lines.join('\n')).toContain('http://127.0.0.1:20001');
  });
});

describe('the view of a snapshot', () => {
  const outcome = { id: 'web', volume: 'data', file: '/home/ana/web-data.json', bytes: 109 };

  it('tells where it is, and where a cloud keeps it that it is billed, and how to end that', () => {
    expect(viewSnapshot(outcome, page)).toBe('✔ data of web is in /home/ana/web-data.json (109 B)');
    expect(viewSnapshot({ ...outcome, kept: { id: 'snap-1', deleteWith: 'aws ec2 delete-snapshot --snapshot-id snap-1' } }, page))
      .toMatchInlineSnapshot(`
        "✔ data of web is snapshot snap-1, which /home/ana/web-data.json names (109 B)
        It outlives the spin and is billed until you delete it: aws ec2 delete-snapshot --snapshot-id snap-1"
      `);
  });
});

describe('the waterfall', () => {
  it('never leaves its room, whatever the phases are', () => {
    const phase = fc.record({ phase: fc.constantFrom(...PHASES), startMs: fc.nat(1e7), ms: fc.nat(1e7) });
    fc.assert(
      fc.property(fc.array(phase, { minLength: 1, maxLength: 7 }), fc.integer({ min: 40, max: 200 }), (phases, width) => {
        const text = waterfall({ ...sample.timings, phases }, { ...page, width });
        return text.split('\n').every((line) => widthOf(line) <= width);
      }),
    );
  });
});

describe('every view', () => {
  const tables = [
    (at: Page) => viewPlan({ ...sample.plan, refusals: [], warnings: [], checks: [] }, at),
    (at: Page) => viewLs({ ...sample.ls, unreadable: [] }, at, true),
  ];

  it('keeps its tables within the terminal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 200 }), fc.nat(tables.length - 1), (width, index) => {
        const text = tables[index]?.({ ...page, width }) ?? '';
        return text.split('\n').every((line) => widthOf(line) <= width);
      }),
    );
  });

  it('cuts nothing in a pipe', () => {
    const owner = 'o'.repeat(300);
    expect(viewLs({ spins: [{ ...sample.summary, owner }], unreadable: [] }, { ...page, width: Infinity }, false)).toContain(owner);
  });

  it('says the same in colour and without', async () => {
    const style = await makeStyle(true);
    const coloured = viewUp(sample.up, { ...page, style });
    expect(coloured).toContain('\u001B[');
    // oxlint-disable-next-line no-control-regex -- the colours are what is taken away
    expect(coloured.replace(/\u001B\[\d+m/g, '')).toBe(viewUp(sample.up, page));
  });

  it('gets its texts clean, so that a tag cannot write escape sequences', () => {
    const spins = [{ ...sample.summary, owner: '\u001B[31mred', tags: { team: '\u001B]0;x\u0007' } }];
    const answer = result({ spins, unreadable: [] }, (outcome, at) => viewLs(outcome, at, true));
    if (answer.kind !== 'result') throw new TypeError('not a result');
    expect(answer.view(page)).not.toContain('\u001B');
    expect(JSON.stringify(answer.outcome)).toContain('\\u001b');
  });
});
