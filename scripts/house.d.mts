/** Types of house.mjs, for its test. */
export declare function checkHouse(root: string): string[];
export declare function checkFile(path: string, text: string): string[];
