/**
 * The JSON form of every operation's input, as schemas that turn it into typed values. Strict: a field
 * that nobody knows is an error that names it, because a misspelt `expected` would otherwise turn a
 * compare-and-set into something else.
 */
import { z } from 'zod';
import { ClusterError } from '../errors.ts';
import { NODE_ID_CHARS_MAX, RANGE_ITEMS_MAX, TRANSACTION_STEPS_MAX } from '../limits.ts';
import type { Compare, KeyRange, KvCommand, TransactionStep } from '../state/index.ts';
import { bytesFromBase64, bytesFromText } from './bytes.ts';
import { wordsOf } from './issue-words.ts';
import { toRange } from './ranges.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A malformed part of the input, found behind the schema's own checks. */
function fail(field: string, message: string): never {
  throw new ClusterError('REQUEST_INVALID', message, { details: { field } });
}

/** Turns what `build` refuses into an issue of the schema, which knows where in the input it stands. */
function shaped<In, Out>(
  build: (fields: In) => Out,
): (fields: In, context: z.RefinementCtx<In>) => Out {
  return (fields, context) => {
    try {
      return build(fields);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      const field = error.details['field'];
      const path = typeof field === 'string' ? [field] : [];
      context.addIssue({ code: 'custom', message: error.message, path });
      return z.NEVER;
    }
  };
}

const text: z.ZodType<string | undefined> = z.string().optional();

/** The bytes of field `name` or `nameBase64`; `undefined` when neither is there. */
function optionalBytes(fields: Fields, name: string): Uint8Array | undefined {
  const plain = fields[name] as string | null | undefined;
  const encoded = fields[`${name}Base64`] as string | undefined;
  if (plain !== undefined && encoded !== undefined) {
    fail(name, `give \`${name}\` or \`${name}Base64\`, not both`);
  }
  if (typeof plain === 'string') {
    return bytesFromText(plain) ?? fail(name, 'half a surrogate pair is no text; use base64');
  }
  if (encoded !== undefined) {
    return bytesFromBase64(encoded) ?? fail(`${name}Base64`, 'is not base64');
  }
  return undefined;
}

function bytes(fields: Fields, name: string): Uint8Array {
  return optionalBytes(fields, name) ?? fail(name, `is missing (\`${name}\` or \`${name}Base64\`)`);
}

const keyFields = { key: text, keyBase64: text };
const valueFields = { value: text, valueBase64: text };
const rangeFields = {
  ...keyFields,
  prefix: text,
  prefixBase64: text,
  start: text,
  startBase64: text,
  end: text,
  endBase64: text,
};

function rangeOf(fields: Fields, purpose: 'read' | 'delete'): KeyRange {
  return toRange(
    {
      key: optionalBytes(fields, 'key'),
      prefix: optionalBytes(fields, 'prefix'),
      start: optionalBytes(fields, 'start'),
      end: optionalBytes(fields, 'end'),
      all: fields['all'] as boolean | undefined,
    },
    purpose,
  );
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

const wholeNumber: z.ZodType<bigint> = z
  .union([z.int(), z.string().regex(/^-?[0-9]{1,19}$/)], {
    error: 'give a whole number up to 2^53, or a string of digits',
  })
  .transform((value) => BigInt(value))
  .refine((value) => value >= MIN_INT64 && value <= MAX_INT64, 'exceeds 64 bits');

const revision: z.ZodType<number> = z.int().min(0);
const limit: z.ZodType<number | undefined> = z.int().min(1).max(RANGE_ITEMS_MAX).optional();

export const emptyInput: z.ZodType<object> = z.strictObject({});

export const keyInput: z.ZodType<{ key: Uint8Array }> = z
  .strictObject(keyFields)
  .transform(shaped((fields) => ({ key: bytes(fields, 'key') })));

export const putInput: z.ZodType<KvCommand> = z
  .strictObject({ ...keyFields, ...valueFields })
  .transform(
    shaped((fields) => ({
      kind: 'put',
      key: bytes(fields, 'key'),
      value: bytes(fields, 'value'),
    })),
  );

export const deleteInput: z.ZodType<KvCommand> = z
  .strictObject(keyFields)
  .transform(shaped((fields) => ({ kind: 'delete', range: { start: bytes(fields, 'key') } })));

export const deleteRangeInput: z.ZodType<KvCommand> = z
  .strictObject({ ...rangeFields, all: z.boolean().optional() })
  .transform(shaped((fields) => ({ kind: 'delete', range: rangeOf(fields, 'delete') })));

export const incrementInput: z.ZodType<KvCommand> = z
  .strictObject({ ...keyFields, by: wholeNumber.optional() })
  .transform(
    shaped((fields) => ({
      kind: 'increment',
      key: bytes(fields, 'key'),
      by: fields.by ?? 1n,
    })),
  );

export const compareAndSetInput: z.ZodType<KvCommand> = z
  .strictObject({
    ...keyFields,
    ...valueFields,
    expected: z.string().nullable().optional(),
    expectedBase64: text,
  })
  .transform(
    shaped((fields) => {
      const expected = optionalBytes(fields, 'expected');
      const command = {
        kind: 'compareAndSet' as const,
        key: bytes(fields, 'key'),
        value: bytes(fields, 'value'),
      };
      return expected === undefined ? command : { ...command, expected };
    }),
  );

export interface RangeInput {
  readonly range: KeyRange;
  readonly limit?: number;
  readonly keysOnly: boolean;
}

export const rangeInput: z.ZodType<RangeInput> = z
  .strictObject({ ...rangeFields, limit, keysOnly: z.boolean().optional() })
  .transform(
    shaped((fields) => {
      const base = { range: rangeOf(fields, 'read'), keysOnly: fields.keysOnly ?? false };
      return fields.limit === undefined ? base : { ...base, limit: fields.limit };
    }),
  );

export interface WatchInput {
  readonly range: KeyRange;
  readonly from?: number;
}

export const watchInput: z.ZodType<WatchInput> = z
  .strictObject({ ...rangeFields, from: z.int().min(1).optional() })
  .transform(
    shaped((fields) => {
      const range = rangeOf(fields, 'read');
      return fields.from === undefined ? { range } : { range, from: fields.from };
    }),
  );

const operator = z.enum(['equal', 'notEqual', 'less', 'greater']);

const comparison: z.ZodType<Compare> = z
  .discriminatedUnion('target', [
    z.strictObject({
      ...keyFields,
      target: z.literal('value'),
      operator,
      operand: text,
      operandBase64: text,
    }),
    z.strictObject({
      ...keyFields,
      target: z.enum(['version', 'createRevision', 'modRevision']),
      operator,
      operand: revision,
    }),
  ])
  .transform(
    shaped((fields): Compare => {
      const key = bytes(fields, 'key');
      if (fields.target !== 'value') {
        return { key, target: fields.target, operator: fields.operator, operand: fields.operand };
      }
      const operand = bytes(fields, 'operand');
      return { key, target: 'value', operator: fields.operator, operand };
    }),
  );

const step: z.ZodType<TransactionStep> = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('put'), ...keyFields, ...valueFields }),
    z.strictObject({ kind: z.literal('delete'), ...rangeFields, all: z.boolean().optional() }),
    z.strictObject({ kind: z.literal('increment'), ...keyFields, by: wholeNumber.optional() }),
    z.strictObject({ kind: z.literal('get'), ...rangeFields, limit }),
  ])
  .transform(
    shaped((fields): TransactionStep => {
      switch (fields.kind) {
        case 'put':
          return { kind: 'put', key: bytes(fields, 'key'), value: bytes(fields, 'value') };
        case 'delete':
          return { kind: 'delete', range: rangeOf(fields, 'delete') };
        case 'increment':
          return { kind: 'increment', key: bytes(fields, 'key'), by: fields.by ?? 1n };
        case 'get': {
          const range = rangeOf(fields, 'read');
          return fields.limit === undefined
            ? { kind: 'get', range }
            : { kind: 'get', range, limit: fields.limit };
        }
      }
    }),
  );

