//! Sets of ranges behave as sets of numbers do.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use beaconry_core::{Range, Ranges};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Insert(Range),
    Remove(Range),
}

fn any_range() -> impl Strategy<Value = Range> {
    (0u32..120, 1u32..25).prop_map(|(start, len)| Range::new(start, start + len).unwrap())
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![any_range().prop_map(Step::Insert), any_range().prop_map(Step::Remove)],
        0..40,
    )
}

fn numbers(range: Range) -> std::ops::Range<u32> {
    range.start()..range.end()
}

fn build(steps: Vec<Step>) -> (Ranges, BTreeSet<u32>) {
    let (mut ranges, mut model) = (Ranges::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Insert(range) => {
                ranges.insert(range);
                model.extend(numbers(range));
            }
            Step::Remove(range) => {
                ranges.remove(range);
                model.retain(|n| !range.contains(*n));
            }
        }
    }
    (ranges, model)
}

fn as_set(ranges: &Ranges) -> BTreeSet<u32> {
    ranges.iter().flat_map(numbers).collect()
}

proptest! {
    #[test]
    fn ranges_are_the_set_of_their_numbers(steps in any_steps(), probe in any_range()) {
        let (ranges, model) = build(steps);
        prop_assert_eq!(as_set(&ranges), model.clone());
        let pieces: Vec<_> = ranges.iter().collect();
        prop_assert!(pieces.windows(2).all(|w| w[0].end() < w[1].start()), "ascending, apart: {:?}", pieces);
        prop_assert_eq!(ranges.count(), model.len() as u64);
        prop_assert_eq!(ranges.end(), model.last().map_or(0, |n| n + 1));
        prop_assert_eq!(ranges.contains(probe.start()), model.contains(&probe.start()));
        prop_assert_eq!(ranges.contains_range(probe), numbers(probe).all(|n| model.contains(&n)));
        prop_assert_eq!(ranges.intersects(probe), numbers(probe).any(|n| model.contains(&n)));
        let inside: BTreeSet<u32> = ranges.within(probe).flat_map(numbers).collect();
        let gaps = as_set(&ranges.gaps(probe));
        prop_assert!(inside.iter().all(|n| model.contains(n) && probe.contains(*n)));
        prop_assert!(gaps.iter().all(|n| !model.contains(n)));
        prop_assert_eq!((inside.len() + gaps.len()) as u32, probe.len());
    }

    #[test]
    fn sets_add_and_subtract(a in any_steps(), b in any_steps()) {
        let ((a, a_model), (b, b_model)) = (build(a), build(b));
        let (mut union, mut difference) = (a.clone(), a);
        union.extend(&b);
        difference.subtract(&b);
        prop_assert_eq!(as_set(&union), &a_model | &b_model);
        prop_assert_eq!(as_set(&difference), &a_model - &b_model);
    }

    #[test]
    fn sets_are_read_back(steps in any_steps()) {
        let (ranges, _) = build(steps);
        let mut json = Vec::new();
        ranges.encode(&mut json);
        prop_assert_eq!(Ranges::parse(&json), Ok(ranges));
    }
}

#[test]
fn what_is_no_set_is_refused() {
    for text in [
        "",
        "[",
        "[[1]]",
        "[[1,2,3]]",
        "[[2,2]]",
        "[[3,1]]",
        "[[-1,2]]",
        "[[0,4294967296]]",
        "[[1,2],]",
        "{}",
        "[[01,2]]",
    ] {
        assert!(Ranges::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(
        Ranges::parse(b" [ [ 4 , 6 ] , [ 0 , 4 ] ] ").unwrap(),
        Ranges::from(Range::new(0, 6).unwrap())
    );
    let endless = format!("[{}[0,1]]", "[0,1],".repeat(beaconry_core::MAX_RANGES));
    assert!(Ranges::parse(endless.as_bytes()).is_err());
}
