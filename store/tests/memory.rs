//! The store's laws, in memory.

mod suite;

use suite::place::Memory;

laws_of_every_engine!(Memory);