export const transactionInput: z.ZodType<KvCommand> = z
  .strictObject({
    compare: z.array(comparison).optional(),
    then: z.array(step).optional(),
    else: z.array(step).optional(),
  })
  .transform(
    shaped((fields): KvCommand => {
      const { compare = [], then = [], else: otherwise = [] } = fields;
      const count = compare.length + then.length + otherwise.length;
      if (count > TRANSACTION_STEPS_MAX) {
        fail('then', `${count} comparisons and steps in all; at most ${TRANSACTION_STEPS_MAX}`);
      }
      return { kind: 'transaction', compare, then, else: otherwise };
    }),
  );

export const compactInput: z.ZodType<KvCommand> = z
  .strictObject({ revision })
  .transform(shaped((fields) => ({ kind: 'compact', revision: fields.revision })));

export const sessionInput: z.ZodType<{ session: number }> = z.strictObject({
  session: z.int().min(1),
});

const nodeId: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9._-]+$/, 'has characters other than A-Z a-z 0-9 . _ -')
  .max(NODE_ID_CHARS_MAX);

function isAddress(address: string): boolean {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/]+):([0-9]{1,5})$/.exec(address)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

export const nodeInput: z.ZodType<{ nodeId: string }> = z.strictObject({ nodeId });

export interface AddMemberInput {
  readonly nodeId: string;
  readonly address: string;
  /** It only follows the log until it is promoted. */
  readonly learner: boolean;
  /** The cluster that is meant; refused when it is another one. */
  readonly clusterName: string | undefined;
}

export const addMemberInput: z.ZodType<AddMemberInput> = z
  .strictObject({
    nodeId,
    address: z.string().refine(isAddress, 'is not host:port'),
    learner: z.boolean().optional(),
    clusterName: text,
  })
  .transform(({ learner = false, clusterName, ...rest }) => ({ ...rest, learner, clusterName }));

export const transferInput: z.ZodType<{ to: string }> = z.strictObject({ to: nodeId });

/** @throws REQUEST_INVALID naming the field. */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const outcome = schema.safeParse(input);
  if (outcome.success) return outcome.data;
  const issue = outcome.error.issues[0]!;
  const path = pathOf(issue.path);
  const extra = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = extra === undefined ? path : path === '' ? extra : `${path}.${extra}`;
  const what = extra === undefined ? wordsOf(issue, input) : 'is not known here; is it misspelt?';
  const where = field === '' ? 'the request' : `field \`${field}\``;
  throw new ClusterError('REQUEST_INVALID', `${where}: ${what}`, {
    details: field === '' ? {} : { field },
  });
}

/** `then[2].key`, as one would write it. */
function pathOf(path: readonly PropertyKey[]): string {
  let out = '';
  for (const part of path) {
    if (typeof part === 'number') out += `[${part}]`;
    else out += out === '' ? String(part) : `.${String(part)}`;
  }
  return out;
}
