//! The port, its connections and the state they share. What is said on a connection is the
//! exchange's part.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::access::Access;
use super::connection::{Connection, Counted};
use super::exchange;
use super::fault::Fault;
use super::logs::Logs;
use super::recorded::Recorded;
use super::store::Store;
use super::watches::Watches;
use super::{StubConfig, auto};
use crate::support::port::Port;

#[derive(Debug)]
pub struct Server {
    /// Kept while nobody listens, as a cluster's name is.
    pub port: Port,
    pub requests: watch::Sender<Vec<Recorded>>,
    pub faults: Mutex<Vec<Fault>>,
    pub watches: Watches,
    pub logs: Arc<Logs>,
    access: Mutex<Access>,
    store: Arc<Mutex<Store>>,
    tls: Mutex<Arc<ServerConfig>>,
    accepted: AtomicUsize,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    connections: Mutex<Vec<(Arc<Connection>, JoinHandle<()>)>>,
    auto: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(config: StubConfig, tls: Arc<ServerConfig>) -> Arc<Self> {
        let port = Port::new();
        let listener = port.listen();
        let (store, logs) = (Arc::new(Mutex::new(Store::new())), Arc::new(Logs::default()));
        let server = Arc::new(Self {
            port,
            requests: watch::Sender::default(),
            faults: Mutex::default(),
            watches: Watches::default(),
            logs: Arc::clone(&logs),
            access: Mutex::new(Access::new(config.rules)),
            auto: config.auto.map(|pace| tokio::spawn(auto::play(Arc::clone(&store), Arc::clone(&logs), pace))),
            store,
            tls: Mutex::new(tls),
            accepted: AtomicUsize::new(0),
            acceptor: Mutex::default(),
            connections: Mutex::default(),
        });
        server.accept_from(listener);
        server
    }

    pub fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap()
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub fn replace_tls(&self, tls: Arc<ServerConfig>) {
        *self.tls.lock().unwrap() = tls;
    }

    /// Listens again after `stop`.
    pub fn listen(self: &Arc<Self>) {
        self.accept_from(self.port.listen());
    }

    fn accept_from(self: &Arc<Self>, listener: TcpListener) {
        let server = Arc::clone(self);
        let acceptor = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                server.accepted.fetch_add(1, Ordering::SeqCst);
                // As Go's servers do: else the second piece of an answer waits for the client's delayed word of the first.
                tcp.set_nodelay(true).unwrap();
                server.adopt(tcp);
            }
        });
        let former = self.acceptor.lock().unwrap().replace(acceptor);
        assert!(former.is_none(), "the stub listens already");
    }

    fn adopt(self: &Arc<Self>, tcp: TcpStream) {
        let connection = Arc::new(Connection::default());
        let task = tokio::spawn(serve(Arc::clone(self), tcp, Arc::clone(&connection)));
        let mut connections = self.connections.lock().unwrap();
        connections.retain(|(_, task)| !task.is_finished());
        connections.push((connection, task));
    }

    /// Returns when the listening socket and all connections are closed.
    pub async fn stop(&self) {
        let acceptor = self.acceptor.lock().unwrap().take();
        if let Some(acceptor) = acceptor {
            acceptor.abort();
            // The task's end is what closes the socket; how it ended is known.
            let _ = acceptor.await;
        }
        self.close_connections().await;
    }

    pub async fn close_connections(&self) {
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        for (connection, task) in connections {
            connection.cut();
            let _ = task.await;
        }
    }

    /// As `stop`, without waiting: the tasks hold this value, so it would never be dropped by
    /// itself.
    pub fn kill(&self) {
        let acceptor = self.acceptor.lock().unwrap().take();
        acceptor.iter().chain(&self.auto).for_each(JoinHandle::abort);
        for (connection, _) in &*self.connections.lock().unwrap() {
            connection.cut();
        }
    }
}

async fn serve(server: Arc<Server>, tcp: TcpStream, connection: Arc<Connection>) {
    let tls = Arc::clone(&server.tls.lock().unwrap());
    let talk = async {
        // A client that breaks off, or that does not trust the leaf, is its test's matter, not an
        // error here.
        let Ok(stream) = TlsAcceptor::from(tls).accept(Counted::new(tcp, Arc::clone(&connection))).await else {
            return;
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let service = service_fn(|request| exchange::answer(Arc::clone(&server), Arc::clone(&connection), request));
        let io = TokioIo::new(stream);
        let _ = if http2 {
            http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
        } else {
            http1::Builder::new().serve_connection(io, service).await
        };
    };
    tokio::select! {
        biased;
        () = connection.until_cut() => {}
        () = talk => {}
    }
}
