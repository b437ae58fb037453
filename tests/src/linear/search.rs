//! The search for an order.
//!
//! Calls and returns stand in one list, by time. An operation may come next when its call stands before the first return of
//! those that are left. It is taken out of the list and the search goes on; when no operation fits before a return, the last one
//! is put back and another tried. What was reached once (which operations were done, and the register then) is not tried again.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::history::{Operation, Value};

/// A register's operations that no order explains.
#[derive(Debug, Clone)]
pub struct Violation {
    pub register: String,
    /// The most operations that some order could do, what the register was then, and which operation had to come next.
    pub done: usize,
    pub current: Value,
    pub stuck: Operation,
    /// What happened around it.
    pub around: Vec<Operation>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { register, done, current, stuck, around } = self;
        writeln!(f, "register {register}: no order explains what was answered.")?;
        writeln!(f, "After {done} operations it is {current:?}, and this one fits nowhere: {stuck}")?;
        around.iter().try_for_each(|operation| writeln!(f, "    {operation}"))
    }
}

impl std::error::Error for Violation {}

/// Whether the history is linearizable. Registers do not exist at its beginning.
pub fn check(history: &[Operation]) -> Result<(), Violation> {
    let mut registers: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        registers.entry(&operation.register).or_default().push(operation);
    }
    registers.into_values().try_for_each(|operations| Search::new(&operations).run())
}

/// The place before the first event.
const HEAD: usize = 0;

#[derive(Clone, Copy)]
enum Event {
    Call(usize),
    Return(usize),
}

struct Search<'a> {
    operations: &'a [&'a Operation],
    /// By place; the head is none.
    events: Vec<Option<Event>>,
    /// The events that are left, as a linked list that ends where it began.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// The place of each operation's return.
    returns: Vec<Option<usize>>,
    /// Answered operations that are not done.
    owed: usize,
    done: Vec<u64>,
    tried: HashSet<(Vec<u64>, Value)>,
    /// Calls that were taken out, and what the register was before.
    taken: Vec<(usize, Value)>,
    current: Value,
    /// The furthest that any order came.
    best: Option<(usize, Value, usize)>,
}

impl<'a> Search<'a> {
    fn new(operations: &'a [&'a Operation]) -> Search<'a> {
        let mut timed = Vec::new();
        for (number, operation) in operations.iter().enumerate() {
            timed.push((operation.called, 0, Event::Call(number)));
            if let Some(returned) = operation.returned {
                timed.push((returned, 1, Event::Return(number)));
            }
        }
        // At one and the same time calls come first: then nothing is said about the order.
        timed.sort_by_key(|(time, kind, _)| (*time, *kind));
        let events: Vec<_> = std::iter::once(None).chain(timed.into_iter().map(|(_, _, event)| Some(event))).collect();
        let mut returns = vec![None; operations.len()];
        for (place, event) in events.iter().enumerate() {
            if let Some(Event::Return(number)) = event {
                returns[*number] = Some(place);
            }
        }
        let places = events.len();
        Search {
            operations,
            events,
            next: (1..=places).map(|place| place % places).collect(),
            previous: (0..places).map(|place| (place + places - 1) % places).collect(),
            owed: returns.iter().flatten().count(),
            returns,
            done: vec![0; operations.len().div_ceil(64)],
            tried: HashSet::new(),
            taken: Vec::new(),
            current: None,
            best: None,
        }
    }

    fn run(mut self) -> Result<(), Violation> {
        let mut place = self.next[HEAD];
        while self.owed > 0 {
            let event = self.events[place];
            match event {
                Some(Event::Call(number)) if self.take(place, number) => place = self.next[HEAD],
                Some(Event::Call(_)) => place = self.next[place],
                Some(Event::Return(number)) => {
                    if self.best.is_none_or(|(most, ..)| self.taken.len() > most) {
                        self.best = Some((self.taken.len(), self.current, number));
                    }
                    match self.put_back() {
                        Some(last) => place = self.next[last],
                        None => return Err(self.violation()),
                    }
                }
                // An answered operation is left, so a return stands before the list's end.
                None => return Err(self.violation()),
            }
        }
        Ok(())
    }

    /// Does an operation next, if it fits and this was not tried.
    fn take(&mut self, place: usize, number: usize) -> bool {
        let Some(after) = self.operations[number].step.apply(self.current) else {
            return false;
        };
        self.done[number / 64] ^= 1 << (number % 64);
        if !self.tried.insert((self.done.clone(), after)) {
            self.done[number / 64] ^= 1 << (number % 64);
            return false;
        }
        self.taken.push((place, self.current));
        self.current = after;
        self.unlink(place);
        if let Some(returned) = self.returns[number] {
            self.unlink(returned);
            self.owed -= 1;
        }
        true
    }

    /// Undoes the last operation, and returns the place of its call.
    fn put_back(&mut self) -> Option<usize> {
        let (place, before) = self.taken.pop()?;
        let Some(Event::Call(number)) = self.events[place] else {
            return None;
        };
        self.current = before;
        self.done[number / 64] ^= 1 << (number % 64);
        if let Some(returned) = self.returns[number] {
            self.link(returned);
            self.owed += 1;
        }
        self.link(place);
        Some(place)
    }

    fn unlink(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        (self.next[previous], self.previous[next]) = (next, previous);
    }

    /// Undoes the last `unlink`.
    fn link(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        (self.next[previous], self.previous[next]) = (place, place);
    }

    fn violation(&self) -> Violation {
        let (done, current, stuck) = self.best.unwrap_or((0, None, 0));
        let stuck = self.operations[stuck];
        let (from, to) = (stuck.called, stuck.returned.unwrap_or(u64::MAX));
        let overlaps = |o: &&&Operation| o.called <= to && o.returned.is_some_and(|returned| returned >= from);
        let mut around: Vec<Operation> =
            self.operations.iter().filter(overlaps).map(|operation| (*operation).clone()).collect();
        // And the last ones that had ended before.
        let mut before: Vec<_> =
            self.operations.iter().filter(|o| o.returned.is_some_and(|returned| returned < from)).collect();
        before.sort_by_key(|operation| operation.returned);
        around.extend(before.iter().rev().take(10).map(|operation| (**operation).clone()));
        around.sort_by_key(|operation| operation.called);
        Violation { register: stuck.register.clone(), done, current, stuck: stuck.clone(), around }
    }
}
