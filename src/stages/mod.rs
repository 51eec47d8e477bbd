//! What the verbs do, one file a step; [`run`] tells the whole story. Stages
//! report to [`crate::progress`], remember in [`crate::ledger`], and know no
//! terminal.

mod adopt;
mod apart;
pub mod backup;
mod batch_size;
mod catch_up;
mod changes;
mod check;
pub mod context;
mod count_key;
mod deletion;
pub mod dimensions;
mod entries;
mod estimate;
mod evidence;
mod export;
mod flights;
pub mod follow;
mod gate;
pub mod generation;
pub mod index;
pub mod inventory;
mod keep_overwritten;
mod kv_bulk;
mod left_behind;
pub mod listing;
mod mend;
mod names;
mod newcomers;
mod origin;
mod poison;
pub mod prepare;
pub mod rebuild;
pub mod records;
mod refusals;
mod remarks;
pub mod restore;
pub mod rollback;
pub mod run;
mod second_look;
mod send;
mod settle;
pub mod show;
pub(crate) mod stale_entries;
mod tenants;
mod timing;
pub mod to_file;
mod upsert;
mod vanished;
pub(crate) mod vector_count;
mod whole;

pub use changes::facts as mapping_facts;
pub use check::{Files, write_rejections};
pub use export::export;
pub use left_behind::left_behind;
