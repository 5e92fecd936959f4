/**
 * The layers of src/ and the arrows between them, as ARCHITECTURE says them. One table: the lint rule `house/arrows`
 * and test/architecture.test.ts both read it.
 */

interface Layer {
  /** Folders that it may import, beside its own. */
  readonly may: readonly string[];
  /** Files beyond those folders that it may import, and no others of their folder. */
  readonly files?: readonly string[];
}

/** Ports and the shapes that travel through them: what a layer may know of another without knowing its engine. */
const PORTS = ['providers/provider.ts', 'providers/fault.ts', 'store/store.ts', 'store/record.ts', 'store/interval.ts'] as const;

export const LAYERS: Readonly<Record<string, Layer>> = {
  core: { may: [] },
  spec: { may: ['core'], files: ['providers/provider.ts'] },
  plan: { may: ['core', 'spec'], files: ['providers/provider.ts'] },
  store: { may: ['core', 'spec', 'plan'], files: ['providers/provider.ts'] },
  providers: { may: ['core', 'spec', 'plan'] },
  telemetry: { may: ['core'], files: PORTS },
  cost: { may: ['core', 'spec', 'plan'], files: PORTS },
  policy: { may: ['core', 'spec', 'plan', 'cost'], files: PORTS },
  gc: { may: ['core', 'spec', 'plan', 'lifecycle'], files: PORTS },
  lifecycle: { may: ['core', 'spec', 'plan', 'store', 'telemetry'], files: PORTS },
  app: { may: ['core', 'spec', 'plan', 'store', 'telemetry', 'cost', 'policy', 'gc', 'lifecycle'], files: PORTS },
  // The composition root wires everything, so nothing is closed to it.
  cli: { may: ['core', 'spec', 'plan', 'store', 'telemetry', 'cost', 'policy', 'gc', 'lifecycle', 'app', 'providers'] },
};

/** Adapters: the folders that only the composition root may name. */
const ADAPTER = /^(providers\/[^/]+\/|providers\/registry\.ts$|store\/[^/]*-store\.ts$)/;

/**
 * Why one file of src may not import another, or undefined where it may.
 * @param from importing file, relative to src, such as `app/up.ts`
 * @param to imported file, likewise
 */
export function wrongArrow(from: string, to: string): string | undefined {
  const [fromLayer, toLayer] = [folderOf(from), folderOf(to)];
  const layer = LAYERS[fromLayer];
  if (layer === undefined) return `src/${from}: ${fromLayer} is no layer of ARCHITECTURE`;
  if (ADAPTER.test(to) && fromLayer !== 'cli' && !sameAdapter(from, to)) return `${from} -> ${to}: only cli names an adapter`;
  if (fromLayer === toLayer || layer.may.includes(toLayer) || layer.files?.includes(to) === true) return undefined;
  return `${from} -> ${to}: ${fromLayer} may import ${[...layer.may, ...(layer.files ?? [])].join(', ') || 'nothing of ours'}`;
}

function sameAdapter(from: string, to: string): boolean {
  const folder = (file: string) => file.split('/').slice(0, 2).join('/');
  if (from.startsWith('store/') && to.startsWith('store/')) return true;
  return from === 'providers/registry.ts' || (from.startsWith('providers/') && folder(from) === folder(to));
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? '';
}
