/** House rules that no stock lint rule can say. Loaded by .oxlintrc.json; test/lint/house-rules.test.ts shows that each one fires. */
import { dirname, join, relative, sep } from 'node:path';
import { wrongArrow } from './arrows.ts';

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

interface Context {
  readonly filename: string;
  report(problem: { readonly node: unknown; readonly message: string }): void;
}

/** `throw new Error(...)`: a user gets SpinError or Fault, a bug is an InternalError. */
const noBareError = {
  create: (context: Context) => ({
    ThrowStatement(node: Node) {
      const thrown = node['argument'] as Node;
      const name = thrown.type === 'NewExpression' || thrown.type === 'CallExpression' ? (thrown['callee'] as Node)['name'] : undefined;
      if (name === 'Error' || name === 'TypeError' || name === 'RangeError') {
        context.report({ node, message: `throw SpinError, Fault or InternalError, not a bare ${name}` });
      }
    },
  }),
};

/** `new Date()` reads the wall clock; `new Date(ms)` is only a conversion. */
const noWallClock = {
  create: (context: Context) => ({
    NewExpression(node: Node) {
      const args = node['arguments'] as readonly unknown[];
      if ((node['callee'] as Node)['name'] === 'Date' && args.length === 0) {
        context.report({ node, message: 'new Date() reads the wall clock: take a Clock' });
      }
    },
  }),
};

/** Imports follow the arrows of test/lint/arrows.ts. */
const arrows = {
  create(context: Context) {
    const root = join(import.meta.dirname, '../../src');
    const from = relative(root, context.filename).split(sep).join('/');
    const check = (node: Node) => {
      const source = (node['source'] as Node | null)?.['value'];
      if (typeof source !== 'string' || !source.startsWith('.') || from.startsWith('..')) return;
      const to = relative(root, join(dirname(context.filename), source))
        .split(sep)
        .join('/');
      const problem = to.startsWith('..') ? undefined : wrongArrow(from, to);
      if (problem !== undefined) context.report({ node, message: problem });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check };
  },
};

export default { meta: { name: 'house' }, rules: { 'no-bare-error': noBareError, 'no-wall-clock': noWallClock, arrows } };
