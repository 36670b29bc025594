//! Everything that comes in, as one function over `http` types.
