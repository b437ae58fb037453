//! Reads of the store that fail, as clients are told of them.

use timonier_api::status::Status;
use timonier_store::ReadError;

/// What a failed read means to a client.
pub fn read_error(error: ReadError) -> Status {
    match error {
        ReadError::Compacted { oldest } => Status::expired(format!("too old resource version, the oldest is {oldest}")),
        ReadError::TooEarly { .. } => Status::expired(error.to_string()),
        ReadError::Future { current } => Status::timeout(format!("Too large resource version, current: {current}"), 1),
        ReadError::Unavailable(reason) => Status::service_unavailable(reason),
        ReadError::Corrupt(reason) => Status::internal(reason),
    }
}
