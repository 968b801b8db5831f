//! What it costs to speak TLS, and to say who calls: the same read from the cache, with every way of both.

use crate::bench::{Bench, FLOOR, bearer, get, put_jobs, request, status_path};
use crate::cluster::{Cluster, binary};
use crate::contest::{Way, contest};
use crate::floor::Floor;
use crate::generator::Target;
use crate::generator::connection::Tls;
use crate::support::pki::{Authority, Leaf};
use crate::support::service::{Folder, Service, run as run_command};

const NAME: &str = "status from the cache, by who may call (stub)";
const CALLERS_TOKEN: &str = "a-callers.own-cluster-token";

/// A service with its settings' price, and how it is called.
struct Side {
    name: &'static str,
    service: Service,
    headers: String,
    tls: Option<Tls>,
}

pub(crate) async fn run(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    cluster.controls().accept_token(CALLERS_TOKEN, "caller");
    let path = status_path("bench", "nightly-report-00000000");
    let sides = sides(&cluster).await;
    let size = sides[0].service.get(&path).await.expect_status(200).body.len();
    let floor = Floor::start(size as u64);
    for connections in [1, 64] {
        let bare = Way::new(FLOOR, Target::plain(&floor.address), vec![floor.pid()], bench.pace.load(get("/")));
        let mut ways = vec![Ok(bare)];
        for side in &sides {
            let target = Target { tls: side.tls.clone(), ..Target::plain(side.service.address()) };
            let load = bench.pace.load(request("GET", &path, &side.headers, ""));
            ways.push(Ok(Way::new(side.name, target, vec![side.service.pid()], load)));
        }
        let rows = contest(&mut bench.generator, bench.pace, (NAME, ""), connections, &mut ways);
        bench.report.rows.extend(rows);
    }
}

async fn sides(cluster: &Cluster) -> Vec<Side> {
    let printed = run_command(&binary(), &["keygen", "bench", "--role", "read", "--namespaces", "*"], &[]).await;
    let [key, line] = [printed.stdout, printed.stderr].map(|text| String::from_utf8(text).unwrap());
    let key = key.trim_end();
    let folder = Folder::new();
    folder.write("keys", &line);
    let authority = Authority::new("bench");
    let leaf = authority.issue_loopback();
    folder.write("cert.pem", &leaf.chain_pem);
    folder.write("key.pem", &leaf.key_pem);
    folder.write("ca.pem", &authority.pem());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (keys, cert, private, ca) = (path("keys"), path("cert.pem"), path("key.pem"), path("ca.pem"));
    let tls = [("EKS_API_TLS_CERT_FILE", cert.as_str()), ("EKS_API_TLS_KEY_FILE", private.as_str())];
    let by_key = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", keys.as_str())];
    let mutual = [&tls[..], &[("EKS_API_TLS_CLIENT_CA_FILE", ca.as_str())]].concat();
    let identity = |leaf: &Leaf| (leaf.chain_pem.clone(), leaf.key_pem.clone());
    let by_tls = |identity| Some(Tls { ca_pem: authority.pem(), identity });
    let caller = identity(&authority.issue(&["caller"]));
    let side = async |name, settings: &[(&str, &str)], headers: &str, tls| {
        let service = cluster.service(settings).await;
        Side { name, service, headers: headers.to_owned(), tls }
    };
    vec![
        side("anybody", &[], "", None).await,
        side("api-key", &by_key, &bearer(key), None).await,
        side("kubernetes", &[("EKS_API_AUTH", "kubernetes")], &bearer(CALLERS_TOKEN), None).await,
        side("TLS", &tls, "", by_tls(None)).await,
        side("TLS, certificate", &mutual, "", by_tls(Some(caller))).await,
        side("TLS, api-key", &[&tls[..], &by_key].concat(), &bearer(key), by_tls(None)).await,
    ]
}
