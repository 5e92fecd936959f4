import { Fault } from '../../fault.ts';

/**
 * A Fault without a value that its request held: who refuses a request quotes it, as it is or encoded. Its cause goes too, as that may hold
 * the request.
 */
export function unquoted(fault: Fault, value: string): Fault {
  const message = formsOf(value).reduce((text, form) => text.replaceAll(form, '[secret]'), fault.message);
  return new Fault(fault.kind, fault.class, message, { exhausted: fault.exhausted });
}

/** How a value is written in messages, pages, forms and headers; the longest first, of which others may be a part. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    new URLSearchParams({ '': value }).toString().slice(1),
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ];
  return [...new Set(forms)].toSorted((one, other) => other.length - one.length);
}
