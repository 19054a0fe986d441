//! Templates against prost-reflect.
