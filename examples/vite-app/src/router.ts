/** The name of a route: without the numbers in it, so that all items are one. */
export const routeOf = (path: string): string => path.replace(/\/\d+(?=\/|$)/g, '/:id');

/** Follows the page's own links without loading it anew; `show` is called for each address, and for the first. */
export function startRouter(show: (path: string) => void): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[href^="/"]') : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, '', link.href);
    show(location.pathname);
  });
  addEventListener('popstate', () => show(location.pathname));
  show(location.pathname);
}
