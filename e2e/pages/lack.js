// Takes away what the query says that this browser lacks.
for (const name of new URLSearchParams(location.search).getAll('without')) {
  Object.defineProperty(window, name, { value: undefined });
}
