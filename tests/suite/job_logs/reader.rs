//! A reply that is read as it comes, and left when this is dropped.

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::contract::{self, Seen};
use crate::support::service::{PATIENCE, Reply, Service};

/// A connection with one request on it, whose reply need not come yet.
pub(crate) struct Asked {
    reply: JoinHandle<Response<Incoming>>,
    connection: JoinHandle<()>,
}

pub(crate) struct Reader {
    response: Response<Incoming>,
    _connection: Hold,
}

/// Ends the connection with it.
struct Hold(JoinHandle<()>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks, and waits for nothing.
pub(crate) async fn ask(service: &Service, path: &str) -> Asked {
    let tcp = TcpStream::connect(service.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
    let request = Request::get(path).header("host", service.address()).body(Empty::<Bytes>::new()).unwrap();
    let connection = tokio::spawn(async move { drop(connection.await) });
    let path = path.to_owned();
    let reply = tokio::spawn(async move {
        let reply = sender.send_request(request).await.unwrap();
        let (status, headers) = (reply.status(), reply.headers());
        contract::hold(&Seen { method: "GET", target: &path, status, headers, body: None });
        reply
    });
    Asked { reply, connection }
}

impl Asked {
    pub(crate) async fn reader(self) -> Reader {
        let response = timeout(PATIENCE, self.reply).await.expect("no head comes").unwrap();
        Reader { response, _connection: Hold(self.connection) }
    }

    /// The whole reply.
    pub(crate) async fn reply(self) -> Reply {
        let reader = self.reader().await;
        let (head, body) = reader.response.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("the reply does not end").unwrap();
        Reply { status: head.status, headers: head.headers, body: body.to_bytes() }
    }

    /// Hangs up before there is a reply.
    pub(crate) fn hang_up(self) {
        self.reply.abort();
        self.connection.abort();
    }
}

impl Reader {
    pub(crate) async fn open(service: &Service, path: &str) -> Self {
        let reader = ask(service, path).await.reader().await;
        assert_eq!(reader.response.status(), 200);
        reader
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next bytes; nothing at the proper end, an error at one that is not.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        let frame = timeout(PATIENCE, self.response.body_mut().frame()).await.expect("the stream says nothing");
        Ok(frame.transpose()?.map(|frame| frame.into_data().unwrap()))
    }

    /// Waits for as many bytes as this has, which must be these.
    pub(crate) async fn expect(&mut self, text: &str) {
        let mut read = Vec::new();
        while read.len() < text.len() {
            read.extend(self.piece().await.unwrap().expect("the stream ends"));
        }
        assert_eq!(String::from_utf8(read).unwrap(), text);
    }

    /// Waits for the proper end, with nothing more said.
    pub(crate) async fn end(&mut self) {
        assert_eq!(self.piece().await.unwrap(), None);
    }

    /// Reads until the stream breaks off; how much came until then.
    pub(crate) async fn until_broken(&mut self) -> usize {
        let mut read = 0;
        loop {
            match self.piece().await {
                Ok(Some(piece)) => read += piece.len(),
                Ok(None) => panic!("the stream ended as if it were whole, after {read} bytes"),
                Err(_) => return read,
            }
        }
    }
}
