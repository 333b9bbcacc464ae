/**
 * The envelope under construction: commands are written into it as they are proposed, one behind the other,
 * and what is there when the leader's turn comes is the data of the next log entry as it stands.
 *
 * The rule that it protects: a command's bytes are copied when they are proposed, and are the caller's again
 * from then on. While a draft is open it lies in a room that all drafts share, one after the other; closing
 * it gives it bytes of its own, and exactly as many as it needs: an entry stays in memory for long. That
 * second copy is one for the whole batch, and cheaper by far than room that is guessed and thrown away.
 *
 * What may go wrong: a part's place is an offset into `bytes` of its draft, and these are others after
 * `close`. Whoever keeps a place keeps the draft with it, never its bytes.
 */
import { BATCH_BYTES_MAX } from '../limits.ts';
import {
  type CommandKind,
  ENVELOPE_HEADER_BYTES,
  partBytes,
  writeEnvelopeHeader,
  writePart,
} from './envelope.ts';
import type { RequestId } from './types.ts';

const ROOM_BYTES_MIN: number = 16 * 1024;
const ROOM_BYTES_MAX: number = ENVELOPE_HEADER_BYTES + BATCH_BYTES_MAX;

/** Commands that wait together. */
export interface Draft {
  bytes: Uint8Array;
  /** With the header; the next part begins here. */
  length: number;
  /** Parts in it. */
  count: number;
}

/** Of what was not written yet. */
export const NOWHERE: Draft = Object.freeze({ bytes: new Uint8Array(0), length: 0, count: 0 });

/** Makes drafts, one at a time. */
export class EnvelopeDrafts {
  #room: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#room.buffer);
  #open: Draft | undefined;

  /** Where the command was put: at the end of the draft that is given back. */
  add(kind: CommandKind, body: Uint8Array, request: RequestId | undefined): Draft {
    const size = partBytes(body.length, request);
    const draft = this.#withRoomFor(size);
    writePart(this.#room, this.#view, draft.length, kind, body, request);
    draft.length += size;
    draft.count++;
    return draft;
  }

  /** The same for a part that was encoded elsewhere, whole and looked at. */
  addPart(part: Uint8Array): Draft {
    const draft = this.#withRoomFor(part.length);
    this.#room.set(part, draft.length);
    draft.length += part.length;
    draft.count++;
    return draft;
  }

  /** The open draft becomes an envelope, whole and on its own. */
  close(): void {
    const draft = this.#open;
    if (draft === undefined) return;
    this.#open = undefined;
    writeEnvelopeHeader(this.#room, this.#view, draft.count);
    if (draft.length < this.#room.length) draft.bytes = this.#room.slice(0, draft.length);
    else this.#takeRoom(new Uint8Array(0));
  }

  #withRoomFor(size: number): Draft {
    const filled = this.#open?.length ?? 0;
    if (filled > 0 && filled + size > ROOM_BYTES_MAX) this.close();
    this.#open ??= { bytes: this.#room, length: ENVELOPE_HEADER_BYTES, count: 0 };
    const draft = this.#open;
    const needed = draft.length + size;
    if (needed > this.#room.length) this.#grow(needed, draft);
    return draft;
  }

  /** To what is needed for certain where no other part can join it: that room is given away, not copied. */
  #grow(needed: number, draft: Draft): void {
    const doubled = Math.max(needed, 2 * this.#room.length, ROOM_BYTES_MIN);
    const room = new Uint8Array(
      needed < ROOM_BYTES_MAX ? Math.min(doubled, ROOM_BYTES_MAX) : needed,
    );
    room.set(this.#room.subarray(0, Math.min(draft.length, this.#room.length)));
    this.#takeRoom(room);
    draft.bytes = room;
  }

  #takeRoom(room: Uint8Array): void {
    this.#room = room;
    this.#view = new DataView(room.buffer);
  }
}
