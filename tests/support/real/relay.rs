//! A wire to a server on loopback that can be cut: whoever comes by it then finds that nobody answers, while the server
//! itself goes on.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub struct Relay {
    port: u16,
    is_cut: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Leads to this port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(watch::Sender::new(false));
        let switch = Arc::clone(&is_cut);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, switch.subscribe()));
            }
        });
        Self { port, is_cut, accepting }
    }

    /// What to say in place of the server's own endpoint.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Ends all connections, and every new one at once.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn connect(mut client: TcpStream, server: u16, mut is_cut: watch::Receiver<bool>) {
    let carry = async {
        // A server that is gone ends the client's connection too.
        if let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await {
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    };
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        () = carry => {}
    }
}
