/** IDs in the forms of AWS; a run that makes the same things in the same order gets the same ones. */
export class Ids {
  #serial = 0;

  serial(): number {
    return ++this.#serial;
  }

  /** `i-0` and 16 hexadecimal digits, of which the last eight are the serial number. */
  id(prefix: string, serial: number): string {
    return `${prefix}-0${hex(mix(serial))}${hex(serial)}`;
  }

  /** A request ID in the form of a UUID. */
  request(): string {
    const serial = this.serial();
    const text = hex(mix(serial)) + hex(mix(serial + 1)) + hex(mix(serial + 2)) + hex(serial);
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-a${text.slice(17, 20)}-${text.slice(20)}`;
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0').slice(-8);
}

/** A bijection of 32 bits, so that neighbours do not look alike (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
