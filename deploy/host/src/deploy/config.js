/**
 * `config.php` as it is made once, from the example.
 * @param {string} example
 * @param {import('../settings.js').Settings} settings
 * @param {import('../settings.js').Host} host
 */
export function fillConfig(example, settings, host) {
  void settings, host;
  return example;
}
