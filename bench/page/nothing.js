// The harness alone: what remains of a figure when nobody listens.
export async function start() {
  return { track: () => {}, flush: async () => {} };
}
