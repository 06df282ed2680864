//! The real server on a real socket: clients that go away, bodies that break off, and a shutdown that drains.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use beaconry_collector::{Rate, run};
use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

async fn serve(collector: &Collector) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(run(listener, collector.state.clone(), shutdown));
    Server { address, stop, task }
}

fn head(uri: &str, length: usize) -> String {
    format!(
        "POST {uri} HTTP/1.1\r\nhost: x\r\norigin: {ORIGIN}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Waits for a condition, not for a time.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    let collector = Collector::new();
    let server = serve(&collector).await;
    for n in 0..20 {
        let sent = body(stream(n), range(0, 3));
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(head(&uri(stream(n), "key-1", NOW), sent.len()).as_bytes()).await.unwrap();
        socket.write_all(&sent).await.unwrap();
        drop(socket);
    }
    until("all 60 events are on disk", async || collector.text().lines().count() == 60).await;
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_counted_and_not_stored() {
    let collector = Collector::new();
    let server = serve(&collector).await;
    let sent = body(stream(1), range(0, 3));
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(head(&uri(stream(1), "key-1", NOW), sent.len() + 1).as_bytes()).await.unwrap();
    socket.write_all(&sent).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    until("it is counted", async || collector.stats().await["refused"]["torn"] == 1).await;
    assert_eq!(collector.text(), "");
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_over_the_limit_is_read_to_its_end_so_that_the_answer_arrives() {
    let collector = Collector::new();
    let server = serve(&collector).await;
    let large = vec![b'x'; 2 << 20];
    let request = [head(&uri(stream(1), "key-1", NOW), large.len()).into_bytes(), large].concat();
    let answer = exchange(server.address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"error\":\"too_large\""), "{answer}");
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
}

/// A refusal that is given before all is read resets the connection: the page sees a broken network, not the reason.
#[tokio::test]
async fn whatever_is_refused_is_read_to_its_end_first() {
    /// More than the sockets' buffers hold: an answer that comes early would break this off.
    const LARGE: usize = 7 << 20;
    let rate = Rate { per_second: 0.001, burst: 1 };
    let collector = Collector::with(|config| config.apps[0].rate = rate);
    let server = serve(&collector).await;
    let sent = body(stream(1), range(0, 1));
    let first = [head(&uri(stream(1), "key-1", NOW), sent.len()).into_bytes(), sent].concat();
    assert!(exchange(server.address, &first).await.starts_with("HTTP/1.1 200 "));
    let foreign = head(&uri(stream(1), "key-2", NOW), LARGE).replace(ORIGIN, "https://evil.example");
    for (head, status) in [
        (head(&uri(stream(1), "wrong", NOW), LARGE), 401),
        (foreign, 403),
        (head(&uri(stream(1), "key-1", NOW), LARGE), 429),
        (head("/v1/nothing", LARGE), 404),
        (head(&uri(stream(1), "key-2", NOW), LARGE).replace("POST", "PUT"), 405),
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..LARGE >> 16 {
            socket.write_all(&[b'x'; 1 << 16]).await.unwrap();
        }
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_answers_what_was_accepted() {
    let collector = Collector::new();
    let server = serve(&collector).await;
    let sent = body(stream(1), range(0, 3));
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let (first, rest) = sent.split_at(sent.len() / 2);
    socket.write_all(head(&uri(stream(1), "key-1", NOW), sent.len()).as_bytes()).await.unwrap();
    socket.write_all(first).await.unwrap();
    until("the request is being read", async || collector.stats().await["requests"] == 1).await;
    server.stop.send(()).unwrap();
    until("nobody new is let in", async || TcpStream::connect(server.address).await.is_err()).await;
    socket.write_all(rest).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("{\"stored\":[[0,3]]"), "{answer}");
    server.task.await.unwrap().unwrap();
    assert_eq!(collector.text().lines().count(), 3);
}
