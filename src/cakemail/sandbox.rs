//! What `cmhook sandbox` and its clients know of each other, so that they work together
//! without a login.

/// Who logs in where nothing else was said.
pub const EMAIL: &str = "sandbox@cmhook.test";

/// That user's password.
pub const PASSWORD: &str = "sandbox";

/// A personal access token that a sandbox always takes. It is no secret, and good for
/// nothing else.
pub const ACCESS_TOKEN: &str = "ck_pat_5a4db0c05a4db0c05a4db0c05a4db0c05a4db0c0";

/// The header of each of its answers; the value is cmhook's version.
pub const HEADER: &str = "cmhook-sandbox";

/// Where it listens where nothing else was said.
pub const PORT: u16 = 4500;

/// The base of its API there.
pub const API: &str = "http://127.0.0.1:4500";

/// The account of its user.
pub const ACCOUNT: u32 = 17;

/// Bytes of a request's body at most.
pub const LONGEST_BODY: usize = 1 << 20;

/// Levels of arrays and objects in its JSON at most.
pub const DEEPEST_JSON: usize = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_looks_like_one() {
        let hex = ACCESS_TOKEN.strip_prefix("ck_pat_").unwrap();
        assert_eq!(hex.len(), 40);
        assert!(hex.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(API.ends_with(&format!(":{PORT}")));
    }
}
