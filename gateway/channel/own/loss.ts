/** Why a request to a kernel gets no answer: the kernel reports its end, a restart by HTTP, or the client left. */
export type Loss = 'starting' | 'restarting' | 'dead' | 'restarted' | 'closed';
