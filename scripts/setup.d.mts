/** Types of setup.mjs, for its test. */
export declare function checkNode(version?: string): void;
export declare function ensureInstalled(): Promise<void>;
export declare function ensureBuilt(options?: { force?: boolean }): Promise<void>;
export declare function filesBelow(folder: string): string[];
