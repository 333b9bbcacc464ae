/**
 * Where an error comes from, for the author of a machine: its message and those frames of its stack that are
 * in his files. Ours and Node's lead nowhere that he could mend.
 *
 * What counts as ours is the folder that this program was loaded from. An error without any frame of the
 * user's keeps all of them: then it is ours, and they are what we need to be sent.
 */
import { fileURLToPath } from 'node:url';

/** Frames lead to the place; more of them only fill the screen. */
const FRAMES_MAX = 6;
const FRAME = /^\s+at /;
/** Folders of ours; `dist/` where it is built. */
const ROOMS = ['sim', 'src'].flatMap((room) => {
  const url = new URL(`../../${room}/`, import.meta.url);
  return [url.href, fileURLToPath(url)];
});
/** Tests hand in machines as users do. */
const STANDS_FOR_A_USER = /\.(test|fixture)\.[cm]?[jt]s/;

/** The error in words; `isOwn`: a function of the user's was under way. */
export function ownStack(error: unknown): { readonly text: string; readonly isOwn: boolean } {
  const { stack } = (error ?? {}) as { stack?: unknown };
  if (typeof stack !== 'string') return { text: String(error), isOwn: false };
  const lines = stack.split('\n');
  const frames = lines.filter((line) => FRAME.test(line) && isUsers(line));
  if (frames.length === 0) return { text: stack, isOwn: false };
  const first = lines.findIndex((line) => FRAME.test(line));
  return {
    text: [...lines.slice(0, first), ...frames.slice(0, FRAMES_MAX)].join('\n'),
    isOwn: true,
  };
}

function isUsers(frame: string): boolean {
  if (/\(?node:/.test(frame) || !/[/\\]/.test(frame)) return false;
  return STANDS_FOR_A_USER.test(frame) || !ROOMS.some((room) => frame.includes(room));
}
