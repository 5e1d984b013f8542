//! PDF: page by page.
use super::ExtractError;
use crate::domain::extract::Extract;
pub(super) fn read(_bytes: &[u8], _on_page: &mut dyn FnMut(u32, u32)) -> Result<Extract, ExtractError> {
    Err(ExtractError::Damaged("its structure cannot be followed".into()))
}
