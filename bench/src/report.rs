//! stub
/// stub
/// # Errors
/// never
pub fn run(_quick: bool) -> Result<(), String> {
    Ok(())
}
