import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonSchema } from '../../src/spec/schema.ts';

describe('the JSON Schema', () => {
  it('in the repository is the one that spin schema prints (spin schema > spin.schema.json)', async () => {
    const kept: unknown = JSON.parse(await readFile(new URL('../../spin.schema.json', import.meta.url), 'utf8'));
    expect(kept).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
  });

  it('is of draft 2020-12, describes every key, and holds no bounds that only a runtime has', () => {
    const schema = jsonSchema();
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      required: ['name', 'services'],
      additionalProperties: false,
    });
    const text = JSON.stringify(schema);
    expect(text).not.toContain('9007199254740991');
    const undescribed: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'properties')
          for (const [name, property] of Object.entries(inner as object))
            if (!('description' in (property as object))) undescribed.push(`${path}.${name}`);
        visit(inner, `${path}.${key}`);
      }
    };
    visit(schema, '');
    expect(undescribed.filter((path) => !/\.(services|secrets|volumes|databases)$/.test(path))).toEqual([]);
  });
});
