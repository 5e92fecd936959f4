/** What a spin is doing; timings are kept per phase, in this order. */
export const PHASES = ['plan', 'provision', 'bootstrap', 'register', 'serve', 'drain', 'release'] as const;

export type Phase = (typeof PHASES)[number];
