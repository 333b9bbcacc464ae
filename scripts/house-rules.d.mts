/** Types of house-rules.mjs, as far as tests use it. */
export const GROUND_FILES: readonly string[];
