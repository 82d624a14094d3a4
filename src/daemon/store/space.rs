//! Room that deleted rows leave in the file.
//!
//! It is used for the next rows first. What is more than a tenth of the file goes back to the file system, some pages at a time, where the
//! file was made so (`auto_vacuum = INCREMENTAL`, which SQLite takes only before the first table): files of earlier versions keep their
//! size and use the room again.

use super::{Store, StoreError};

/// Pages given back in one step.
const PAGES: u32 = 256;
/// Free pages that any file may keep.
const FEW: i64 = 1024;
/// `PRAGMA auto_vacuum` of files that can give pages back.
const INCREMENTAL: i64 = 2;

impl Store {
    /// Gives free pages back to the file system: a step. False where there is nothing to give.
    ///
    /// # Errors
    /// The database's own.
    pub async fn give_back(&self) -> Result<bool, StoreError> {
        let (mode, free, all): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT auto_vacuum FROM pragma_auto_vacuum), (SELECT freelist_count FROM pragma_freelist_count),
                    (SELECT page_count FROM pragma_page_count)",
        )
        .fetch_one(&self.readers)
        .await?;
        if mode != INCREMENTAL || free <= FEW.max(all / 10) {
            return Ok(false);
        }
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"))).fetch_all(&self.writer).await?;
        Ok(true)
    }
}
