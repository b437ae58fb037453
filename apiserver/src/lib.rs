
pub mod kinds;
