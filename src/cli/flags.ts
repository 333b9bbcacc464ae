/** What commander hands to the commands: their flags, parsed and checked in program.ts. */

export interface DevFlags {
  readonly nodes: number;
  readonly dir: string;
  readonly basePort: number;
  readonly fresh?: boolean;
  readonly color: boolean;
}

/** Flags that all `kv` commands share. */
export interface KvFlags {
  readonly nodes?: string;
  readonly timeoutMs: number;
  readonly local?: boolean;
  readonly json?: boolean;
}

/** Flags that all `members` commands share. */
export interface MembersFlags {
  readonly nodes?: string;
  readonly timeoutMs: number;
  readonly json?: boolean;
}

export interface ImportFlags extends KvFlags {
  readonly format: 'ndjson' | 'lines';
  readonly prefix: string;
  readonly inFlight: number;
  readonly fromLine: number;
  readonly skipInvalid?: boolean;
}

export interface SimFlags {
  readonly seeds?: string;
  readonly mode?: string;
  readonly nodes?: number;
  readonly trace?: boolean;
  readonly shrink: boolean;
  readonly stopAtFirst?: boolean;
  readonly json?: boolean;
}
