//! Exports of an embedded log, compared byte by byte and read by DuckDB.

mod dictionary;
mod duckdb;
mod exports;
mod given;
mod scans;
