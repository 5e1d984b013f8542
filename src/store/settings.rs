//! Settings made in the app: a value for a name. What the names mean is known above.

use rusqlite::{OptionalExtension, params};

use super::Store;
use super::error::Result;

const SETTING: &str = "SELECT value FROM settings WHERE name = ?1";

const SET: &str = "
    INSERT INTO settings (name, value, changed_at_ms) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at_ms = excluded.changed_at_ms";

const UNSET: &str = "DELETE FROM settings WHERE name = ?1";

impl Store {
    /// The value of the setting `name`; `None` where it was never made, or was taken back.
    pub async fn setting(&self, name: &'static str) -> Result<Option<String>> {
        self.read(move |rows| Ok(rows.prepare_cached(SETTING)?.query_row([name], |row| row.get(0)).optional()?)).await
    }

    /// Makes the setting `name`, or takes it back.
    pub async fn set_setting(&self, name: &'static str, value: Option<String>, now_ms: i64) -> Result<()> {
        self.write(move |rows| {
            match value {
                Some(value) => rows.prepare_cached(SET)?.execute(params![name, value, now_ms])?,
                None => rows.prepare_cached(UNSET)?.execute([name])?,
            };
            Ok(())
        })
        .await
    }
}
