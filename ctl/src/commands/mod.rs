//! One command a file: its arguments and `run`.

pub mod api_resources;
pub mod apply;
pub mod completion;
pub mod config;
pub mod cordon;
pub mod cp;
pub mod create;
pub mod create_token;
pub mod delete;
pub mod describe;
pub mod down;
pub mod drain;
pub mod exec;
pub mod get;
pub mod label;
pub mod logs;
pub mod node;
pub mod patch;
pub mod pki;
pub mod port_forward;
pub mod rollout;
pub mod scale;
pub mod taint;
pub mod up;
pub mod version;
pub mod wait;
