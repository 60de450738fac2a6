//! The endpoints of the process: the list only grows.

use crate::state::Endpoint;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Default)]
pub struct Endpoints(RwLock<Vec<Arc<Endpoint>>>);

impl Endpoints {
    pub fn new(list: Vec<Arc<Endpoint>>) -> Self {
        Endpoints(RwLock::new(list))
    }

    /// Those there are now, in the order of their coming.
    pub fn iter(&self) -> std::vec::IntoIter<Arc<Endpoint>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone().into_iter()
    }

    pub fn get(&self, index: usize) -> Option<Arc<Endpoint>> {
        self.iter().nth(index)
    }

    pub fn len(&self) -> usize {
        self.iter().len()
    }

    pub fn push(&self, endpoint: Arc<Endpoint>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(endpoint);
    }
}
