/** A process that adds entries to a kept file, one after the other: FILE NAME COUNT. */
import { addKept } from '../../../src/providers/aws/kept-file.ts';
import { FORM } from './kept-form.ts';

const [file = '', name = '', count] = process.argv.slice(2);
for (let at = 1; at <= Number(count); at++) await addKept(file, { [name]: { text: name.repeat(1_000), at } }, FORM);
