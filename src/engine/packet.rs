//! stub
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Encap;
