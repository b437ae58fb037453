//! A real disk that is full, and one whose syncs fail, under a server that goes on all the while.

mod full;
mod syncs;
