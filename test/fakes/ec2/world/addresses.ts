/** Addresses of a CIDR block, IPv4 only. */
export interface Block {
  readonly base: number;
  readonly size: number;
}

export function blockOf(cidr: string): Block {
  const [address = '', prefix = '32'] = cidr.split('/');
  return { base: toNumber(address), size: 2 ** (32 - Number(prefix)) };
}

/** The n-th /20 of a block, as a CIDR; the block itself where it is smaller. */
export function slice(cidr: string, n: number): string {
  const block = blockOf(cidr);
  return block.size < 4096 * (n + 1) ? cidr : `${toText(block.base + 4096 * n)}/20`;
}

/** A block of one address is given to everybody. */
export function isShared(cidr: string): boolean {
  return blockOf(cidr).size === 1;
}

/** How many instances a subnet takes. AWS keeps its first four addresses and the last one; a shared one takes as many as a /20. */
function usableOf(cidr: string): number {
  return (isShared(cidr) ? 4096 : blockOf(cidr).size) - 5;
}

/** How many more instances a subnet takes. */
export function freeOf({ cidr, taken }: { readonly cidr: string; readonly taken: number }): number {
  return usableOf(cidr) - taken;
}

/** The n-th address that an instance may have, from 0. */
export function addressAt(cidr: string, n: number): string {
  const { base, size } = blockOf(cidr);
  return toText(isShared(cidr) ? base : base + 4 + (n % (size - 5)));
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
