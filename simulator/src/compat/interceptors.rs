//! Answers to client commands that are made up beforehand. What is compared is one whole read from the client, as the
//! proxy of the other suites does: commands that come together match nothing.

use crate::limits::{MAX_CANNED_REPLIES, MAX_INTERCEPTORS};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

struct Interceptor {
    name: String,
    matches: Vec<u8>,
    response: Bytes,
    invoked: u64,
    matched: u64,
}

#[derive(Default)]
struct Inner {
    list: Vec<Interceptor>,
    canned: VecDeque<Bytes>,
}

#[derive(Default)]
pub struct Interceptors {
    /// Whether there are any: asked at each read.
    any: AtomicBool,
    inner: Mutex<Inner>,
}

impl Interceptors {
    fn change<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = crate::state::lock(&self.inner);
        let result = f(&mut inner);
        self.any.store(!inner.list.is_empty() || !inner.canned.is_empty(), Ordering::Release);
        result
    }

    /// The same name replaces.
    pub fn set(&self, name: String, matches: Vec<u8>, response: Vec<u8>) -> Result<(), String> {
        self.change(|inner| {
            let new = Interceptor { name, matches, response: response.into(), invoked: 0, matched: 0 };
            match inner.list.iter().position(|i| i.name == new.name) {
                Some(known) => inner.list[known] = new,
                None if inner.list.len() >= MAX_INTERCEPTORS => {
                    return Err(format!("at most {MAX_INTERCEPTORS} interceptors"));
                }
                None => inner.list.push(new),
            }
            Ok(())
        })
    }

    /// These answer whatever comes next, in order.
    pub fn can(&self, responses: Vec<Vec<u8>>) -> Result<(), String> {
        if responses.len() > MAX_CANNED_REPLIES {
            return Err(format!("at most {MAX_CANNED_REPLIES} responses"));
        }
        self.change(|inner| inner.canned = responses.into_iter().map(Into::into).collect());
        Ok(())
    }

    pub fn clear(&self) {
        self.change(|inner| *inner = Inner::default());
    }

    /// What to answer in place of executing what was read.
    pub fn answer(&self, read: &[u8]) -> Option<Bytes> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.change(|inner| {
            if let Some(canned) = inner.canned.pop_front() {
                return Some(canned);
            }
            for i in &mut inner.list {
                i.invoked += 1;
                if i.matches.eq_ignore_ascii_case(read) {
                    i.matched += 1;
                    return Some(i.response.clone());
                }
            }
            None
        })
    }

    pub fn stats(&self) -> Vec<Value> {
        let inner = crate::state::lock(&self.inner);
        let one = |i: &Interceptor| json!({"name": i.name, "matchLimit": null, "invokeCount": i.invoked, "matchCount": i.matched});
        inner.list.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_whole_and_ignores_case() {
        let i = Interceptors::default();
        assert_eq!(i.answer(b"PING\r\n"), None);
        i.set("n".into(), b"ping\r\n".to_vec(), b"+X\r\n".to_vec()).unwrap();
        assert_eq!(i.answer(b"PiNG\r\n").unwrap(), &b"+X\r\n"[..]);
        assert_eq!(i.answer(b"PING\r\nPING\r\n"), None);
        i.set("n".into(), b"no_match".to_vec(), vec![]).unwrap();
        assert_eq!(i.answer(b"PING\r\n"), None);
        assert_eq!(i.stats().len(), 1);
    }

    #[test]
    fn there_are_only_so_many() {
        let i = Interceptors::default();
        for n in 0..MAX_INTERCEPTORS {
            i.set(n.to_string(), vec![], vec![]).unwrap();
        }
        assert!(i.set("one more".into(), vec![], vec![]).is_err());
        assert!(i.set("0".into(), vec![], vec![]).is_ok());
        assert!(i.can(vec![vec![]; MAX_CANNED_REPLIES + 1]).is_err());
    }
}
