/** What was done in runs, as plain data: of one run, and added up over many. */
export interface RunSums {
  readonly simulatedMs: number;
  /** What clients were told; `failed` are certainly without effect. */
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Faults that struck, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly elections: number;
  readonly crashes: number;
  /** Power cuts that took something that was written and not synced. */
  readonly crashesWithLoss: number;
}
