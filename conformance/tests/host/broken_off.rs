//! Clients that break off, and bodies that come in pieces.

use std::io::Write;
use std::net::TcpStream;

use beaconry_conformance::http;
use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};

use crate::common::{body, ids, now, store, stream};

fn head(target: &Target, stream: &str, framing: &str) -> String {
    let path = target.path();
    format!(
        "POST {path}?key=key-1&stream={stream}&now={} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{framing}\r\n\r\n",
        now()
    )
}

#[test]
fn a_body_that_breaks_off_is_not_stored() {
    for kind in Kind::ALL {
        let target = Target::start(kind).unwrap();
        let whole = body(&stream(1), 0, 3);
        // To the last line break it looks like a whole one.
        let request = head(&target, &stream(1), &format!("content-length: {}", whole.len() + 1)) + &whole;
        let answer = http::break_off(target.address(), request.as_bytes()).unwrap();
        assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 408)), "{kind:?}");
        // What comes after it has been dealt with after it.
        store(&target, &stream(2), 0, 1);
        assert_eq!(ids(&target), [format!("{}.0", stream(2))], "{kind:?}");
    }
}

#[test]
fn a_client_that_goes_away_cancels_nothing() {
    for kind in Kind::PHP {
        let target = Target::start(kind).unwrap();
        for n in 0..20 {
            let whole = body(&stream(n), 0, 3);
            let request = head(&target, &stream(n), &format!("content-length: {}", whole.len())) + &whole;
            let mut socket = TcpStream::connect(target.address()).unwrap();
            socket.write_all(request.as_bytes()).unwrap();
            // It waits until PHP has begun, for what no server has read nobody can store.
            process::until("the journal grows", || {
                Ok((ids(&target).len() >= 3 * usize::from(n)).then_some(()))
            })
            .unwrap();
        }
        process::until("all is stored", || Ok((ids(&target).len() == 60).then_some(()))).unwrap();
    }
}

#[test]
fn a_body_in_pieces_is_one() {
    for kind in Kind::ALL {
        let target = Target::start(kind).unwrap();
        let whole = body(&stream(1), 0, 3);
        let pieces: String = whole
            .as_bytes()
            .chunks(50)
            .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)))
            .collect();
        let request = head(&target, &stream(1), "transfer-encoding: chunked") + &pieces + "0\r\n\r\n";
        let answer = http::exchange(target.address(), request.as_bytes()).unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"stored":[[0,3]],"rejected":[]}"#),
            "{kind:?}"
        );
    }
}
