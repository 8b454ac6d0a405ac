//! Cells of the table, and how all of them are gone through without playing each one.
//!
//! Nobody is told a cell's values: whoever plays the flow, and the rules that it is compared with, ask for them one by one. Two
//! cells that differ only in what neither asked are the same flow and the same expectation, so one *case* stands for them all. A
//! case is its questions and answers in order; the next case has the next answer to the last question that has one left. How
//! many cells each case stands for adds up to the size of the whole table, which the test checks: nothing is left out and nothing
//! comes twice.

use std::cell::{Cell as Slot, RefCell};
use std::fmt;

use crate::axes::*;

const UNASKED: u8 = u8::MAX;

/// One cell, as far as anybody has asked.
pub(crate) struct Cell {
    values: [Slot<u8>; NAMES.len()],
    /// What was asked, in order, with what was answered.
    path: RefCell<Vec<(usize, u8)>>,
    /// How much of the path was asked in this case.
    asked: Slot<usize>,
}

impl Cell {
    /// The first case of a slice of the table.
    pub(crate) fn first_of(credential: Credential, authority: Authority) -> Self {
        let anywhere = Self {
            values: std::array::from_fn(|_| Slot::new(UNASKED)),
            path: RefCell::new(Vec::new()),
            asked: Slot::new(0),
        };
        anywhere.with(credential).with(authority)
    }

    /// The same with this value, asked or not.
    pub(crate) fn with<A: Axis>(self, value: A) -> Self {
        let place = A::ALL.iter().position(|other| *other == value);
        let place = place.and_then(|place| u8::try_from(place).ok());
        self.values[A::PLACE].set(place.expect("a few values"));
        self
    }

    /// Goes to the next case of the slice, if there is one.
    pub(crate) fn advance(&mut self) -> bool {
        let path = self.path.get_mut();
        assert_eq!(
            self.asked.get(),
            path.len(),
            "the same answers, fewer questions"
        );
        for (place, _) in path.iter() {
            self.values[*place].set(UNASKED);
        }
        self.asked.set(0);
        while let Some((place, value)) = path.pop() {
            let next = value + 1;
            if usize::from(next) < NAMES[place].1.len() {
                path.push((place, next));
                return true;
            }
        }
        false
    }

    /// How many cells this case stands for.
    pub(crate) fn size(&self) -> u64 {
        let unasked = NAMES
            .iter()
            .zip(&self.values)
            .filter(|(_, value)| value.get() == UNASKED);
        unasked
            .map(|((_, values), _)| u64::try_from(values.len()).expect("a few"))
            .product()
    }

    /// What was asked and answered, in order: an axis and the value's place on it.
    pub(crate) fn path(&self) -> Vec<u8> {
        let path = self.path.borrow();
        let pairs = path
            .iter()
            .flat_map(|(axis, value)| [u8::try_from(*axis).expect("a few axes"), *value]);
        pairs.collect()
    }

    fn ask<A: Axis>(&self) -> A {
        let mut value = self.values[A::PLACE].get();
        if value == UNASKED {
            let mut path = self.path.borrow_mut();
            let asked = self.asked.get();
            self.asked.set(asked + 1);
            value = match path.get(asked) {
                None => {
                    path.push((A::PLACE, 0));
                    0
                }
                Some((place, value)) => {
                    assert_eq!(*place, A::PLACE, "the same answers, another question");
                    *value
                }
            };
            self.values[A::PLACE].set(value);
        }
        A::ALL[usize::from(value)]
    }

    pub(crate) fn credential(&self) -> Credential {
        self.ask()
    }

    pub(crate) fn authority(&self) -> Authority {
        self.ask()
    }

    pub(crate) fn wish(&self) -> Wish {
        self.ask()
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.ask()
    }

    pub(crate) fn region(&self) -> Region {
        self.ask()
    }

    pub(crate) fn policy(&self) -> Policy {
        self.ask()
    }

    pub(crate) fn isolation(&self) -> Isolation {
        self.ask()
    }

    pub(crate) fn remembered(&self) -> Remembered {
        self.ask()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.ask()
    }

    pub(crate) fn discovery(&self) -> Discovery {
        self.ask()
    }

    pub(crate) fn instance(&self) -> Instance {
        self.ask()
    }

    pub(crate) fn attempt(&self) -> Attempt {
        self.ask()
    }

    pub(crate) fn rotation(&self) -> Rotation {
        self.ask()
    }

    pub(crate) fn response(&self) -> Response {
        self.ask()
    }
}

/// The values that were asked for, in the order of the axes.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((axis, values), value) in NAMES.iter().zip(&self.values) {
            if let Some(value) = values.get(usize::from(value.get())) {
                write!(f, "{axis}={value} ")?;
            }
        }
        Ok(())
    }
}
