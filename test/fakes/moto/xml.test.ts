import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { element, find, itemsOf, keepItems, parseXml, printXml, setText, textAt } from './xml.ts';

const ANSWER = `<?xml version='1.0' encoding='utf-8'?>
<!-- made up --><R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/" a='1 > 0'>
  <set><item><id>i-1</id><note>a &lt; b &amp; &#x43;</note></item><item><id>i-2</id><empty/></item></set>
</R>`;

describe('the XML of answers', () => {
  test('is read by path', () => {
    const root = parseXml(ANSWER);
    expect(itemsOf(root, 'set').map((item) => textAt(item, 'id'))).toEqual(['i-1', 'i-2']);
    expect(textAt(root, 'set', 'item', 'note')).toBe('a < b & C');
    expect(textAt(root, 'nothing', 'here')).toBe('');
  });

  test('is printed as it came, but for what was changed', () => {
    const root = parseXml(ANSWER);
    keepItems(find(root, 'set'), (item) => textAt(item, 'id') === 'i-1');
    for (const item of itemsOf(root, 'set')) setText(item, 'id', '<i&3>');
    const printed = printXml(root);
    expect(printed).toContain(`<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/" a='1 > 0'>`);
    expect(printed).toContain('<set><item><id>&lt;i&amp;3&gt;</id><note>a &lt; b &amp; &#x43;</note></item></set>');
    expect(textAt(parseXml(printed), 'set', 'item', 'id')).toBe('<i&3>');
  });

  test('any text survives the way there and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(textAt(parseXml(printXml(element('r', element('t', text)))), 't')).toBe(text.trim());
      }),
    );
  });

  test.each(['', 'text', '<a>', '<a></b>', '</a>'])('%j is no document', (text) => {
    expect(() => parseXml(text)).toThrow(/document|closes/);
  });
});
