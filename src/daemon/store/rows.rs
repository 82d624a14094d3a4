//! Many rows a statement: a statement that is run for each row would wait for the connection's thread each time, and JSON that SQLite takes
//! apart costs more than values that are bound.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

/// Rows of a statement, most first. Each size is prepared once, which costs as much as it is long: a replay puts in few rows.
const SIZES: [usize; 3] = [128, 16, 1];

/// A statement whose values are bound.
pub(super) type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A statement for some rows at a time.
pub(super) struct Rows([String; SIZES.len()]);

impl Rows {
    /// `head`, as `INSERT INTO t (a, b)`, the values of rows of so many columns, `tail`.
    pub fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        Rows(SIZES.map(|rows| format!("{head} VALUES {} {tail}", vec![&*row; rows].join(","))))
    }

    /// The statement of one row.
    #[cfg(test)]
    pub fn single(&self) -> &str {
        let [.., one] = &self.0;
        one
    }

    /// Puts in all rows; `bind` adds the values of one. While the connection's thread puts in some, the values of the next are made ready.
    ///
    /// # Errors
    /// The database's own.
    pub async fn put<T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl for<'q> Fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> sqlx::Result<()> {
        let mut left = rows;
        let mut next = || {
            let (size, statement) = SIZES.iter().zip(&self.0).find(|(size, _)| **size <= left.len())?;
            let (chunk, rest) = left.split_at_checked(*size)?;
            left = rest;
            Some(chunk.iter().fold(sqlx::query(sqlx::AssertSqlSafe(statement.as_str())), &bind))
        };
        let mut ready = next();
        while let Some(query) = ready {
            let (done, following) = tokio::join!(biased; query.execute(&mut *connection), async { next() });
            done?;
            ready = following;
        }
        Ok(())
    }
}
