//! Making writes and syncs fail.
