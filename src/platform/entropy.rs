//! Randomness for the ids of streams and for the jitter of retries.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(bytes: &mut [u8]) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = Math)]
    fn random() -> f64;
}

/// Random bytes. Without Web Crypto they come from `Math.random`: ids need to differ, not to be secret.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if get_random_values(&mut bytes).is_err() {
        for byte in &mut bytes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
            {
                *byte = (random() * 256.0) as u8;
            }
        }
    }
    bytes
}
