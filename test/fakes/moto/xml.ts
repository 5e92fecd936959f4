/** One element of an answer. Text is kept as it stood, escapes and all, so that what is not touched is printed as it came. */
export interface Element {
  readonly name: string;
  /** As written, with the blank before the first one; '' for none. */
  readonly attributes: string;
  readonly children: (Element | string)[];
}

const PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n';
const MARKUP = /<(?:\?[^]*?\?|!--[^]*?--|\/([^\s>]+)\s*|([^\s/>!?]+)((?:"[^"]*"|'[^']*'|[^>"'])*?)(\/?))>/g;

/** A document that the parser cannot read, or whose tags do not match. */
class XmlProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'XmlProblem';
  }
}

/** The root element. Comments and processing instructions are dropped. @throws XmlProblem */
export function parseXml(text: string): Element {
  const top: Element = { name: '', attributes: '', children: [] };
  const open: Element[] = [top];
  let from = 0;
  for (const match of text.matchAll(MARKUP)) {
    const [whole, closed, opened, attributes = '', empty] = match;
    const inside = open.at(-1) ?? top;
    if (match.index > from) inside.children.push(text.slice(from, match.index));
    from = match.index + whole.length;
    if (closed !== undefined) {
      if (open.length === 1 || open.pop()?.name !== closed) throw new XmlProblem(`</${closed}> closes nothing`);
    } else if (opened !== undefined) {
      const element: Element = { name: opened, attributes: attributes.trimEnd(), children: [] };
      inside.children.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  const root = elementsOf(top)[0];
  if (root === undefined || open.length > 1) throw new XmlProblem(`not a document: ${text.slice(0, 80)}`);
  return root;
}

export function printXml(root: Element): string {
  return PROLOG + print(root);
}

function print({ name, attributes, children }: Element): string {
  const inner = children.map((child) => (typeof child === 'string' ? child : print(child))).join('');
  return `<${name}${attributes}>${inner}</${name}>`;
}

/** An element with text or elements in it. */
export function element(name: string, ...children: readonly (Element | string)[]): Element {
  return { name, attributes: '', children: children.map((child) => (typeof child === 'string' ? escapeXml(child) : child)) };
}

export function elementsOf(parent: Element): readonly Element[] {
  return parent.children.filter((child) => typeof child !== 'string');
}

/** The first element at the end of a path of names. */
export function find(parent: Element, ...path: readonly string[]): Element | undefined {
  return path.reduce<Element | undefined>(
    (at, name) => (at === undefined ? undefined : elementsOf(at).find((child) => child.name === name)),
    parent,
  );
}

/** The `item` elements of the list at the end of a path. */
export function itemsOf(parent: Element, ...path: readonly string[]): readonly Element[] {
  const list = find(parent, ...path);
  return list === undefined ? [] : elementsOf(list).filter(({ name }) => name === 'item');
}

/** The text at the end of a path; '' where there is none. */
export function textAt(parent: Element, ...path: readonly string[]): string {
  const found = find(parent, ...path);
  return found === undefined ? '' : unescapeXml(found.children.filter((child) => typeof child === 'string').join('')).trim();
}

/** Sets the text of a child, which is made where it is missing. */
export function setText(parent: Element, name: string, text: string): void {
  setChild(parent, element(name, text));
}

/** Puts a child in the place of the one with its name, or at the end. */
export function setChild(parent: Element, child: Element): void {
  const at = parent.children.findIndex((other) => typeof other !== 'string' && other.name === child.name);
  if (at === -1) parent.children.push(child);
  else parent.children[at] = child;
}

/** Drops the items of a list that `keep` does not want. */
export function keepItems(list: Element | undefined, keep: (item: Element) => boolean): void {
  if (list === undefined) return;
  const kept = list.children.filter((child) => typeof child === 'string' || child.name !== 'item' || keep(child));
  list.children.splice(0, list.children.length, ...kept);
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name ?? ''] ?? whole;
  });
}
