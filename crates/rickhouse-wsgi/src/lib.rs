//! temp
#![forbid(unsafe_code)]
pub mod status {
    pub fn parse(b: &[u8]) -> Result<(u16, &[u8]), String> {
        let t = std::str::from_utf8(b).map_err(|e| e.to_string())?;
        let c = t.get(..3).and_then(|x| x.parse().ok()).ok_or("status")?;
        Ok((c, b.get(4..).unwrap_or_default()))
    }
}
pub mod header {
    pub fn check_name(_: &[u8]) -> Result<(), String> {
        Ok(())
    }
    pub fn check_value(_: &[u8]) -> Result<(), String> {
        Ok(())
    }
}
pub mod content_length {
    pub fn parse_declared(b: &[u8]) -> Result<u64, String> {
        std::str::from_utf8(b)
            .ok()
            .and_then(|x| x.parse().ok())
            .ok_or_else(|| "x".to_string())
    }
}
