//! A registry that misbehaves in a chosen way, for an image that is otherwise right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::layout::Layout;

/// What is asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) range: Option<u64>,
    /// How many requests of this path came before.
    pub(crate) before: usize,
}

/// What it answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Of the body, before the connection breaks.
    pub(crate) cut: Option<usize>,
    /// Instead of breaking or ending, the connection stays, and nothing more comes.
    pub(crate) stall: Option<Stall>,
}

/// Where a registry says nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    /// Within the headers.
    Head,
    /// After what there is of the body.
    Body,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: None,
            stall: None,
        }
    }
}

type Answer = Box<dyn Fn(&Request, Reply) -> Reply + Send + Sync>;

pub(crate) struct BadRegistry {
    port: u16,
    ended: Arc<AtomicBool>,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl BadRegistry {
    /// Serves the first image of a layout as `x:1`; `answer` may change each reply.
    pub(crate) fn of(
        layout: Layout,
        answer: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (stop, seen) = (Arc::clone(&ended), Arc::clone(&requests));
        let answer: Answer = Box::new(answer);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    // A client that goes away is its own business.
                    let _ = serve(&stream, &layout, &seen, &answer);
                }
            }
        });
        Self {
            port,
            ended,
            requests,
            thread: Some(thread),
        }
    }

    pub(crate) fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for BadRegistry {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn serve(
    stream: &TcpStream,
    layout: &Layout,
    seen: &Mutex<Vec<Request>>,
    answer: &Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = [0];
    stream.peek(&mut first)?;
    // It speaks no TLS.
    if first[0] == 0x16 {
        let mut writer = stream;
        return writer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        let lower = header.to_ascii_lowercase();
        if let Some(from) = lower.strip_prefix("range: bytes=") {
            range = from.trim().trim_end_matches('-').parse().ok();
        }
    }
    let before = {
        let seen = seen.lock().unwrap();
        seen.iter().filter(|other| other.path == path).count()
    };
    let request = Request {
        path,
        range,
        before,
    };
    let reply = answer(&request, right(&request, layout));
    seen.lock().unwrap().push(request);
    let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    let has_length = reply
        .headers
        .iter()
        .any(|(name, _)| *name == "content-length");
    if !has_length {
        text.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut writer = stream;
    if reply.stall == Some(Stall::Head) {
        writer.write_all(text.as_bytes())?;
        return wait_for_end(reader);
    }
    writer.write_all(format!("{text}\r\n").as_bytes())?;
    let sent = reply.cut.unwrap_or(reply.body.len());
    writer.write_all(&reply.body[..sent.min(reply.body.len())])?;
    match reply.stall {
        Some(_) => wait_for_end(reader),
        None => Ok(()),
    }
}

/// Says nothing until the client goes away.
fn wait_for_end(mut reader: impl Read) -> std::io::Result<()> {
    std::io::copy(&mut reader, &mut std::io::sink()).map(drop)
}

/// What a good registry would answer.
fn right(request: &Request, layout: &Layout) -> Reply {
    let index = std::fs::read(layout.path().join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let entry = &index["manifests"][0];
    let digest = match request.path.rsplit_once('/') {
        Some(("/v2/x/manifests", "1")) => entry["digest"].as_str().unwrap(),
        Some((_, digest)) if digest.starts_with("sha256:") => digest,
        _ => return Reply::status(404),
    };
    let mut body = Vec::new();
    match std::fs::File::open(layout.blob(digest)) {
        Ok(mut file) => file.read_to_end(&mut body).unwrap(),
        Err(_) => return Reply::status(404),
    };
    let mut reply = Reply::status(200);
    if request.path.contains("/manifests/") {
        let kind = entry["mediaType"].as_str().unwrap().to_owned();
        reply.headers.push(("content-type", kind));
    }
    if let Some(from) = request.range {
        let from = usize::try_from(from).unwrap();
        let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
        reply.headers.push(("content-range", range));
        reply.status = 206;
        body = body.split_off(from);
    }
    reply.body = body;
    reply
}
