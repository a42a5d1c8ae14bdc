/** Why nothing more is heard of what was sent to a kernel: what it says of its life, a restart by HTTP, or the client left. */
export type Loss = 'starting' | 'restarting' | 'dead' | 'restarted' | 'closed';
