// The page's clocks, which a test can set, or let run ahead. What was set stays so in this tab, over reloads.
window.clock = (() => {
  const { Date } = window;
  const now = performance.now.bind(performance);
  let passed = 0;
  let offset = 0;
  try {
    offset = Number(sessionStorage.getItem('clock'));
  } catch {
    // The browser keeps nothing: neither does this.
  }

  window.Date = class extends Date {
    constructor(...args) {
      super(...(args.length ? args : [window.Date.now()]));
    }
    static now() {
      return Date.now() + offset + passed;
    }
  };
  performance.now = () => now() + passed;

  return {
    /** The user, or a time server, sets the wall clock: the other goes on as it was. */
    set: (ms) => sessionStorage.setItem('clock', (offset += ms)),
    /** Time goes by, by both clocks. */
    pass: (ms) => (passed += ms),
  };
})();
