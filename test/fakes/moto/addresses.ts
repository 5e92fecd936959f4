import { type Element, elementsOf, find, itemsOf, setText, textAt } from './xml.ts';

/**
 * Gives every address that moto invents one of this machine's own loopback addresses instead, always the same one:
 * whoever dials it reaches nobody else.
 */
export class Addresses {
  readonly #given = new Map<string, string>();

  forget(): void {
    this.#given.clear();
  }

  /** Rewrites the addresses of an instance or of a network interface and empties their names in the DNS. */
  rewrite(thing: Element): void {
    this.#rewriteOwn(thing);
    for (const nic of itemsOf(thing, 'networkInterfaceSet')) this.rewrite(nic);
    for (const one of itemsOf(thing, 'privateIpAddressesSet')) this.rewrite(one);
    const association = find(thing, 'association');
    if (association !== undefined) this.#rewriteOwn(association);
  }

  #rewriteOwn(thing: Element): void {
    for (const { name } of elementsOf(thing)) {
      if (name === 'privateIpAddress' || name === 'ipAddress' || name === 'publicIp')
        setText(thing, name, this.#loopback(textAt(thing, name)));
      if (name === 'privateDnsName' || name === 'dnsName' || name === 'publicDnsName') setText(thing, name, '');
    }
  }

  #loopback(address: string): string {
    if (address === '' || address.startsWith('127.')) return address;
    const known = this.#given.get(address);
    if (known !== undefined) return known;
    const number = this.#given.size + 1;
    const loopback = `127.77.${Math.floor(number / 250)}.${(number % 250) + 1}`;
    this.#given.set(address, loopback);
    return loopback;
  }
}
