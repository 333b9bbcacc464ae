/** The answers that callers get: of the kind that they asked for, or an error. */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { encodeProposeHead } from '../protocol/bodies.ts';
import { encodeResult, type KvResult } from '../state/index.ts';
import { compactAnswer, deleteAnswer, putAnswer } from './answers.ts';

/** The answer's body, somewhere in what a socket brought. */
function bodyOf(result: KvResult): readonly [bytes: Buffer, start: number, end: number] {
  const body = Buffer.concat([encodeProposeHead(9, 0), encodeResult(result).bytes]);
  return [Buffer.concat([Buffer.alloc(5, 1), body, Buffer.alloc(5, 2)]), 5, 5 + body.length];
}

it('is read where it lies', () => {
  expect(putAnswer(...bodyOf({ kind: 'put', revision: 7 }))).toEqual({ revision: 7 });
  const deleted = bodyOf({ kind: 'delete', revision: 8, deleted: 2 });
  expect(deleteAnswer(...deleted)).toEqual({ revision: 8, deleted: 2 });
});

it('is refused when it is one to another command, and not read as fields that are not there', () => {
  const put = bodyOf({ kind: 'put', revision: 7 });
  const refusal = (kind: string) =>
    expect.objectContaining({
      code: 'CODEC_INVALID',
      message: expect.stringContaining(`the answer to a ${kind} is that of a put`),
    });
  expect(() => deleteAnswer(...put)).toThrow(refusal('delete'));
  expect(() => compactAnswer(...put)).toThrow(refusal('compact'));
});
