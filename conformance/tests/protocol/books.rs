//! The books of a stream: `tracked`, `dropped`, `holds`, `closed`, and the lines of type `delivery` that record their changes.

use crate::case::{Case, batch, body, case, delivery, line, line_with, stored};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("each change of dropped or closed is a line with an id of its own")
            .sends(line_with(5, r#","dropped":{"full":[[1,2]]}"#))
            .stores("")
            .sends(line_with(5, r#","dropped":{"full":[[1,2]]}"#))
            .stores("")
            .sends(line_with(5, r#","dropped":{"full":[[1,2]],"too_large":[[4,5]]},"closed":true"#))
            .stores("")
            .leaves([
                delivery(1, r#""tracked":5,"dropped":{"full":[[1,2]]},"holds":[],"closed":false"#),
                delivery(2, r#""tracked":5,"dropped":{"full":[[1,2]],"too_large":[[4,5]]},"holds":[],"closed":true"#),
            ]),
        case("dropped is the union of all that was told, in the protocol's order of reasons")
            .sends(line_with(9, r#","dropped":{"poison":[[8,9],[0,1]],"full":[[2,3]]}"#))
            .stores("")
            .sends(line_with(9, r#","dropped":{"full":[[3,5]],"age":[[6,7]]}"#))
            .stores("")
            .leaves([
                delivery(1, r#""tracked":9,"dropped":{"full":[[2,3]],"poison":[[0,1],[8,9]]},"holds":[],"closed":false"#),
                delivery(
                    2,
                    r#""tracked":9,"dropped":{"full":[[2,5]],"age":[[6,7]],"poison":[[0,1],[8,9]]},"holds":[],"closed":false"#,
                ),
            ]),
        case("tracked is the greatest, and at least the end of what is stored or dropped")
            .sends(line(2) + &batch(0..4))
            .stores("[0,4]")
            .sends(line_with(3, r#","dropped":{"off":[[4,5]]}"#))
            .stores("[0,4]")
            .sends(line_with(9, r#","dropped":{"off":[[5,6]]}"#))
            .stores("[0,4]")
            .sends(line_with(7, r#","dropped":{"off":[[6,7]]}"#))
            .stores("[0,4]")
            .leaves(stored(0..4))
            .leaves([
                delivery(1, r#""tracked":5,"dropped":{"off":[[4,5]]},"holds":[],"closed":false"#),
                delivery(2, r#""tracked":9,"dropped":{"off":[[4,6]]},"holds":[],"closed":false"#),
                delivery(3, r#""tracked":9,"dropped":{"off":[[4,7]]},"holds":[],"closed":false"#),
            ]),
        case("holds are the last that were told, but a line without closed never replaces one with it")
            .sends(line_with(9, r#","holds":[[0,9]]"#))
            .stores("")
            .sends(line_with(9, r#","holds":[[5,9],[0,2]],"closed":true"#))
            .stores("")
            .sends(line_with(9, r#","holds":[[0,1]],"dropped":{"trap":[[2,3]]}"#))
            .stores("")
            .sends(line_with(9, r#","holds":[],"closed":true,"dropped":{"trap":[[3,4]]}"#))
            .stores("")
            .leaves([
                delivery(1, r#""tracked":9,"dropped":{},"holds":[[0,2],[5,9]],"closed":true"#),
                delivery(2, r#""tracked":9,"dropped":{"trap":[[2,3]]},"holds":[[0,2],[5,9]],"closed":true"#),
                delivery(3, r#""tracked":9,"dropped":{"trap":[[2,4]]},"holds":[],"closed":true"#),
            ]),
        case("stored wins over dropped: what was dropped may arrive after all")
            .sends(line_with(3, r#","dropped":{"full":[[0,3]]}"#))
            .stores("")
            .sends(body(0..3))
            .stores("[0,3]")
            .leaves([delivery(1, r#""tracked":3,"dropped":{"full":[[0,3]]},"holds":[],"closed":false"#)])
            .leaves(stored(0..3)),
        case("events come before the books that came with them, and later ones are taken after closed")
            .sends(line_with(3, r#","closed":true"#) + &batch(0..2))
            .stores("[0,2]")
            .sends(body(2..3))
            .stores("[0,3]")
            .leaves(stored(0..2))
            .leaves([delivery(1, r#""tracked":3,"dropped":{},"holds":[],"closed":true"#)])
            .leaves(stored(2..3)),
        case("who sends is who sent last")
            .sends(line_with(1, r#","sdk":"a/1","env":"test","session":"one""#))
            .stores("")
            .sends(line_with(1, r#","env":"production","dropped":{"age":[[0,1]]}"#))
            .stores("")
            .leaves([delivery(1, r#""env":"production","tracked":1,"dropped":{"age":[[0,1]]},"holds":[],"closed":false"#)
                .replacen(r#""release":"1.4.2","type""#, r#""release":"1.4.2","env":"production","type""#, 1)]),
        case("two ranges that touch are one, and a reason that comes twice is a union")
            .sends(line_with(9, r#","dropped":{"full":[[0,1],[1,2],[1,3],[5,6]],"full":[[4,5]],"age":[]}"#))
            .stores("")
            .leaves([delivery(1, r#""tracked":9,"dropped":{"full":[[0,3],[4,6]]},"holds":[],"closed":false"#)]),
    ]
}
