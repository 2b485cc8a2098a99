//! Proof that a request comes from a child of our own httpd.

/// The secret that the children of a server and the daemons of one group share: 32 random bytes, new for each
/// generation, inherited by `fork` and never written anywhere (DD §8.2; row 88: the original's was predictable).
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Size in bytes.
    pub const SIZE: usize = 32;

    /// Takes the bytes of a secret.
    #[must_use]
    pub fn new(bytes: [u8; Self::SIZE]) -> Self {
        Token(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Whether this is the token that a request brought. Takes the same time wherever they differ.
    #[must_use]
    pub fn admits(&self, presented: &[u8; Self::SIZE]) -> bool {
        let differences = self.0.iter().zip(presented);
        std::hint::black_box(differences.fold(0, |all, (ours, theirs)| all | (ours ^ theirs))) == 0
    }

    /// A request without a token carries zeros.
    #[must_use]
    pub fn is_missing(presented: &[u8; Self::SIZE]) -> bool {
        presented.iter().all(|byte| *byte == 0)
    }

    /// Forgets the secret, for the daemons of other groups.
    pub fn erase(&mut self) {
        self.0.fill(0);
        // Keeps the writes although nobody reads them here.
        std::hint::black_box(&self.0);
    }
}

impl Drop for Token {
    /// Memory that is given back does not tell the secret.
    fn drop(&mut self) {
        self.erase();
    }
}

impl std::fmt::Debug for Token {
    /// Never tells the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_itself_and_nothing_else() {
        let token = Token::new([7; 32]);
        assert!(token.admits(&[7; 32]));
        for place in 0..32 {
            let mut other = [7; 32];
            other[place] ^= 1;
            assert!(!token.admits(&other));
        }
        assert!(Token::is_missing(&[0; 32]));
        assert!(!Token::is_missing(token.bytes()));
    }

    #[test]
    fn tells_nobody() {
        let mut token = Token::new([7; 32]);
        assert_eq!(format!("{token:?}"), "Token(…)");
        token.erase();
        assert_eq!(token.bytes(), &[0; 32]);
    }
}
