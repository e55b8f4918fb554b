//! Routing.
use std::collections::{HashMap, HashSet};
use crate::body::Body as B;

/// How deep routes nest.
pub const DEPTH: usize = 8;
static NAME: &str = "router";

/// Sends requests on.
#[derive(Debug, Clone)]
pub struct Router<S> {
    routes: HashMap<String, S>,
}

pub enum Method { Get, Post }

pub trait Service {
    type Error;
    fn call(&self) -> Result<(), Self::Error>;
    fn ready(&self) -> bool { true }
}

impl<S> Router<S> {
    const MAX: usize = 1;

    /// Adds a route.
    pub fn route(mut self, path: &str) -> Self {
        fn check(path: &str) {}
        self
    }
}

impl<S> fmt::Display for Router<S> {
    fn fmt(&self) -> fmt::Result { Ok(()) }
}

macro_rules! get {
    () => {};
}

type Routes = Vec<String>;

#[cfg(test)]
mod tests {
    #[test]
    fn it_routes() {}
}
